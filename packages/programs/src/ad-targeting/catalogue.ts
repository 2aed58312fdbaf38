/**
 * A catalogue of advertisements as the server computes with it: a matrix of small weights, one row for each
 * advertisement and one column for each feature. A score is the sum of the weights at the features a profile has.
 * @module
 */
import { ProgramError } from '../errors.ts';
import { FEATURES } from './features.ts';
import { failureBits, MAX_ADS, MAX_SCORE, NEEDED_BITS } from './parameters.ts';

/** What the client shows of an advertisement. */
export interface AdInfo {
  readonly title: string;
}

export interface AdCatalogue {
  /** Empty when the titles are not known: then results are named by number. */
  readonly ads: readonly AdInfo[];
  readonly rows: number;
  /** rows x 62 weights, row by row. */
  readonly weights: Uint8Array;
  /** Names the matrix (not a cryptographic hash): a client shows its titles only for the matrix that they belong to. */
  readonly id: number;
}

/** FNV-1a, 32 bits. */
function fingerprint(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Checks a matrix, and that every score can be decrypted.
 * @param weights rows x 62 bytes; each row sums to at most 255
 * @param ads titles, as many as there are rows, or none
 * @throws ProgramError CATALOGUE_INVALID
 */
export function adCatalogueOf(weights: Uint8Array, ads: readonly AdInfo[] = []): AdCatalogue {
  const rows = weights.length / FEATURES;
  const invalid = (message: string): never => {
    throw new ProgramError('CATALOGUE_INVALID', message, 'weights');
  };
  if (!Number.isInteger(rows) || rows < 1 || rows > MAX_ADS)
    invalid(`${weights.length} weights are not 1 to ${MAX_ADS} rows of ${FEATURES}`);
  if (ads.length !== 0 && ads.length !== rows) invalid(`${ads.length} titles for ${rows} rows`);
  for (let row = 0; row < rows; row++) {
    const sum = weights.subarray(row * FEATURES, (row + 1) * FEATURES).reduce((a, b) => a + b, 0);
    if (sum > MAX_SCORE) invalid(`the weights of advertisement ${row} sum to ${sum}, more than ${MAX_SCORE}`);
  }
  const bits = failureBits(weights);
  if (bits < NEEDED_BITS)
    invalid(
      `the weights are so large that a score would be wrong with probability 2^-${bits.toFixed(0)}, ` +
        `at most 2^-${NEEDED_BITS} is allowed: divide them`,
    );
  return { ads, rows, weights: weights.slice(), id: fingerprint(weights) };
}
