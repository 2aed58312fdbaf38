/**
 * Best uniform approximation by the second algorithm of Remez: solve for a polynomial whose error alternates on a
 * reference of degree + 2 points, exchange the reference for the extrema of its error, repeat (Trefethen,
 * Approximation Theory and Approximation Practice, chapter 10). Extrema are searched on a dense grid that holds the
 * function's kinks, where |x| and relu have theirs, so that no derivative is needed.
 * @module
 */
import { chebyshevRow, evaluateChebyshev, fromUnit, type Interval, interpolate } from './chebyshev.ts';
import { solveSquare } from './solve.ts';

export interface Minimax {
  /** degree + 1 coefficients in the Chebyshev basis of the domain, lowest degree first. */
  coefficients: number[];
  /** Largest error over the domain. */
  error: number;
  /** Lower bound on the best possible error (de la Vallée Poussin); equals `error` to 1e-9 when converged. */
  levelled: number;
  /** Where the error takes its extrema with alternating signs. */
  reference: number[];
  converged: boolean;
}

interface Extremum {
  u: number;
  error: number;
}

const GRID_PER_DEGREE = 24;
const MAX_ROUNDS = 60;
const TOLERANCE = 1e-9;
/** Errors below this share of the function's size, for each point of the reference, are rounding. */
const NOISE = 2e-15;

/**
 * @param f continuous on the domain
 * @param kinks where f is not smooth; those outside the domain are ignored
 */
export function remez(
  f: (x: number) => number,
  domain: Interval,
  degree: number,
  kinks: readonly number[] = [],
): Minimax {
  const [a, b] = domain;
  const g = (u: number) => f(fromUnit(u, domain));
  const grid = makeGrid(
    degree,
    kinks.filter((x) => x > a && x < b).map((x) => (2 * x - a - b) / (b - a)),
  );
  const noise = NOISE * (degree + 2) * Math.max(...grid.map((u) => Math.abs(g(u))));
  // Points of the first kind: with both ends among them, an even function on a symmetric range would start from level 0
  // and too few extrema.
  let reference = Array.from(
    { length: degree + 2 },
    (_, i) => -Math.cos((Math.PI * (i + 0.5)) / (degree + 2)),
  );
  let best: Minimax | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const solution = levelledSolution(g, reference, degree);
    if (!solution) break;
    const { coefficients, level } = solution;
    const error = (u: number) => evaluateChebyshev(coefficients, [-1, 1], u) - g(u);
    const extrema = alternating(grid, error, noise);
    const largest = extrema.reduce((m, e) => Math.max(m, Math.abs(e.error)), 0) || largestOn(grid, error);
    const levelled = Math.max(best?.levelled ?? 0, Math.abs(level));
    const converged = largest - Math.abs(level) <= Math.max(TOLERANCE * largest, noise);
    if (!best || largest < best.error || converged) {
      best = { coefficients, error: largest, levelled, reference: points(extrema, domain), converged };
    }
    best.levelled = Math.min(levelled, best.error);
    if (converged) break;
    reference =
      extrema.length < degree + 2
        ? singleExchange(reference, extrema)
        : exchange(extrema, degree + 2).map((e) => e.u);
  }
  return best ?? fallback(f, g, grid, domain, degree);
}

const largestOn = (grid: number[], error: (u: number) => number) =>
  grid.reduce((m, u) => Math.max(m, Math.abs(error(u))), 0);

const points = (extrema: Extremum[], domain: Interval) => extrema.map((e) => fromUnit(e.u, domain));

/** Dense near the ends like the extrema themselves, with every kink. */
function makeGrid(degree: number, kinks: number[]): number[] {
  const count = GRID_PER_DEGREE * (degree + 2);
  const grid = Array.from({ length: count + 1 }, (_, i) => -Math.cos((Math.PI * i) / count));
  return [...new Set([...grid, ...kinks])].sort((p, q) => p - q);
}

/** The polynomial with sum_k c_k T_k(u_i) - f(u_i) = (-1)^i level on the reference. */
function levelledSolution(g: (u: number) => number, reference: number[], degree: number) {
  const n = degree + 2;
  const matrix = new Float64Array(n * n);
  const right = new Float64Array(n);
  reference.forEach((u, i) => {
    chebyshevRow(u, degree, matrix, i * n);
    matrix[i * n + n - 1] = i % 2 === 0 ? -1 : 1;
    right[i] = g(u);
  });
  const solution = solveSquare(matrix, right);
  return solution && { coefficients: Array.from(solution.subarray(0, n - 1)), level: solution[n - 1] };
}

/** The largest error in each run of one sign, sharpened between its neighbours on the grid; rounding has no sign. */
function alternating(grid: number[], error: (u: number) => number, noise: number): Extremum[] {
  const values = grid.map((u) => {
    const value = error(u);
    return Math.abs(value) > noise ? value : 0;
  });
  const found: Extremum[] = [];
  for (let i = 0; i < grid.length; ) {
    const sign = Math.sign(values[i]);
    let at = i;
    let end = i + 1;
    while (end < grid.length && Math.sign(values[end]) === sign) {
      if (Math.abs(values[end]) > Math.abs(values[at])) at = end;
      end++;
    }
    if (sign !== 0) {
      // Either side by itself: at a kink the error is smooth on each side only.
      let best: Extremum = { u: grid[at], error: values[at] };
      for (const to of [grid[at - 1], grid[at + 1]]) {
        if (to === undefined) continue;
        const sharper = goldenSection((u) => sign * error(u), Math.min(grid[at], to), Math.max(grid[at], to));
        if (sharper.value > sign * best.error) best = { u: sharper.u, error: sign * sharper.value };
      }
      const before = found.at(-1);
      if (!before || before.error * best.error < 0) found.push(best);
      else if (Math.abs(best.error) > Math.abs(before.error)) found[found.length - 1] = best;
    }
    i = end;
  }
  return found;
}

/** A maximum of h in [from, to]. */
function goldenSection(h: (u: number) => number, from: number, to: number): { u: number; value: number } {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = from;
  let high = to;
  let c = high - ratio * (high - low);
  let d = low + ratio * (high - low);
  let hc = h(c);
  let hd = h(d);
  for (let i = 0; i < 30; i++) {
    if (hc > hd) {
      high = d;
      d = c;
      hd = hc;
      c = high - ratio * (high - low);
      hc = h(c);
    } else {
      low = c;
      c = d;
      hc = hd;
      d = low + ratio * (high - low);
      hd = h(d);
    }
  }
  return hc > hd ? { u: c, value: hc } : { u: d, value: hd };
}

/**
 * `count` of the extrema, still alternating, with the largest one among them. The smallest goes first: alone at an end,
 * inside together with its smaller neighbour, or the signs would no longer alternate.
 */
function exchange(extrema: Extremum[], count: number): Extremum[] {
  const kept = [...extrema];
  const size = (i: number) => Math.abs(kept[i].error);
  while (kept.length > count) {
    const last = kept.length - 1;
    let least = size(0) < size(last) ? 0 : last;
    if (kept.length > count + 1) for (let i = 1; i < last; i++) if (size(i) < size(least)) least = i;
    if (least === 0 || least === last) kept.splice(least, 1);
    else kept.splice(size(least - 1) < size(least + 1) ? least - 1 : least, 2);
  }
  return kept;
}

/**
 * Too few alternations, as for a relu that vanishes on all of a coarse reference: the point of the largest error takes the
 * place of its neighbour, and the next rounds see what was missed.
 */
function singleExchange(reference: number[], extrema: Extremum[]): number[] {
  if (extrema.length === 0) return reference;
  const worst = extrema.reduce((m, e) => (Math.abs(e.error) > Math.abs(m.error) ? e : m));
  const nearest = reference.reduce(
    (n, u, i) => (Math.abs(u - worst.u) < Math.abs(reference[n] - worst.u) ? i : n),
    0,
  );
  return reference.map((u, i) => (i === nearest ? worst.u : u));
}

/** The reference system is never singular for distinct points; this serves a function that is not finite on it. */
function fallback(
  f: (x: number) => number,
  g: (u: number) => number,
  grid: number[],
  domain: Interval,
  degree: number,
): Minimax {
  const coefficients = interpolate(f, domain, degree);
  const error = largestOn(grid, (u) => evaluateChebyshev(coefficients, [-1, 1], u) - g(u));
  return { coefficients, error, levelled: 0, reference: [], converged: false };
}
