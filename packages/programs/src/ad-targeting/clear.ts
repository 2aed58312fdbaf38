/**
 * The scores in the clear.
 * @module
 */
import type { AdCatalogue } from './catalogue.ts';
import { type AdResult, ranked } from './decode.ts';
import { FEATURES, featuresOf } from './features.ts';

export function clearScores(catalogue: AdCatalogue, input: unknown): AdResult {
  const ones = featuresOf(input);
  const scores = Array.from({ length: catalogue.rows }, (_, row) =>
    ones.reduce((sum, one) => sum + catalogue.weights[row * FEATURES + one], 0),
  );
  return ranked(scores, catalogue);
}
