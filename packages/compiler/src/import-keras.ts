/**
 * Keras Sequential: architecture JSON plus HDF5 weights, or one whole-model HDF5 file.
 * @module
 */

import { type Finding, Hdf5Error, ImportError } from './errors.ts';
import { type Hdf5File, withHdf5 } from './hdf5.ts';
import type { Attempt } from './import-sklearn.ts';
import { type KerasArchitecture, type KerasStep, notSequential, readArchitecture } from './keras-config.ts';
import { embeddedConfig, openWeights, type VariableReader } from './keras-weights.ts';
import { type DenseLayer, type Layer, MODEL_LIMITS, type Model } from './model.ts';
import { FILE_LIMITS, type InspectedFile } from './model-files.ts';

/** Multiplications allowed for fusing two dense layers, a few seconds of work. */
const MAX_FUSION_WORK = 2 ** 32;

/**
 * @throws ImportError when the files are a Keras model that cannot be imported: LAYER_UNSUPPORTED (every
 *   layer's reason in `findings`), WEIGHTS_MISSING, WEIGHTS_LAYOUT, WEIGHTS_SHAPE, WEIGHTS_NOT_FINITE,
 *   MODEL_AMBIGUOUS, MODEL_TOO_LARGE, and HDF5_* for damaged weights
 */
export async function importKeras(files: InspectedFile[]): Promise<Attempt> {
  const weights = files.flatMap((file) => (file.kind === 'hdf5' ? [file] : []));
  if (weights.length > 1) {
    const message = `there are ${weights.length} HDF5 files: give one, with the weights of all layers`;
    throw new ImportError('MODEL_AMBIGUOUS', message, { argument: 'files', value: weights.length });
  }
  const found = findConfig(files);
  if ('architecture' in found) {
    const { architecture } = found;
    refuseLayers(architecture);
    if (weights.length === 0) {
      const message = 'the Keras JSON has no weights beside it: add the HDF5 file of model.save_weights';
      throw new ImportError('WEIGHTS_MISSING', message, { argument: 'files' });
    }
    return read(weights[0].bytes, (h5) => load(h5, architecture));
  }
  if (weights.length === 0) return found;
  return read(weights[0].bytes, (h5) => fromWholeModel(h5, weights[0].name, found.reason));
}

function findConfig(files: InspectedFile[]): { architecture: KerasArchitecture } | { reason: string } {
  const jsons = files.flatMap((file) => (file.kind === 'json' ? [file] : []));
  const reasons = jsons.map(({ name, json }) => ({ name, json, reason: notSequential(json) }));
  const models = reasons.filter(({ reason }) => reason === undefined);
  if (models.length > 1) {
    const message = 'more than one JSON file is a Keras model: give one';
    throw new ImportError('MODEL_AMBIGUOUS', message, { argument: 'files', value: models.length });
  }
  if (models.length === 1) return { architecture: readArchitecture(models[0].json) };
  if (reasons.length === 0) return { reason: 'there is no Keras JSON among the files' };
  return { reason: reasons.map(({ name, reason }) => `"${name}": ${reason}`).join('; ') };
}

async function fromWholeModel(h5: Hdf5File, name: string, jsonReason: string): Promise<Attempt> {
  const text = await embeddedConfig(h5);
  if (text === undefined) {
    return { reason: `"${name}" holds no architecture, and ${jsonReason}; add the JSON of model.to_json()` };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { reason: `"${name}" has a model_config that is not valid JSON` };
  }
  const reason = notSequential(json);
  if (reason !== undefined) return { reason: `"${name}": ${reason}` };
  const architecture = readArchitecture(json);
  refuseLayers(architecture);
  return load(h5, architecture);
}

async function load(h5: Hdf5File, architecture: KerasArchitecture): Promise<Attempt> {
  return { model: await assemble(architecture, await openWeights(h5, architecture)) };
}

async function read(bytes: Uint8Array, use: (h5: Hdf5File) => Promise<Attempt>): Promise<Attempt> {
  try {
    return await withHdf5(bytes, FILE_LIMITS.weightBytes, use);
  } catch (error) {
    if (!(error instanceof Hdf5Error)) throw error;
    const { argument, value } = error;
    throw new ImportError(error.code, `the weights: ${error.message}`, { argument, value, cause: error });
  }
}

function refuseLayers({ refusals }: KerasArchitecture): void {
  if (refusals.length === 0) return;
  const findings: Finding[] = refusals.map((reason) => ({ importer: 'keras', reason }));
  const message =
    'the Keras model has parts that cannot run on encrypted data; change these and train again:';
  throw new ImportError('LAYER_UNSUPPORTED', message, { argument: 'layers', findings });
}

/** Per-feature y = scale x + shift of a batch normalisation that waits for the dense layer after it. */
interface Affine {
  name: string;
  scale: Float64Array;
  shift: Float64Array;
}

async function assemble(architecture: KerasArchitecture, read: VariableReader): Promise<Model> {
  const layers: Layer[] = [];
  let pending: Affine | undefined;
  for (const step of architecture.steps) {
    const last = layers.at(-1);
    if (step.kind === 'dense') {
      let dense = await readDense(step, read);
      if (pending) dense = applyBefore(pending, dense);
      pending = undefined;
      if (last?.kind === 'dense') layers[layers.length - 1] = fuse(last, dense);
      else layers.push(dense);
    } else if (step.kind === 'batch-normalization') {
      const affine = await readBatchNormalization(step, read);
      if (last?.kind === 'dense') layers[layers.length - 1] = applyAfter(last, affine);
      else pending = pending ? compose(pending, affine) : affine;
    } else if (step.kind === 'polynomial') layers.push({ ...step });
    else layers.push({ kind: 'activation', name: step.activation });
  }
  return { source: 'keras', inputs: architecture.inputs, outputs: architecture.outputs, layers };
}

async function readDense(step: KerasStep & { kind: 'dense' }, read: VariableReader): Promise<DenseLayer> {
  const { name, inputs, units: outputs } = step;
  if (inputs * outputs > MODEL_LIMITS.weights) throw tooLarge(name, inputs * outputs);
  const kernel = await read(name, 'kernel', 0, [inputs, outputs]);
  const weights = new Float64Array(inputs * outputs);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) weights[o * inputs + i] = kernel[i * outputs + o];
  }
  const bias = step.useBias ? await read(name, 'bias', 1, [outputs]) : new Float64Array(outputs);
  return { kind: 'dense', name, inputs, outputs, weights, bias };
}

/** Variables are in the order gamma, beta, moving mean, moving variance; the first two are optional. */
async function readBatchNormalization(
  step: KerasStep & { kind: 'batch-normalization' },
  read: VariableReader,
): Promise<Affine> {
  const { name, units, epsilon } = step;
  let position = 0;
  const next = (role: string) => read(name, role, position++, [units]);
  const gamma = step.scale ? await next('gamma') : new Float64Array(units).fill(1);
  const beta = step.center ? await next('beta') : new Float64Array(units);
  const mean = await next('moving_mean');
  const variance = await next('moving_variance');
  const scale = gamma.map((g, i) => g / Math.sqrt(variance[i] + epsilon));
  const at = scale.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    const argument = `${name}.moving_variance[${at}]`;
    const message = `${argument} is ${variance[at]}: with epsilon it must be above 0; train or export again`;
    throw new ImportError('WEIGHTS_NOT_FINITE', message, { argument, value: variance[at] });
  }
  return { name, scale, shift: beta.map((b, i) => b - mean[i] * scale[i]) };
}

function compose(first: Affine, second: Affine): Affine {
  const shift = second.shift.map((s, i) => s + second.scale[i] * first.shift[i]);
  return { name: second.name, scale: first.scale.map((s, i) => s * second.scale[i]), shift };
}

function applyAfter(dense: DenseLayer, { scale, shift }: Affine): DenseLayer {
  const weights = dense.weights.map((w, i) => w * scale[Math.floor(i / dense.inputs)]);
  return { ...dense, weights, bias: dense.bias.map((b, o) => b * scale[o] + shift[o]) };
}

function applyBefore({ scale, shift }: Affine, dense: DenseLayer): DenseLayer {
  const bias = dense.bias.map((b, o) => {
    let sum = b;
    for (let i = 0; i < dense.inputs; i++) sum += dense.weights[o * dense.inputs + i] * shift[i];
    return sum;
  });
  return { ...dense, weights: dense.weights.map((w, i) => w * scale[i % dense.inputs]), bias };
}

/** W2 (W1 x + b1) + b2 as one layer: two linear layers in a row would only cost a level. */
function fuse(first: DenseLayer, second: DenseLayer): DenseLayer {
  const { inputs } = first;
  const { outputs } = second;
  const work = inputs * first.outputs * outputs;
  if (work > MAX_FUSION_WORK || inputs * outputs > MODEL_LIMITS.weights) throw tooLarge(second.name, work);
  const weights = new Float64Array(inputs * outputs);
  const bias = second.bias.slice();
  for (let o = 0; o < outputs; o++) {
    for (let m = 0; m < first.outputs; m++) {
      const factor = second.weights[o * first.outputs + m];
      bias[o] += factor * first.bias[m];
      const [to, from] = [o * inputs, m * inputs];
      for (let i = 0; i < inputs; i++) weights[to + i] += factor * first.weights[from + i];
    }
  }
  return { kind: 'dense', name: `${first.name}+${second.name}`, inputs, outputs, weights, bias };
}

function tooLarge(name: string, value: number): ImportError {
  const message = `layer "${name}" is too large (${value} multiplications): use fewer units, or an activation between dense layers`;
  return new ImportError('MODEL_TOO_LARGE', message, { argument: name, value });
}
