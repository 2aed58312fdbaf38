/**
 * From a model to the layers that are computed under encryption, and what is known of their values.
 * @module
 */
import { type Polynomial, toChebyshev } from '@velum/fhe';
import type { Activation, Matrix } from '@velum/runtime';
import { CompileError } from './errors.ts';
import type { Model } from './model.ts';
import type { CompileOptions } from './requirements.ts';
import { evaluatePolynomial, HE4CLOUD_SIGMOID, sigmoidPolynomial } from './sigmoid-poly.ts';

export type EncryptedLayer =
  | { kind: 'dense'; name: string; matrix: Matrix }
  | { kind: 'polynomial'; name: string; polynomial: Polynomial; coefficients: number[] };

export interface Lowered {
  layers: EncryptedLayer[];
  /** What the client does after decryption. */
  activation: Activation;
  /** A generous bound on the absolute values after each layer. */
  bounds: number[];
  /** Rows drawn from the feature ranges, to measure errors on. */
  probes: number[][];
  ranges: [number, number][];
}

/** Assumed where nothing is known of a feature: inputs of neural networks are usually scaled to this. */
const DEFAULT_RANGE: [number, number] = [-1, 1];
const PROBES = 10;

/** @throws CompileError RANGES_SHAPE, ACTIVATION_ON_SERVER */
export function lowerModel(model: Model, options: CompileOptions): Lowered {
  const layers: EncryptedLayer[] = [];
  let activation: Activation = 'none';
  for (const layer of model.layers) {
    if (layer.kind === 'dense') {
      const { inputs, outputs, weights, bias, name } = layer;
      layers.push({ kind: 'dense', name, matrix: { rows: outputs, columns: inputs, weights, bias } });
    } else if (layer.kind === 'polynomial') {
      layers.push(polynomialLayer(layer.name, layer.coefficients));
    } else if (options.activation !== 'server') {
      activation = layer.name;
    } else if (layer.name === 'sigmoid') {
      const { degree, range } = HE4CLOUD_SIGMOID;
      layers.push(polynomialLayer('sigmoid', sigmoidPolynomial(degree, range), [-range, range]));
    } else {
      throw new CompileError(
        'ACTIVATION_ON_SERVER',
        `a final ${layer.name} cannot be computed by the server; leave it to the client (activation: client)`,
        {
          argument: 'activation',
          value: 'server',
        },
      );
    }
  }
  const ranges =
    options.featureRanges ?? Array.from({ length: model.inputs }, (): [number, number] => [...DEFAULT_RANGE]);
  if (ranges.length !== model.inputs) {
    throw new CompileError(
      'RANGES_SHAPE',
      `featureRanges has ${ranges.length} pairs, the model takes ${model.inputs} features; give one pair for each`,
      {
        argument: 'featureRanges',
        value: ranges.length,
      },
    );
  }
  const probes = drawProbes(ranges);
  return { layers, activation, bounds: valueBounds(layers, ranges, probes), probes, ranges };
}

function polynomialLayer(name: string, coefficients: number[], domain?: [number, number]): EncryptedLayer {
  const polynomial: Polynomial = domain
    ? toChebyshev(coefficients, domain)
    : { basis: 'power', coefficients };
  return { kind: 'polynomial', name, polynomial, coefficients };
}

/** A fixed low-discrepancy sample of the box of ranges, with its two extreme corners: repeatable, so plans are too. */
function drawProbes(ranges: readonly [number, number][]): number[][] {
  const golden = (i: number, f: number): number =>
    ((i + 1) * Math.sqrt(f + 2) * Math.SQRT2 + f * Math.LN2) % 1;
  const rows = Array.from({ length: PROBES }, (_, i) =>
    ranges.map(([a, b], f) => a + (b - a) * golden(i, f)),
  );
  return [...rows, ranges.map(([a]) => a), ranges.map(([, b]) => b)];
}

/** The smaller of interval arithmetic (safe, often absurdly large) and sixteen times the largest value seen on probes. */
function valueBounds(
  layers: readonly EncryptedLayer[],
  ranges: readonly [number, number][],
  probes: readonly number[][],
): number[] {
  let box = ranges.map(([a, b]): [number, number] => [a, b]);
  let seen = probes.map((row) => [...row]);
  return layers.map((layer) => {
    if (layer.kind === 'dense') {
      box = intervalDense(layer.matrix, box);
      seen = seen.map((row) => denseRow(layer.matrix, row));
    } else {
      const { coefficients } = layer;
      box = box.map(([a, b]): [number, number] => {
        const reach = Math.max(Math.abs(a), Math.abs(b));
        const largest = coefficients.reduce((s, c, k) => s + Math.abs(c) * reach ** k, 0);
        return [-largest, largest];
      });
      seen = seen.map((row) => row.map((v) => evaluatePolynomial(coefficients, v)));
    }
    const interval = box.reduce((m, [a, b]) => Math.max(m, Math.abs(a), Math.abs(b)), 0);
    const sampled = seen.reduce((m, row) => row.reduce((x, v) => Math.max(x, Math.abs(v)), m), 0);
    return Math.max(1e-3, Math.min(interval, 16 * sampled));
  });
}

export function denseRow({ rows, columns, weights, bias }: Matrix, x: readonly number[]): number[] {
  return Array.from({ length: rows }, (_, r) => {
    let sum = bias[r];
    for (let c = 0; c < columns; c++) sum += weights[r * columns + c] * x[c];
    return sum;
  });
}

function intervalDense(
  { rows, columns, weights, bias }: Matrix,
  box: readonly [number, number][],
): [number, number][] {
  return Array.from({ length: rows }, (_, r): [number, number] => {
    let low = bias[r];
    let high = bias[r];
    for (let c = 0; c < columns; c++) {
      const w = weights[r * columns + c];
      low += w * (w > 0 ? box[c][0] : box[c][1]);
      high += w * (w > 0 ? box[c][1] : box[c][0]);
    }
    return [low, high];
  });
}
