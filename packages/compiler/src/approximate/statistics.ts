/**
 * Range, mean, deviation and histogram of a stream of values whose range is not known beforehand.
 * @module
 */
import type { Histogram } from './density.ts';

const BINS = 512;

export class RunningStatistics {
  count = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  mean = 0;
  /** NaN and infinities, which nothing else here counts. */
  nonFinite = 0;
  #squares = 0;
  #lower = 0;
  #width = 0;
  #counts = new Float64Array(BINS);

  get std(): number {
    return this.count > 0 ? Math.sqrt(this.#squares / this.count) : 0;
  }

  /** Bins over at most twice the range of the values: it grows by doubling the width of the bins. */
  get histogram(): Histogram {
    return { lower: this.#lower, upper: this.#lower + BINS * this.#width, counts: this.#counts };
  }

  add(values: ArrayLike<number>): void {
    let sum = 0;
    let count = 0;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < values.length; i++) {
      const x = values[i];
      if (!Number.isFinite(x)) continue;
      count++;
      sum += x;
      if (x < min) min = x;
      if (x > max) max = x;
    }
    this.nonFinite += values.length - count;
    if (count === 0) return;
    this.#cover(min, max);
    const mean = sum / count;
    let squares = 0;
    const scale = 1 / this.#width;
    for (let i = 0; i < values.length; i++) {
      const x = values[i];
      if (!Number.isFinite(x)) continue;
      squares += (x - mean) ** 2;
      this.#counts[Math.min(BINS - 1, Math.max(0, Math.floor((x - this.#lower) * scale)))]++;
    }
    // Chan, Golub, LeVeque: two parts join without a second pass.
    const delta = mean - this.mean;
    const total = this.count + count;
    this.#squares += squares + (delta * delta * this.count * count) / total;
    this.mean += (delta * count) / total;
    this.count = total;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
  }

  #cover(min: number, max: number): void {
    if (this.count === 0) {
      const size = Math.max(Math.abs(min), Math.abs(max), 1e-30);
      this.#lower = min;
      this.#width = Math.max((max - min) / BINS, (size * 2 ** -30) / BINS);
      return;
    }
    while (min < this.#lower || max > this.#lower + BINS * this.#width) {
      const down = min < this.#lower;
      const counts = new Float64Array(BINS);
      for (let i = 0; i < BINS; i++) counts[(i >> 1) + (down ? BINS / 2 : 0)] += this.#counts[i];
      this.#counts = counts;
      if (down) this.#lower -= BINS * this.#width;
      this.#width *= 2;
    }
  }
}

/** Values below which each share of the mass lies, by linear interpolation inside the bins. */
export function quantiles({ lower, upper, counts }: Histogram, shares: readonly number[]): number[] {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i];
  const width = (upper - lower) / counts.length;
  return shares.map((share) => {
    let left = share * total;
    for (let i = 0; i < counts.length; i++) {
      if (counts[i] > 0 && left <= counts[i]) return lower + (i + left / counts[i]) * width;
      left -= counts[i];
    }
    return upper;
  });
}
