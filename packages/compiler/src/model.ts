/**
 * The model between the importers and the compiler: dense layers, polynomials, and at most one final
 * activation. `predictPlain` is the reference that encrypted predictions are measured against.
 * @module
 */

import { applyActivation } from '@velum/runtime';
import { ModelError } from './errors.ts';
import { evaluatePolynomial, HE4CLOUD_SIGMOID, sigmoidPolynomial } from './sigmoid-poly.ts';

export interface Model {
  source: 'sklearn-logistic' | 'sklearn-linear' | 'keras';
  /** Features of one sample. */
  inputs: number;
  /** Scores per sample, before the final activation. */
  outputs: number;
  inputNames?: string[];
  /** One per class: two when a single score separates two classes, else one per output. */
  labels?: (string | number)[];
  layers: Layer[];
}

export type Layer = DenseLayer | PolynomialLayer | ActivationLayer;

/** y = W x + b. */
export interface DenseLayer {
  kind: 'dense';
  name: string;
  inputs: number;
  outputs: number;
  /** Row-major, outputs x inputs. */
  weights: Float64Array;
  bias: Float64Array;
}

/** The same polynomial for every value; coefficients lowest degree first, so a square is [0, 0, 1]. */
export interface PolynomialLayer {
  kind: 'polynomial';
  name: string;
  coefficients: number[];
}

/** Only as the last layer. */
export interface ActivationLayer {
  kind: 'activation';
  name: 'sigmoid' | 'softmax' | 'argmax';
}

export interface PredictOptions {
  /**
   * Evaluate a final sigmoid as HE4Cloud's degree-9 polynomial, as a server would. Default: the exact
   * activation, as the client applies it after decryption.
   */
  serverActivation?: boolean;
}

export const MODEL_LIMITS = {
  units: 65536,
  layers: 256,
  /** Weights of all dense layers together: 512 MB of float32. */
  weights: 2 ** 27,
  polynomialDegree: 63,
} as const;

/**
 * Checks that shapes chain, values are finite and sizes are within MODEL_LIMITS.
 * @throws ModelError MODEL_EMPTY, MODEL_TOO_LARGE, LAYER_SHAPE, WEIGHTS_NOT_FINITE, POLYNOMIAL_INVALID,
 *   ACTIVATION_NOT_LAST, ACTIVATION_SHAPE, LABELS_SHAPE, NAMES_SHAPE
 */
export function validateModel(model: Model): void {
  const { layers, inputs, outputs, labels, inputNames } = model;
  if (!layers.some((layer) => layer.kind !== 'activation')) {
    fail(
      'MODEL_EMPTY',
      'layers',
      layers.length,
      'the model computes nothing: it needs a dense or polynomial layer',
    );
  }
  if (layers.length > MODEL_LIMITS.layers) {
    fail(
      'MODEL_TOO_LARGE',
      'layers',
      layers.length,
      `the model may have at most ${MODEL_LIMITS.layers} layers`,
    );
  }
  checkUnits('inputs', inputs);
  checkUnits('outputs', outputs);
  let width = inputs;
  let weights = 0;
  layers.forEach((layer, index) => {
    if (layer.kind === 'dense') {
      weights += checkDense(layer, width);
      if (weights > MODEL_LIMITS.weights) {
        fail(
          'MODEL_TOO_LARGE',
          'weights',
          weights,
          `the model may have at most ${MODEL_LIMITS.weights} weights`,
        );
      }
      width = layer.outputs;
    } else if (layer.kind === 'polynomial') checkPolynomial(layer);
    else if (index !== layers.length - 1) {
      fail('ACTIVATION_NOT_LAST', 'layers', layer.name, `${layer.name} may only be the last layer`);
    } else if (layer.name !== 'sigmoid' && width < 2) {
      fail('ACTIVATION_SHAPE', 'layers', width, `${layer.name} needs at least two outputs`);
    }
  });
  if (width !== outputs) fail('LAYER_SHAPE', 'outputs', outputs, `the last layer has ${width} outputs`);
  const classes = outputs === 1 ? 2 : outputs;
  if (labels && labels.length !== classes) {
    fail('LABELS_SHAPE', 'labels', labels.length, `${outputs} output(s) need ${classes} labels`);
  }
  if (inputNames && inputNames.length !== inputs) {
    fail(
      'NAMES_SHAPE',
      'inputNames',
      inputNames.length,
      `there must be one name for each of ${inputs} inputs`,
    );
  }
}

function checkDense(layer: DenseLayer, width: number): number {
  checkUnits(`${layer.name}.inputs`, layer.inputs);
  checkUnits(`${layer.name}.outputs`, layer.outputs);
  if (layer.inputs !== width) {
    fail('LAYER_SHAPE', `${layer.name}.inputs`, layer.inputs, `the layer before it has ${width} outputs`);
  }
  const count = layer.inputs * layer.outputs;
  if (layer.weights.length !== count) {
    fail('LAYER_SHAPE', `${layer.name}.weights`, layer.weights.length, `it must hold ${count} values`);
  }
  if (layer.bias.length !== layer.outputs) {
    fail('LAYER_SHAPE', `${layer.name}.bias`, layer.bias.length, `it must hold ${layer.outputs} values`);
  }
  for (const part of ['weights', 'bias'] as const) {
    const at = layer[part].findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      const argument = `${layer.name}.${part}[${at}]`;
      fail('WEIGHTS_NOT_FINITE', argument, layer[part][at], 'weights must be finite: train or export again');
    }
  }
  return count;
}

function checkPolynomial({ name, coefficients }: PolynomialLayer): void {
  const degree = coefficients.length - 1;
  if (degree < 0 || degree > MODEL_LIMITS.polynomialDegree) {
    const limit = `a polynomial has 1 to ${MODEL_LIMITS.polynomialDegree + 1} coefficients`;
    fail('POLYNOMIAL_INVALID', `${name}.coefficients`, coefficients.length, limit);
  }
  const bad = coefficients.find((c) => !Number.isFinite(c));
  if (bad !== undefined) {
    fail('POLYNOMIAL_INVALID', `${name}.coefficients`, bad, 'coefficients must be finite numbers');
  }
}

function checkUnits(argument: string, value: number): void {
  if (!Number.isInteger(value) || value < 1 || value > MODEL_LIMITS.units) {
    fail('MODEL_TOO_LARGE', argument, value, `it must be an integer from 1 to ${MODEL_LIMITS.units}`);
  }
}

function fail(code: string, argument: string, value: unknown, advice: string): never {
  throw new ModelError(code, `${argument} is ${String(value)}: ${advice}`, { argument, value });
}

/**
 * Predicts one sample in the clear, in double precision.
 * @param row `model.inputs` finite numbers
 * @returns the scores after the final activation; for argmax one value, the index of the largest score
 * @throws ModelError FEATURE_COUNT, NOT_FINITE, ACTIVATION_ON_SERVER (softmax and argmax are client-side only)
 */
export function predictPlain(model: Model, row: ArrayLike<number>, options: PredictOptions = {}): number[] {
  if (row.length !== model.inputs) {
    fail('FEATURE_COUNT', 'row.length', row.length, `the model takes ${model.inputs} features`);
  }
  let values = Array.from(row, (value, i) => {
    if (!Number.isFinite(value)) fail('NOT_FINITE', `row[${i}]`, value, 'features must be finite numbers');
    return value;
  });
  for (const layer of model.layers) {
    if (layer.kind === 'dense') values = applyDense(layer, values);
    else if (layer.kind === 'polynomial')
      values = values.map((x) => evaluatePolynomial(layer.coefficients, x));
    else values = finalActivation(layer.name, values, options.serverActivation ?? false);
  }
  return values;
}

function applyDense(layer: DenseLayer, x: number[]): number[] {
  const y = new Array<number>(layer.outputs);
  for (let o = 0; o < layer.outputs; o++) {
    let sum = layer.bias[o];
    const start = o * layer.inputs;
    for (let i = 0; i < layer.inputs; i++) sum += layer.weights[start + i] * x[i];
    y[o] = sum;
  }
  return y;
}

function finalActivation(name: ActivationLayer['name'], scores: number[], onServer: boolean): number[] {
  if (!onServer) return applyActivation(name, scores);
  if (name !== 'sigmoid') {
    fail('ACTIVATION_ON_SERVER', 'serverActivation', name, 'only sigmoid can be evaluated on the server');
  }
  serverSigmoid ??= sigmoidPolynomial(HE4CLOUD_SIGMOID.degree, HE4CLOUD_SIGMOID.range);
  const coefficients = serverSigmoid;
  return scores.map((x) => evaluatePolynomial(coefficients, x));
}

/** Fitted once. */
let serverSigmoid: number[] | undefined;
