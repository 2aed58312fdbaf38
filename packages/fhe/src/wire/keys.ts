/**
 * Public and evaluation keys on the wire: seeds for the masks, packed residues for the rest. What must be in the file
 * follows from the profile; a file that differs is refused.
 * @module
 */
import { EvaluationKeys } from '../ckks/evaluation-keys.ts';
import { SEED_BYTES } from '../random.ts';
import { Ciphertext } from '../rlwe/ciphertext.ts';
import type { Context } from '../rlwe/context.ts';
import { PublicKey } from '../rlwe/encryption.ts';
import { expandMasks } from '../rlwe/sampling.ts';
import { digitCount, SwitchingKey, type SwitchingKeySpec } from '../rlwe/switching-key.ts';
import { ByteReader, ByteWriter, contentError } from './reader.ts';
import { readLimbs, writeLimb } from './residues.ts';

export interface EvaluationKeySpec extends SwitchingKeySpec {
  /** Galois element, or RELINEARIZATION (0). */
  galois: number;
}

const limbBytes = (modulus: number, n: number): number => (n * Math.ceil(Math.log2(modulus))) / 8;

export interface ModuliShape {
  logN: number;
  q: readonly number[];
  p: readonly number[];
}

/** Payload bytes of a public key; needs no context. */
export function publicKeyBytes(shape: ModuliShape, level: number): number {
  let sum = 4 + SEED_BYTES;
  for (let i = 0; i <= level; i++) sum += limbBytes(shape.q[i], 2 ** shape.logN);
  return sum;
}

/** Payload bytes of an evaluation key file. */
export function evaluationKeyBytes(shape: ModuliShape, specs: readonly EvaluationKeySpec[]): number {
  const n = 2 ** shape.logN;
  let sum = 4;
  for (const spec of specs) {
    let basis = 0;
    for (let i = 0; i <= spec.level; i++) basis += limbBytes(shape.q[i], n);
    for (let k = 0; k < spec.special; k++) basis += limbBytes(shape.p[k], n);
    sum += 8 + SEED_BYTES + digitCount(spec) * basis;
  }
  return sum;
}

export function writePublicKey(key: PublicKey): Uint8Array {
  const { context, level } = key.pair;
  const writer = new ByteWriter(publicKeyBytes(context.parameters, level));
  writer.u32(level).raw(key.seed);
  for (let i = 0; i <= level; i++) writeLimb(context, writer, key.pair.limb(0, i), i);
  return writer.bytes;
}

/** @throws WireError */
export function readPublicKey(context: Context, payload: Uint8Array, level: number): PublicKey {
  const reader = new ByteReader(payload);
  const stated = reader.u32();
  if (stated !== level)
    throw contentError(`the public key is at level ${stated}, the profile asks for ${level}`);
  const seed = reader.raw(SEED_BYTES).slice();
  const pair = new Ciphertext(context, 1, level, 1);
  try {
    const limbs = context.basis(level, 0);
    readLimbs(
      context,
      reader,
      limbs.map((i) => ({ ptr: pair.limb(0, i), index: i })),
    );
    expandMasks(
      context,
      seed,
      limbs.map((i) => ({ dst: pair.limb(1, i), index: 0, limb: i })),
    );
    reader.end();
  } catch (error) {
    pair.dispose();
    throw error;
  }
  return new PublicKey(pair, seed);
}

/** Writes keys one at a time, so that no more than one is in memory while they are generated. */
export class EvaluationKeyWriter {
  readonly #writer: ByteWriter;
  readonly #context: Context;

  constructor(context: Context, specs: readonly EvaluationKeySpec[]) {
    this.#context = context;
    this.#writer = new ByteWriter(evaluationKeyBytes(context.parameters, specs));
    this.#writer.u32(specs.length);
  }

  add(galois: number, key: SwitchingKey): void {
    const { level, special } = key;
    this.#writer.u32(galois).u16(level).u16(special).raw(key.seed);
    const basis = this.#context.basis(level, special);
    for (let d = 0; d < key.digits; d++) {
      basis.forEach((index, t) => {
        writeLimb(this.#context, this.#writer, key.b(d, t), index);
      });
    }
  }

  finish(): Uint8Array {
    return this.#writer.bytes;
  }
}

/** @throws WireError when the keys are not exactly those of `specs`, in order */
export function readEvaluationKeys(
  context: Context,
  payload: Uint8Array,
  specs: readonly EvaluationKeySpec[],
): EvaluationKeys {
  const expected = evaluationKeyBytes(context.parameters, specs);
  if (payload.length !== expected) {
    throw contentError(`the evaluation key has ${payload.length} bytes, the profile asks for ${expected}`);
  }
  const reader = new ByteReader(payload);
  const count = reader.u32();
  if (count !== specs.length) throw contentError(`${count} keys, the profile asks for ${specs.length}`);
  const keys = new EvaluationKeys();
  try {
    for (const spec of specs) {
      const stated = { galois: reader.u32(), level: reader.u16(), special: reader.u16() };
      if (stated.galois !== spec.galois || stated.level !== spec.level || stated.special !== spec.special) {
        throw contentError(
          `found a key for element ${stated.galois} at level ${stated.level}, expected ${spec.galois} at level ${spec.level}`,
        );
      }
      const key = new SwitchingKey(context, spec, reader.raw(SEED_BYTES).slice());
      keys.set(spec.galois, key);
      const basis = context.basis(spec.level, spec.special);
      for (let d = 0; d < key.digits; d++) {
        readLimbs(
          context,
          reader,
          basis.map((index, t) => ({ ptr: key.b(d, t), index })),
        );
      }
    }
    reader.end();
  } catch (error) {
    keys.dispose();
    throw error;
  }
  return keys;
}
