/**
 * Client: scores and the advertisements that fit best.
 * @module
 */
import { ByteReader, phase, readResult } from '@velum/fhe';
import type { ProgramKeys } from '../keys.ts';
import type { AdCatalogue } from './catalogue.ts';
import { blocksOf, positions, scoresHead } from './circuit.ts';
import { ringContext } from './context.ts';
import { secretOf } from './encode.ts';
import { DELTA, KEEP, T } from './parameters.ts';

/** How many advertisements a result names. */
const TOP = 5;

export interface AdResult {
  /** The best ones, the highest score first; of equal ones the lower index. */
  readonly top: { index: number; title: string; score: number }[];
  /** The score of every advertisement, by index. */
  readonly scores: number[];
}

/** Ranks scores; titles come from the catalogue where it is the one that was scored. */
export function ranked(scores: number[], catalogue: AdCatalogue | undefined): AdResult {
  const order = scores.map((_, index) => index).sort((a, b) => scores[b] - scores[a] || a - b);
  const top = order.slice(0, TOP).map((index) => ({
    index,
    title: catalogue?.ads[index]?.title ?? `advertisement ${index}`,
    score: scores[index],
  }));
  return { top, scores };
}

/** @throws ProgramError RESULT_INVALID */
export function decryptScores(keys: ProgramKeys, catalogue: AdCatalogue, payload: Uint8Array): AdResult {
  const { catalogueId, rows, ciphertexts } = scoresHead(payload);
  const context = ringContext(keys.kernels);
  const reader = new ByteReader(ciphertexts);
  const secret = secretOf(keys);
  const scores: number[] = [];
  try {
    for (let block = 0; block < blocksOf(rows); block++) {
      const at = positions(rows, block);
      const ciphertext = readResult(context, reader, at, KEEP, 1);
      const values = phase(secret, ciphertext, 1);
      ciphertext.dispose();
      for (let j = 0; j < at.count; j++)
        scores.push(((Math.round(values[at.start + j * at.stride] / DELTA) % T) + T) % T);
    }
  } finally {
    secret.dispose();
  }
  return ranked(scores, catalogueId === catalogue.id ? catalogue : undefined);
}
