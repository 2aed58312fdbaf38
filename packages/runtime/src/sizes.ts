/**
 * Exact sizes of what travels, from the profile alone: the service bounds uploads with them.
 * @module
 */
import { evaluationKeyBytes, publicKeyBytes, resultBytes, seededBytes, WIRE_HEADER_BYTES } from '@velum/fhe';
import { requestShape } from './layout.ts';
import type { Profile } from './profile.ts';

/** Bytes before the ciphertexts in an input or result: layout, rows, ciphertexts. */
export const REQUEST_PREFIX_BYTES = 12;

export interface WireSizes {
  publicKey: number;
  evaluationKey: number;
  wrappedSecretMax: number;
  /** Bytes of an input with `rows` samples. */
  input(rows: number): number;
  maxInput: number;
  result(rows: number): number;
}

/** Sizes in bytes, headers included. */
export function wireSizes(profile: Profile): WireSizes {
  const { parameters, keys } = profile;
  const input = (rows: number): number =>
    WIRE_HEADER_BYTES +
    REQUEST_PREFIX_BYTES +
    requestShape(profile, rows).inputs * seededBytes(parameters, profile.input.level);
  return {
    publicKey: WIRE_HEADER_BYTES + publicKeyBytes(parameters, keys.public.level),
    evaluationKey: WIRE_HEADER_BYTES + evaluationKeyBytes(parameters, keys.evaluation),
    wrappedSecretMax: 4096,
    input,
    maxInput: Math.max(input(1), input(profile.input.samplesPerRequest), ...crossover(profile).map(input)),
    result: (rows) => {
      const shape = requestShape(profile, rows);
      return (
        WIRE_HEADER_BYTES +
        REQUEST_PREFIX_BYTES +
        shape.results * resultBytes(2 ** parameters.logN, shape.positions, profile.output.keep)
      );
    },
  };
}

/** Row counts where an input may be larger than the largest request's: just below a change of layout. */
function crossover(profile: Profile): number[] {
  const max = profile.input.samplesPerRequest;
  const first = requestShape(profile, 1).layout;
  if (requestShape(profile, max).layout === first) return [];
  let low = 1;
  let high = max;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (requestShape(profile, middle).layout === first) low = middle;
    else high = middle;
  }
  return [low];
}
