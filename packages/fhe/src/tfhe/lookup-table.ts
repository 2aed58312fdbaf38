/**
 * Look-up tables of a programmable bootstrap. A table has one box for each value 0 ... boxes - 1 of a block; a box holds
 * the output in units of Delta: any number, fractions and signs allowed. Value v of boxes ... 2 boxes - 1 (modulo 2 boxes)
 * yields -box[v - boxes]: the ring is negacyclic.
 * @module
 */
import type { TorusContext } from './context.ts';
import { TfheError } from './errors.ts';
import type { TfheParameters } from './parameters.ts';

/** Outputs that one bootstrap can have. */
export type OutputCount = 1 | 2 | 4 | 8;

/** Boxes of f on the values 0 ... boxes - 1. */
export function tableOf(parameters: TfheParameters, f: (value: number) => number): number[] {
  return Array.from({ length: parameters.boxes }, (_, x) => f(x));
}

/**
 * Boxes of a function of two values, for the input `base * high + low`.
 * @param base low is 0 ... base - 1, high is 0 ... boxes/base - 1
 * @throws TfheError VALUE_RANGE when base does not divide the boxes
 */
export function bivariateTable(
  parameters: TfheParameters,
  base: number,
  f: (high: number, low: number) => number,
): number[] {
  if (!Number.isInteger(base) || base < 1 || parameters.boxes % base !== 0) {
    throw new TfheError('VALUE_RANGE', `base is ${base}, it must divide ${parameters.boxes}`, 'base');
  }
  return tableOf(parameters, (x) => f(Math.floor(x / base), x % base));
}

/**
 * Boxes of several functions of one value 0 ... boxes/T - 1, T = fs.length a power of two: one bootstrap gives all outputs.
 * @throws TfheError VALUE_RANGE
 */
export function manyTable(parameters: TfheParameters, fs: readonly ((value: number) => number)[]): number[] {
  const width = parameters.boxes / fs.length;
  if (!isOutputCount(fs.length) || !Number.isInteger(width)) {
    throw new TfheError(
      'VALUE_RANGE',
      `${fs.length} functions, it must be 1, 2, 4 or 8 and at most ${parameters.boxes}`,
      'fs',
    );
  }
  return tableOf(parameters, (x) => fs[Math.floor(x / width)](x % width));
}

export const isOutputCount = (value: number): value is OutputCount => [1, 2, 4, 8].includes(value);

/**
 * Writes the table's polynomial at `dst`: box x fills the coefficients from (x - 1/2) W to (x + 1/2) W, W = N / boxes, and
 * those below zero come back negated at the top.
 */
export function writeTable(context: TorusContext, dst: number, boxes: readonly number[]): void {
  const { polynomialSize, delta } = context.parameters;
  const width = polynomialSize / boxes.length;
  const values = boxes.map((box) => onTorus(box * delta));
  const polynomial = context.kernels.f64(dst, polynomialSize);
  for (let j = 0; j < polynomialSize; j++) {
    const x = Math.floor(j / width + 0.5);
    polynomial[j] = x < boxes.length ? values[x] : onTorus(-values[0]);
  }
}

/** The nearest multiple of 2^-52, modulo 1 in [-1/2, 1/2). */
export function onTorus(value: number): number {
  const fraction = value - Math.floor(value + 0.5);
  return Math.round(fraction * 2 ** 52) / 2 ** 52;
}
