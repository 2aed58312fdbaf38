/**
 * Weighted least squares in the Chebyshev basis: the polynomial with the smallest mean square error under the density
 * that calibration measured, mixed with a floor of the uniform density so that no part of the range is free.
 * @module
 */
import { chebyshevRow, type Interval } from './chebyshev.ts';
import { type Histogram, type Quadrature, quadrature } from './density.ts';
import { solveLeastSquares } from './solve.ts';

/**
 * @param density undefined for the uniform one
 * @param floor share of the uniform density, in (0, 1]
 * @returns degree + 1 coefficients in the Chebyshev basis of `domain`, lowest degree first
 */
export function leastSquares(
  f: (x: number) => number,
  domain: Interval,
  degree: number,
  density?: Histogram,
  floor = 0.1,
): number[] {
  return fitPoints(f, domain, degree, quadrature(domain, density, floor));
}

/** Least squares over given points and weights, at least degree + 1 of them with a positive weight. */
export function fitPoints(
  f: (x: number) => number,
  domain: Interval,
  degree: number,
  { points, weights }: Quadrature,
): number[] {
  const [a, b] = domain;
  const rows = points.length;
  const columns = degree + 1;
  const matrix = new Float64Array(rows * columns);
  const right = new Float64Array(rows);
  const row = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const root = Math.sqrt(weights[i]);
    chebyshevRow((2 * points[i] - a - b) / (b - a), degree, row);
    for (let j = 0; j < columns; j++) matrix[j * rows + i] = root * row[j];
    right[i] = root * f(points[i]);
  }
  return Array.from(solveLeastSquares(matrix, right, columns));
}
