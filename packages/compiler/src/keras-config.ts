/**
 * Keras Sequential architecture (JSON of Keras 2 and 3) read into a list of steps, before any weights.
 * Everything that cannot run on encrypted data is collected, so that one message names every such layer.
 * @module
 */

import { MODEL_LIMITS } from './model.ts';

export type KerasStep =
  | { kind: 'dense'; name: string; inputs: number; units: number; useBias: boolean }
  | {
      kind: 'batch-normalization';
      name: string;
      units: number;
      epsilon: number;
      scale: boolean;
      center: boolean;
    }
  | { kind: 'polynomial'; name: string; coefficients: number[] }
  | { kind: 'activation'; name: string; activation: 'sigmoid' | 'softmax' };

export interface KerasArchitecture {
  inputs: number;
  outputs: number;
  steps: KerasStep[];
  /** Class and name of every layer in order, as Keras 3 numbers weight groups by class. */
  layers: { className: string; name: string }[];
  /** One line per layer that cannot be imported. */
  refusals: string[];
}

type JsonObject = Record<string, unknown>;

const IDENTITY = [
  'Dropout',
  'AlphaDropout',
  'GaussianDropout',
  'GaussianNoise',
  'SpatialDropout1D',
  'ActivityRegularization',
];

/** Keras's default epsilon of BatchNormalization. */
const BATCH_EPSILON = 1e-3;

/** Why `json` is no Keras Sequential model, or undefined when it is one. */
export function notSequential(json: unknown): string | undefined {
  if (!isObject(json) || typeof json.class_name !== 'string' || json.config === undefined) {
    return 'it lacks class_name and config';
  }
  if (json.class_name === 'Functional' || json.class_name === 'Model') {
    return `it is a Keras ${json.class_name} model: rebuild it as keras.Sequential`;
  }
  if (json.class_name !== 'Sequential')
    return `its class_name is "${json.class_name.slice(0, 60)}", not Sequential`;
  return layerList(json.config) ? undefined : 'its config has no list of layers';
}

/** Reads a model that `notSequential` accepts. */
export function readArchitecture(json: unknown): KerasArchitecture {
  const list = layerList((json as JsonObject).config) ?? [];
  const state: State = { steps: [], refusals: [], layers: [], shape: undefined, inputs: 0 };
  if (list.length > MODEL_LIMITS.layers) {
    state.refusals.push(`the model has ${list.length} layers: at most ${MODEL_LIMITS.layers} are supported`);
  } else {
    list.forEach((entry, index) => {
      readLayer(state, entry, index);
    });
  }
  checkOrder(state);
  const { steps, layers, refusals } = state;
  return { inputs: state.inputs, outputs: state.shape?.[0] ?? 0, steps, layers, refusals };
}

interface State {
  steps: KerasStep[];
  refusals: string[];
  layers: { className: string; name: string }[];
  /** Shape of one sample after the last layer; undefined until it is known. */
  shape: number[] | undefined;
  inputs: number;
}

function readLayer(state: State, entry: unknown, index: number): void {
  const config = isObject(entry) && isObject(entry.config) ? entry.config : {};
  const className = isObject(entry) ? String(entry.class_name).split('>').at(-1)! : 'nothing';
  const name = typeof config.name === 'string' ? config.name : `layer ${index}`;
  const refuse = (reason: string) => {
    state.refusals.push(`layer "${name}" (${className}): ${reason}`);
  };
  state.layers.push({ className, name });
  readInputShape(state, isObject(entry) ? entry : {}, config, refuse);
  if (className === 'InputLayer' || IDENTITY.includes(className)) return;
  if (className === 'Flatten') {
    if (state.shape) state.shape = [state.shape.reduce((a, b) => a * b, 1)];
  } else if (className === 'Dense') {
    readDense(state, name, config, refuse);
  } else if (className === 'Activation') {
    readActivation(state, name, config.activation, config, refuse);
  } else if (className === 'Softmax') {
    readActivation(state, name, 'softmax', config, refuse);
  } else if (/^square(activation)?$/i.test(className)) {
    readActivation(state, name, 'square', config, refuse);
  } else if (/^poly(nomial)?(activation)?$/i.test(className)) {
    readActivation(state, name, 'polynomial', config, refuse);
  } else if (className === 'BatchNormalization') {
    readBatchNormalization(state, name, config, refuse);
  } else {
    refuse('it is not supported; use Dense, Activation, PolyActivation, Flatten or BatchNormalization');
  }
}

type Refuse = (reason: string) => void;

function readInputShape(state: State, entry: JsonObject, config: JsonObject, refuse: Refuse): void {
  if (state.shape) return;
  const build = isObject(entry.build_config) ? entry.build_config.input_shape : undefined;
  const shape = config.batch_input_shape ?? config.batch_shape ?? build;
  const inputDim = config.input_dim;
  if (Array.isArray(shape) && shape.length > 1) {
    const sample = shape.slice(1) as unknown[];
    const positive = sample.every((d) => Number.isInteger(d) && (d as number) > 0);
    if (positive) state.shape = sample as number[];
    else refuse(`its input shape ${JSON.stringify(shape).slice(0, 60)} has no fixed size`);
  } else if (Number.isInteger(inputDim) && (inputDim as number) > 0) state.shape = [inputDim as number];
  if (!state.shape) return;
  state.inputs = state.shape.reduce((a, b) => a * b, 1);
  if (state.inputs > MODEL_LIMITS.units)
    refuse(`it has ${state.inputs} inputs: at most ${MODEL_LIMITS.units}`);
}

function readDense(state: State, name: string, config: JsonObject, refuse: Refuse): void {
  const { units } = config;
  if (!Number.isInteger(units) || (units as number) < 1 || (units as number) > MODEL_LIMITS.units) {
    refuse(`units is ${JSON.stringify(units)}: it must be an integer from 1 to ${MODEL_LIMITS.units}`);
    return;
  }
  const width = flatWidth(state, refuse);
  if (width !== undefined) {
    const useBias = config.use_bias !== false;
    state.steps.push({ kind: 'dense', name, inputs: width, units: units as number, useBias });
  }
  state.shape = [units as number];
  readActivation(state, name, config.activation, config, refuse);
}

function readBatchNormalization(state: State, name: string, config: JsonObject, refuse: Refuse): void {
  const axis = Array.isArray(config.axis) ? config.axis[0] : (config.axis ?? -1);
  const units = flatWidth(state, refuse);
  const epsilon = config.epsilon ?? BATCH_EPSILON;
  if (axis !== -1 && axis !== 1) {
    refuse(`axis is ${JSON.stringify(axis)}: only the feature axis is supported`);
    return;
  }
  if (typeof epsilon !== 'number' || !(epsilon >= 0)) {
    refuse(`epsilon is ${JSON.stringify(epsilon)}: it must be a number from 0`);
    return;
  }
  if (units === undefined) return;
  const [scale, center] = [config.scale !== false, config.center !== false];
  state.steps.push({ kind: 'batch-normalization', name, units, epsilon, scale, center });
}

function flatWidth(state: State, refuse: Refuse): number | undefined {
  if (!state.shape) {
    refuse('the input shape is unknown; build the model, or add keras.Input(shape=(features,))');
    return undefined;
  }
  if (state.shape.length === 1) return state.shape[0];
  refuse(`its input has shape (${state.shape.join(', ')}); put a Flatten before it`);
  return undefined;
}

function readActivation(
  state: State,
  name: string,
  value: unknown,
  config: JsonObject,
  refuse: Refuse,
): void {
  const activation = activationName(value);
  if (activation === 'linear') return;
  if (activation === 'square') {
    state.steps.push({ kind: 'polynomial', name, coefficients: [0, 0, 1] });
  } else if (/^poly/.test(activation)) {
    const coefs =
      isObject(value) && isObject(value.config) ? value.config.coefs : (config.coefs ?? config.coeffs);
    const usable =
      Array.isArray(coefs) &&
      coefs.length > 0 &&
      coefs.length <= MODEL_LIMITS.polynomialDegree + 1 &&
      coefs.every((c) => typeof c === 'number' && Number.isFinite(c));
    if (usable) {
      state.steps.push({ kind: 'polynomial', name, coefficients: coefs.toReversed() as number[] });
    } else {
      refuse('a polynomial needs "coefs", a list of at most 64 finite numbers, highest degree first');
    }
  } else if (activation === 'softmax' && state.shape && (state.shape.length !== 1 || state.shape[0] < 2)) {
    refuse('softmax needs one axis of at least two values');
  } else if (activation === 'sigmoid' || activation === 'softmax') {
    state.steps.push({ kind: 'activation', name, activation });
  } else {
    refuse(`activation "${activation}" is no polynomial; train with square or PolyActivation instead`);
  }
}

/** The name in a string, in Keras 3's serialised function, or in a serialised layer or class. */
function activationName(value: unknown): string {
  if (value === null || value === undefined) return 'linear';
  if (typeof value === 'string') return value.split('>').at(-1)!.slice(0, 60);
  if (!isObject(value)) return String(value).slice(0, 60);
  if (typeof value.config === 'string') return activationName(value.config);
  const className = String(value.class_name).split('>').at(-1)!;
  return className.toLowerCase().slice(0, 60);
}

/** Sigmoid and softmax only last; batch normalisation only beside a dense layer. */
function checkOrder({ steps, refusals }: State): void {
  steps.forEach((step, index) => {
    const [before, after] = [steps[index - 1]?.kind, steps[index + 1]?.kind];
    if (step.kind === 'activation' && index < steps.length - 1) {
      refusals.push(
        `layer "${step.name}": ${step.activation} is only possible at the end, where the client applies it; use square or PolyActivation inside`,
      );
    }
    const affine = ['dense', 'batch-normalization'];
    if (step.kind === 'batch-normalization' && !affine.includes(before) && !affine.includes(after)) {
      refusals.push(
        `layer "${step.name}" (BatchNormalization): there is no Dense layer directly before or after it to fold it into`,
      );
    }
  });
  if (refusals.length === 0 && !steps.some((step) => step.kind === 'dense')) {
    refusals.push('the model has no Dense layer');
  }
}

function layerList(config: unknown): unknown[] | undefined {
  if (Array.isArray(config)) return config;
  return isObject(config) && Array.isArray(config.layers) ? config.layers : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
