/**
 * Inputs for networks with random weights, the same every time.
 * @module
 */
import { gaussianSource } from '@velum/runtime';

/** Square images in [0, 1] of a few strokes with soft edges: as smooth and as empty as handwritten digits. */
export function smoothImages(side: number, count: number, seed: number): Float64Array[] {
  const random = gaussianSource(seed);
  // The normal distribution function, roughly.
  const uniform = (low: number, high: number): number => low + (high - low) / (1 + Math.exp(-1.7 * random()));
  return Array.from({ length: count }, () => {
    const image = new Float64Array(side * side);
    for (let stroke = 0; stroke < 3; stroke++) {
      const [y0, x0, y1, x1] = Array.from({ length: 4 }, () => uniform(0.15, 0.85) * side);
      const width = uniform(0.03, 0.06) * side;
      for (let i = 0; i < image.length; i++) {
        const [y, x] = [Math.floor(i / side), i % side];
        const along =
          ((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / ((y1 - y0) ** 2 + (x1 - x0) ** 2 + 1e-9);
        const t = Math.min(1, Math.max(0, along));
        const distance = Math.hypot(y - y0 - t * (y1 - y0), x - x0 - t * (x1 - x0));
        image[i] = Math.max(image[i], Math.exp(-((distance / width) ** 2)));
      }
    }
    return image;
  });
}

export function features(size: number, count: number, seed: number): Float64Array[] {
  const random = gaussianSource(seed);
  return Array.from({ length: count }, () => Float64Array.from({ length: size }, random));
}
