/**
 * How often values fall where: a histogram, and the quadrature that it gives for weighted least squares and for the
 * root mean square of an error.
 * @module
 */
import type { Interval } from './chebyshev.ts';

/** Equal bins over [lower, upper]; counts need not be integers, nor add up to anything. */
export interface Histogram {
  lower: number;
  upper: number;
  counts: ArrayLike<number>;
}

/** Points and weights; the weights add up to 1. */
export interface Quadrature {
  points: Float64Array;
  weights: Float64Array;
}

const BINS = 512;
const POINTS = 2048;

/** Histogram of samples over their own range; non-finite ones are left out. */
export function histogramOf(samples: ArrayLike<number>, bins = BINS): Histogram {
  let lower = Number.POSITIVE_INFINITY;
  let upper = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < samples.length; i++) {
    if (!Number.isFinite(samples[i])) continue;
    lower = Math.min(lower, samples[i]);
    upper = Math.max(upper, samples[i]);
  }
  const counts = new Float64Array(bins);
  const scale = bins / (upper - lower);
  for (let i = 0; i < samples.length; i++) {
    if (!Number.isFinite(samples[i])) continue;
    const bin = upper > lower ? Math.floor((samples[i] - lower) * scale) : 0;
    counts[Math.min(bins - 1, bin)]++;
  }
  return { lower, upper, counts };
}

/**
 * Midpoints over `domain` weighted by (1 - floor) * density + floor * uniform. What the histogram has outside the
 * domain counts at the domain's nearest end: those values will be there, and a fit must not forget them.
 * @param floor share of the uniform density, 0 to 1; 1 without a density
 */
export function quadrature(domain: Interval, density: Histogram | undefined, floor: number): Quadrature {
  const [a, b] = domain;
  const step = (b - a) / POINTS;
  const points = Float64Array.from({ length: POINTS }, (_, i) => a + (i + 0.5) * step);
  const weights = new Float64Array(POINTS);
  const mass = density ? spread(density, domain, weights) : 0;
  const share = mass > 0 ? floor : 1;
  for (let i = 0; i < POINTS; i++) {
    weights[i] = (mass > 0 ? ((1 - share) * weights[i]) / mass : 0) + share / POINTS;
  }
  return { points, weights };
}

/** Adds the histogram's mass to the cells of the domain it overlaps, and returns the mass. */
function spread({ lower, upper, counts }: Histogram, [a, b]: Interval, cells: Float64Array): number {
  const width = (upper - lower) / counts.length;
  const cell = (x: number) =>
    Math.min(cells.length - 1, Math.max(0, Math.floor(((x - a) / (b - a)) * cells.length)));
  let mass = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin];
    if (!(count > 0)) continue;
    mass += count;
    const from = lower + bin * width;
    const first = cell(from);
    const last = cell(from + width);
    // A bin too narrow for its overlaps to be more than rounding belongs to one cell.
    if (first === last || width < (b - a) * 1e-9) {
      cells[first] += count;
      continue;
    }
    // A bin over several cells: by overlap, the outermost cells taking what sticks out of the domain.
    const edge = (k: number) => a + (k * (b - a)) / cells.length;
    for (let k = first; k <= last; k++) {
      const start = k === first ? from : edge(k);
      const end = k === last ? from + width : edge(k + 1);
      cells[k] += (count * (end - start)) / width;
    }
  }
  return mass;
}
