/**
 * Server: all scores of a catalogue for an encrypted profile; products with clear polynomials, no key.
 * @module
 */
import {
  ByteReader,
  ByteWriter,
  Ciphertext,
  type Context,
  readSeeded,
  resultBytes,
  WireError,
  writeResult,
} from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { ProgramError } from '../errors.ts';
import type { AdCatalogue } from './catalogue.ts';
import { ringContext } from './context.ts';
import { FEATURES } from './features.ts';
import { ADS_A_CIPHERTEXT, GROUPS, KEEP, MAX_ADS, PACK, PROFILE_BYTES, RING } from './parameters.ts';

/** Catalogue id and number of scores, before the ciphertexts. */
const HEAD_BYTES = 8;

/** Which coefficients of the ciphertext `block` are scores. */
export function positions(rows: number, block: number): { start: number; stride: number; count: number } {
  const count = Math.min(ADS_A_CIPHERTEXT, rows - block * ADS_A_CIPHERTEXT);
  return { start: PACK - 1, stride: PACK, count };
}

export const blocksOf = (rows: number): number => Math.ceil(rows / ADS_A_CIPHERTEXT);

/** Bytes of a result, without its envelope. */
export function scoresBytes(rows: number): number {
  let sum = HEAD_BYTES;
  for (let block = 0; block < blocksOf(rows); block++)
    sum += resultBytes(RING.n, positions(rows, block), KEEP);
  return sum;
}

/** w_g of one ciphertext of the result, as coefficients. */
function weightPolynomial(catalogue: AdCatalogue, block: number, group: number, target: Float64Array): void {
  target.fill(0);
  const first = block * ADS_A_CIPHERTEXT;
  const features = Math.min(PACK, FEATURES - group * PACK);
  for (let j = 0; j < positions(catalogue.rows, block).count; j++)
    for (let i = 0; i < features; i++)
      target[PACK * j + PACK - 1 - i] = catalogue.weights[(first + j) * FEATURES + group * PACK + i];
}

/** The catalogue's polynomials in the NTT domain: blocks x groups of N doubles. */
function transformed(context: Context, catalogue: AdCatalogue): number {
  const blocks = blocksOf(catalogue.rows);
  const ptr = context.alloc(blocks * GROUPS);
  for (let block = 0; block < blocks; block++)
    for (let group = 0; group < GROUPS; group++) {
      const limb = ptr + context.limbBytes(block * GROUPS + group);
      weightPolynomial(catalogue, block, group, context.kernels.f64(limb, context.n));
      context.moduli[0].forward(limb);
    }
  return ptr;
}

/** Transformed catalogues live as long as the kernels: a server has one or few. */
const prepared = new WeakMap<Kernels, WeakMap<AdCatalogue, number>>();

function preparedWeights(context: Context, catalogue: AdCatalogue): number {
  const { kernels } = context;
  const known = prepared.get(kernels) ?? new WeakMap<AdCatalogue, number>();
  prepared.set(kernels, known);
  const ptr = known.get(catalogue) ?? transformed(context, catalogue);
  known.set(catalogue, ptr);
  return ptr;
}

function readProfile(context: Context, profile: Uint8Array): Ciphertext[] {
  const reader = new ByteReader(profile);
  const groups: Ciphertext[] = [];
  try {
    for (let group = 0; group < GROUPS; group++) groups.push(readSeeded(context, reader, 0, 1));
  } catch (error) {
    for (const group of groups) group.dispose();
    if (error instanceof WireError)
      throw new ProgramError('CIPHERTEXT_INVALID', `the encrypted profile: ${error.message}`, 'input', error);
    throw error;
  }
  return groups;
}

/**
 * @param profile exactly PROFILE_BYTES bytes
 * @throws ProgramError CIPHERTEXT_INVALID
 */
export function encryptedScores(kernels: Kernels, catalogue: AdCatalogue, profile: Uint8Array): Uint8Array {
  if (profile.length !== PROFILE_BYTES)
    throw new ProgramError(
      'CIPHERTEXT_INVALID',
      `an encrypted profile has ${PROFILE_BYTES} bytes, not ${profile.length}`,
      'input',
    );
  const context = ringContext(kernels);
  const { arena, x } = kernels;
  const weights = preparedWeights(context, catalogue);
  const groups = readProfile(context, profile);
  const pointers = arena.alloc(3 * 4 * GROUPS);
  const writer = new ByteWriter(scoresBytes(catalogue.rows));
  writer.u32(catalogue.id).u32(catalogue.rows);
  const sum = new Ciphertext(context, 1, 0, 1);
  try {
    const { value, inverse } = context.moduli[0];
    for (let block = 0; block < blocksOf(catalogue.rows); block++) {
      const list = kernels.i32(pointers, 3 * GROUPS);
      groups.forEach((group, g) => {
        list[g] = group.limb(0, 0);
        list[GROUPS + g] = group.limb(1, 0);
        list[2 * GROUPS + g] = weights + context.limbBytes(block * GROUPS + g);
      });
      const columns = pointers + 4 * 2 * GROUPS;
      for (const part of [0, 1])
        x.v_dot(sum.limb(part, 0), pointers + 4 * part * GROUPS, columns, GROUPS, context.n, value, inverse);
      writeResult(writer, sum, positions(catalogue.rows, block), KEEP);
    }
  } finally {
    for (const group of groups) group.dispose();
    sum.dispose();
    arena.free(pointers);
  }
  return writer.bytes;
}

/** @throws ProgramError RESULT_INVALID */
export function scoresHead(payload: Uint8Array): {
  catalogueId: number;
  rows: number;
  ciphertexts: Uint8Array;
} {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const rows = payload.length < HEAD_BYTES ? 0 : view.getUint32(4, true);
  if (rows < 1 || rows > MAX_ADS || payload.length !== scoresBytes(rows))
    throw new ProgramError(
      'RESULT_INVALID',
      `${payload.length} bytes are no result of ${rows} scores: it was cut short or changed`,
      'outputs',
    );
  return { catalogueId: view.getUint32(0, true), rows, ciphertexts: payload.subarray(HEAD_BYTES) };
}
