/**
 * The logistic function as an odd polynomial, for models whose owner wants the activation on the server.
 *
 * HE4Cloud's default is degree 9 on [-8, 8], the least-squares fit over 2000 equidistant points; its published
 * digits are reproduced by `sigmoidPolynomial(9, 8)`. Outside the range the polynomial diverges: a margin of
 * -10 yields about -4.5, not 0.
 * @module
 */

import { ModelError } from './errors.ts';

/** HE4Cloud's default activation of logistic regression on the server. */
export const HE4CLOUD_SIGMOID = { degree: 9, range: 8 } as const;

const FIT_POINTS = 2000;
const MAX_DEGREE = 31;

/** The logistic function 1 / (1 + exp(-x)), without overflow for any finite x. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** Value of a polynomial at x by Horner's rule; coefficients lowest degree first. */
export function evaluatePolynomial(coefficients: readonly number[], x: number): number {
  let value = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) value = value * x + coefficients[i];
  return value;
}

/**
 * Least-squares polynomial for the logistic function over linspace(-range, range, 2000): 0.5 plus odd powers.
 * @param degree odd, 1 to 31
 * @param range half-width of the interval, in (0, 64]
 * @returns degree + 1 coefficients, lowest degree first; the even ones but the first are 0. Up to degree 15 the
 *   fit is exact to 1e-12; at 31 cancellation between monomials leaves 1e-9
 * @throws ModelError SIGMOID_DEGREE, SIGMOID_RANGE
 */
export function sigmoidPolynomial(degree: number, range: number): number[] {
  if (!Number.isInteger(degree) || degree < 1 || degree > MAX_DEGREE || degree % 2 === 0) {
    const message = `degree is ${degree}: give an odd degree from 1 to ${MAX_DEGREE}`;
    throw new ModelError('SIGMOID_DEGREE', message, { argument: 'degree', value: degree });
  }
  if (!(range > 0 && range <= 64)) {
    const message = `range is ${range}: give a half-width above 0 and at most 64`;
    throw new ModelError('SIGMOID_RANGE', message, { argument: 'range', value: range });
  }
  const terms = (degree + 1) / 2;
  const chebyshev = oddChebyshev(terms);
  // The grid and the target are both odd about 0, so the positive half gives the same normal equations. The
  // Chebyshev basis keeps them well conditioned where monomials would lose digits from degree 15 or so.
  const gram = Array.from({ length: terms }, () => new Array<number>(terms).fill(0));
  const right = new Array<number>(terms).fill(0);
  for (let i = FIT_POINTS / 2; i < FIT_POINTS; i++) {
    const u = (2 * i) / (FIT_POINTS - 1) - 1;
    const target = sigmoid(range * u) - 0.5;
    const basis = chebyshev.map((c) => evaluatePolynomial(c, u));
    for (let j = 0; j < terms; j++) {
      right[j] += basis[j] * target;
      for (let k = 0; k < terms; k++) gram[j][k] += basis[j] * basis[k];
    }
  }
  const weights = solvePositiveDefinite(gram, right);
  const coefficients = new Array<number>(degree + 1).fill(0);
  coefficients[0] = 0.5;
  weights.forEach((weight, j) => {
    chebyshev[j].forEach((c, power) => {
      if (c !== 0) coefficients[power] += (weight * c) / range ** power;
    });
  });
  return coefficients;
}

/** The first `count` odd Chebyshev polynomials T1, T3, ... as monomial coefficients, lowest degree first. */
function oddChebyshev(count: number): number[][] {
  const all: number[][] = [[1], [0, 1]];
  while (all.length < 2 * count) {
    const next = [0, ...all[all.length - 1].map((c) => 2 * c)];
    all[all.length - 2].forEach((c, i) => {
      next[i] -= c;
    });
    all.push(next);
  }
  return all.filter((_, n) => n % 2 === 1).slice(0, count);
}

/** Cholesky solution of a small symmetric positive definite system. */
function solvePositiveDefinite(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  const lower = matrix.map((row) => row.slice());
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = lower[i][j];
      for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
    }
  }
  const x = right.slice();
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k];
    x[i] /= lower[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= lower[k][i] * x[k];
    x[i] /= lower[i][i];
  }
  return x;
}
