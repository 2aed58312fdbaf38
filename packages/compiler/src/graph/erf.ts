/**
 * The error function to double precision: the exact GELU and Erf are compared with it.
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 (series) and 7.1.14 (continued fraction).
 * @module
 */

const SERIES_BELOW = 2.5;
const FRACTION_STEPS = 80;

/** erf(x) = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  return Math.sign(x) * (a < SERIES_BELOW ? series(a) : 1 - complement(a));
}

/** 2 / sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (1 * 3 ... (2n+1)): all terms positive, so nothing cancels. */
function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc(x) = exp(-x^2) / sqrt(pi) / (x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))) for x > 0. */
function complement(x: number): number {
  if (x > 27) return 0;
  let tail = x;
  for (let k = FRACTION_STEPS; k >= 1; k--) tail = x + k / 2 / tail;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / tail;
}
