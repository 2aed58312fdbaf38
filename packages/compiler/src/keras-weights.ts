/**
 * Weights of Keras layers from HDF5, in the layouts Keras has used:
 * - legacy weights: attribute `layer_names`, per layer `weight_names`, datasets below the layer's group;
 * - legacy whole model: the same below /model_weights, with the architecture in attribute `model_config`;
 * - Keras 3 (`.weights.h5`): /layers/<group>/vars/0, 1, ... and its forerunner with
 *   /_layer_checkpoint_dependencies, where groups are numbered by class (dense, dense_1), not by layer name.
 * @module
 */

import { ImportError } from './errors.ts';
import type { Hdf5File, Tensor } from './hdf5.ts';
import type { KerasArchitecture } from './keras-config.ts';

/** Reads one variable of a layer by its role, e.g. `kernel`, checking its shape. */
export type VariableReader = (
  layer: string,
  role: string,
  position: number,
  shape: number[],
) => Promise<Float64Array>;

/** The JSON text of a whole-model file, or undefined. */
export async function embeddedConfig(h5: Hdf5File): Promise<string | undefined> {
  return (await h5.strings('/', 'model_config'))?.[0];
}

/**
 * Finds the layout and returns a reader of variables.
 * @throws ImportError WEIGHTS_LAYOUT when it is none of the known; the reader throws WEIGHTS_MISSING,
 *   WEIGHTS_SHAPE and WEIGHTS_NOT_FINITE
 */
export async function openWeights(h5: Hdf5File, architecture: KerasArchitecture): Promise<VariableReader> {
  const root = (await h5.kind('/model_weights')) === 'group' ? '/model_weights' : '';
  const layers = await stringList(h5, root || '/', 'layer_names');
  if (layers) return legacyReader(h5, root, layers);
  for (const container of ['/layers', '/_layer_checkpoint_dependencies']) {
    if ((await h5.kind(container)) === 'group') return numberedReader(h5, container, architecture);
  }
  const message =
    'the HDF5 file holds no Keras weights in a known layout: save them with model.save_weights("model.weights.h5")';
  throw new ImportError('WEIGHTS_LAYOUT', message, { argument: 'weights' });
}

function legacyReader(h5: Hdf5File, root: string, layers: string[]): VariableReader {
  return async (layer, role, _position, shape) => {
    const group = `${root}/${layer}`;
    const stored = layers.includes(layer) && (await h5.kind(group)) === 'group';
    const weights = stored ? await stringList(h5, group, 'weight_names') : undefined;
    // Names are paths such as dense_3/kernel:0; the last part is the role.
    const path = weights?.find((weight) => weight.split('/').at(-1)!.replace(/:\d+$/, '') === role);
    if (!path) throw missing(layer, role, layers);
    return checkTensor(await h5.read(`${group}/${path}`), layer, role, shape);
  };
}

async function numberedReader(
  h5: Hdf5File,
  container: string,
  architecture: KerasArchitecture,
): Promise<VariableReader> {
  const groups = await groupNames(h5, container, architecture);
  return async (layer, role, position, shape) => {
    const path = `${container}/${groups.get(layer)}/vars/${position}`;
    if ((await h5.kind(path)) !== 'dataset') throw missing(layer, role, await h5.members(container));
    return checkTensor(await h5.read(path), layer, role, shape);
  };
}

/**
 * Group of each layer. Groups are numbered by class in order, so a layer called dense_1 may well be stored as
 * "dense" while "dense_1" holds the next one. Keras 3 writes the layer's name beside its variables; that
 * decides when every layer is found so, then the numbering, and the plain names come last.
 */
async function groupNames(
  h5: Hdf5File,
  container: string,
  { layers, steps }: KerasArchitecture,
): Promise<Map<string, string>> {
  const counts = new Map<string, number>();
  const numbered = new Map<string, string>();
  for (const { className, name } of layers) {
    const base = snakeCase(className);
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    numbered.set(name, count === 0 ? base : `${base}_${count}`);
  }
  const written = new Map<string, string>();
  for (const group of await h5.members(container)) {
    const vars = `${container}/${group}/vars`;
    const name = (await h5.kind(vars)) === 'group' ? (await h5.strings(vars, 'name'))?.[0] : undefined;
    if (name !== undefined) written.set(name, group);
  }
  const plain = new Map(layers.map(({ name }) => [name, name]));
  const withWeights = steps.filter((step) => step.kind === 'dense' || step.kind === 'batch-normalization');
  for (const groups of [written, numbered, plain]) {
    let complete = true;
    for (const { name } of withWeights) {
      const group = groups.get(name);
      complete &&= group !== undefined && (await h5.kind(`${container}/${group}/vars/0`)) === 'dataset';
    }
    if (complete) return groups;
  }
  return numbered;
}

/** Keras's rule: BatchNormalization -> batch_normalization. */
function snakeCase(className: string): string {
  return className
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** Long lists are split by Keras over attributes name0, name1, ... */
async function stringList(h5: Hdf5File, path: string, name: string): Promise<string[] | undefined> {
  const whole = await h5.strings(path, name);
  if (whole) return whole;
  const all: string[] = [];
  for (let part = 0; ; part++) {
    const chunk = await h5.strings(path, `${name}${part}`);
    if (!chunk) return part === 0 ? undefined : all;
    all.push(...chunk);
  }
}

function checkTensor(tensor: Tensor, layer: string, role: string, shape: number[]): Float64Array {
  const argument = `${layer}.${role}`;
  if (tensor.shape.length !== shape.length || tensor.shape.some((extent, i) => extent !== shape[i])) {
    const message = `${argument} has shape (${tensor.shape.join(', ')}): the architecture says (${shape.join(', ')}); give the JSON and weights of one model`;
    throw new ImportError('WEIGHTS_SHAPE', message, { argument, value: tensor.shape });
  }
  const at = tensor.values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    const message = `${argument}[${at}] is ${tensor.values[at]}: weights must be finite; train or export again`;
    throw new ImportError('WEIGHTS_NOT_FINITE', message, { argument, value: tensor.values[at] });
  }
  return tensor.values;
}

function missing(layer: string, role: string, there: string[]): ImportError {
  const list = there.slice(0, 8).join(', ').slice(0, 200);
  const message = `the HDF5 file has no ${role} of layer "${layer}" (it has: ${list}); give the JSON and weights of one model`;
  return new ImportError('WEIGHTS_MISSING', message, { argument: `${layer}.${role}` });
}
