/**
 * The same in the clear.
 * @module
 */
import type { WeightResult } from './decode.ts';
import { STEPS, tenthsOf } from './encode.ts';

export function clearWeights(input: unknown): WeightResult {
  const tenths = tenthsOf(input);
  const sum = tenths.reduce((total, value) => total + value, 0);
  return {
    min: Math.min(...tenths) / STEPS,
    max: Math.max(...tenths) / STEPS,
    avg: Math.floor(sum / tenths.length) / STEPS,
  };
}
