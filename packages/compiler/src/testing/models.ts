/**
 * Small models with repeatable weights, for tests of the whole way from model to decrypted result.
 * @module
 */
import { gaussianSource } from '@velum/runtime';
import type { DenseLayer, Layer, Model } from '../model.ts';

export function denseLayer(name: string, inputs: number, outputs: number, random: () => number): DenseLayer {
  const spread = 1 / Math.sqrt(inputs);
  return {
    kind: 'dense',
    name,
    inputs,
    outputs,
    weights: Float64Array.from({ length: inputs * outputs }, () => spread * random()),
    bias: Float64Array.from({ length: outputs }, () => 0.3 * random()),
  };
}

/** Dense layers of the given sizes with squares between them, and an optional final activation. */
export function squareNetwork(
  sizes: readonly number[],
  activation?: 'sigmoid' | 'softmax' | 'argmax',
  seed = 7,
): Model {
  const random = gaussianSource(seed);
  const layers: Layer[] = [];
  for (let i = 1; i < sizes.length; i++) {
    layers.push(denseLayer(`dense_${i}`, sizes[i - 1], sizes[i], random));
    if (i < sizes.length - 1)
      layers.push({ kind: 'polynomial', name: `square_${i}`, coefficients: [0, 0, 1] });
  }
  if (activation) layers.push({ kind: 'activation', name: activation });
  return { source: 'keras', inputs: sizes[0], outputs: sizes[sizes.length - 1], layers };
}

export function uniformRows(count: number, features: number, seed = 11, reach = 1): number[][] {
  const random = gaussianSource(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: features }, () => reach * Math.tanh(random())),
  );
}

export function largestDifference(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): number {
  return Math.max(...a.flatMap((row, r) => row.map((v, i) => Math.abs(v - b[r][i]))));
}
