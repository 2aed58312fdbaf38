/**
 * Coefficient packing of a linear model. With F features, m outputs and block F m, sample s lies at s F m + j and the
 * weights at k F + (F - 1 - j); coefficient (s m + k) F + F - 1 of the product is then exactly sum_j w_kj x_sj, and the
 * wrap-around of X^N = -1 never reaches it.
 * @module
 */
import type { Matrix } from './plan.ts';

/** Weight polynomial and bias polynomial for `capacity` samples in ring degree n. */
export function coefficientWeights(
  n: number,
  matrix: Matrix,
  capacity: number,
): { weights: Float64Array; bias: Float64Array } {
  const { rows, columns } = matrix;
  const weights = new Float64Array(n);
  const bias = new Float64Array(n);
  for (let k = 0; k < rows; k++) {
    for (let j = 0; j < columns; j++)
      weights[k * columns + columns - 1 - j] = matrix.weights[k * columns + j];
    for (let s = 0; s < capacity; s++) bias[(s * rows + k) * columns + columns - 1] = matrix.bias[k];
  }
  return { weights, bias };
}
