/**
 * Ciphertexts on the wire. Fresh ones travel as a seed and one polynomial. Results travel with only those coefficients of
 * c_0 that the client needs, and after a modulus switch to `keep` bits: what is not sent cannot leak.
 * @module
 */
import { FheError } from '../errors.ts';
import { SEED_BYTES } from '../random.ts';
import { Ciphertext } from '../rlwe/ciphertext.ts';
import type { Context } from '../rlwe/context.ts';
import type { SeededCiphertext } from '../rlwe/encryption.ts';
import { expandMasks } from '../rlwe/sampling.ts';
import type { ModuliShape } from './keys.ts';
import type { ByteReader, ByteWriter } from './reader.ts';
import { readLimbs, readSwitched, writeLimb, writeSwitched } from './residues.ts';

export function seededBytes(shape: ModuliShape, level: number): number {
  let sum = SEED_BYTES;
  for (let i = 0; i <= level; i++) sum += (2 ** shape.logN * Math.ceil(Math.log2(shape.q[i]))) / 8;
  return sum;
}

export function writeSeeded(writer: ByteWriter, { ciphertext, seed }: SeededCiphertext): void {
  writer.raw(seed);
  for (let i = 0; i <= ciphertext.level; i++) writeLimb(ciphertext.context, writer, ciphertext.limb(0, i), i);
}

export function readSeeded(context: Context, reader: ByteReader, level: number, scale: number): Ciphertext {
  const seed = reader.raw(SEED_BYTES).slice();
  const ciphertext = new Ciphertext(context, 1, level, scale);
  try {
    const limbs = context.basis(level, 0);
    readLimbs(
      context,
      reader,
      limbs.map((i) => ({ ptr: ciphertext.limb(0, i), index: i })),
    );
    expandMasks(
      context,
      seed,
      limbs.map((i) => ({ dst: ciphertext.limb(1, i), index: 0, limb: i })),
    );
  } catch (error) {
    ciphertext.dispose();
    throw error;
  }
  return ciphertext;
}

/** Which coefficients of c_0 a result carries: start, start + stride, ... (count of them). */
export interface Positions {
  start: number;
  stride: number;
  count: number;
}

const padded = (count: number): number => Math.ceil(count / 8) * 8;

/** Bytes of one result ciphertext at level 0 with `keep` bits a coefficient. */
export function resultBytes(n: number, positions: Positions, keep: number): number {
  return ((padded(positions.count) + n) * keep) / 8;
}

/** Most bits that a coefficient keeps: the kernels' limit. */
const MAX_KEEP = 50;

function checkResult(n: number, { start, stride, count }: Positions, keep: number): void {
  const whole = [start, stride, count, keep].every((v) => Number.isSafeInteger(v));
  const inside = start >= 0 && stride >= 1 && count >= 1 && start + (count - 1) * stride < n;
  if (!whole || !inside || keep < 1 || keep > MAX_KEEP) {
    throw new FheError(
      'VALUE_RANGE',
      `${count} positions from ${start} by ${stride} with ${keep} bits do not fit ${n} coefficients of 1..${MAX_KEEP} bits`,
      'positions',
    );
  }
}

/**
 * Writes a level-0 ciphertext of degree 1.
 * @throws FheError LEVEL_MISMATCH, DEGREE_MISMATCH, VALUE_RANGE
 */
export function writeResult(
  writer: ByteWriter,
  ciphertext: Ciphertext,
  positions: Positions,
  keep: number,
): void {
  const { context } = ciphertext;
  const { kernels, n, moduli } = context;
  if (ciphertext.level !== 0)
    throw new FheError('LEVEL_MISMATCH', `a result is at level 0, not ${ciphertext.level}`, 'ciphertext');
  if (ciphertext.degree !== 1)
    throw new FheError('DEGREE_MISMATCH', 'relinearise before a result is written', 'ciphertext');
  checkResult(n, positions, keep);
  const copy = context.alloc(2);
  const selected = kernels.arena.allocZeroed(padded(positions.count) * 8);
  for (const part of [0, 1]) {
    context.copyLimbs(copy + context.limbBytes(part), ciphertext.limb(part, 0), 1);
    moduli[0].inverseTransform(copy + context.limbBytes(part));
  }
  const source = kernels.f64(copy, n);
  const target = kernels.f64(selected, positions.count);
  for (let k = 0; k < positions.count; k++) target[k] = source[positions.start + k * positions.stride];
  writeSwitched(context, writer, selected, 0, padded(positions.count), keep);
  writeSwitched(context, writer, copy + context.limbBytes(1), 0, n, keep);
  context.free(copy);
  context.free(selected);
}

/**
 * Reads what `writeResult` wrote; coefficients of c_0 that were not sent are zero.
 * @throws WireError WIRE_TRUNCATED, FheError VALUE_RANGE (positions or keep of no valid profile)
 */
export function readResult(
  context: Context,
  reader: ByteReader,
  positions: Positions,
  keep: number,
  scale: number,
): Ciphertext {
  const { kernels, n, moduli } = context;
  checkResult(n, positions, keep);
  const result = new Ciphertext(context, 1, 0, scale);
  const selected = kernels.arena.allocZeroed(padded(positions.count) * 8);
  try {
    readSwitched(context, reader, selected, 0, padded(positions.count), keep);
    readSwitched(context, reader, result.limb(1, 0), 0, n, keep);
  } catch (error) {
    context.free(selected);
    result.dispose();
    throw error;
  }
  const source = kernels.f64(selected, positions.count);
  const target = kernels.f64(result.limb(0, 0), n);
  target.fill(0);
  for (let k = 0; k < positions.count; k++) target[positions.start + k * positions.stride] = source[k];
  context.free(selected);
  for (const part of [0, 1]) moduli[0].forward(result.limb(part, 0));
  return result;
}
