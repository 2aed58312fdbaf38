/**
 * Chebyshev series on an interval: evaluation by Clenshaw's recurrence, and interpolation at the Chebyshev points
 * (Trefethen, Approximation Theory and Approximation Practice, chapters 2, 3 and 19).
 * @module
 */

export type Interval = readonly [number, number];

/** Value at x of sum_k c_k T_k(u), u = (2 x - a - b) / (b - a). Grows like |2 u|^degree outside [a, b]. */
export function evaluateChebyshev(coefficients: ArrayLike<number>, [a, b]: Interval, x: number): number {
  const u = (2 * x - a - b) / (b - a);
  const twice = 2 * u;
  let next = 0;
  let current = 0;
  for (let k = coefficients.length - 1; k >= 1; k--) {
    const value = twice * current - next + coefficients[k];
    next = current;
    current = value;
  }
  return u * current - next + coefficients[0];
}

/** T_0(u) ... T_degree(u) into `row` from `offset`. */
export function chebyshevRow(u: number, degree: number, row: Float64Array, offset = 0): void {
  row[offset] = 1;
  if (degree > 0) row[offset + 1] = u;
  for (let k = 2; k <= degree; k++) row[offset + k] = 2 * u * row[offset + k - 1] - row[offset + k - 2];
}

/** x in [a, b] of u in [-1, 1]. The ends are exact, so that functions with a bounded domain stay inside it. */
export function fromUnit(u: number, [a, b]: Interval): number {
  if (u <= -1) return a;
  if (u >= 1) return b;
  return Math.min(b, Math.max(a, (a + b + u * (b - a)) / 2));
}

/**
 * Interpolation at the degree + 1 Chebyshev points of the first kind: never worse than minimax by more than the
 * factor 2 + (2 / pi) log(degree + 1).
 * @returns degree + 1 coefficients, lowest degree first
 */
export function interpolate(f: (x: number) => number, domain: Interval, degree: number): number[] {
  const count = degree + 1;
  const samples = Float64Array.from({ length: count }, (_, i) =>
    f(fromUnit(Math.cos((Math.PI * (i + 0.5)) / count), domain)),
  );
  return Array.from({ length: count }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += samples[i] * Math.cos((Math.PI * k * (i + 0.5)) / count);
    return ((k === 0 ? 1 : 2) * sum) / count;
  });
}
