/**
 * Worker thread that holds one HDF5 file open in h5wasm and answers questions about it. See `hdf5.ts` for why
 * this is a thread of its own.
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads';
import h5wasm, { type Metadata } from 'h5wasm';
import { Hdf5Error } from './errors.ts';

/** Values of a dataset, row-major, converted to doubles. */
export interface Tensor {
  shape: number[];
  values: Float64Array;
}

export type ObjectKind = 'group' | 'dataset' | 'none';

export interface Answers {
  kind: ObjectKind;
  members: string[];
  strings: string[] | undefined;
  read: Tensor;
  firstDataset: string | undefined;
}

export interface Request {
  question: keyof Answers;
  path: string;
  attribute?: string;
}

export type Reply =
  | { ok: true; answer: Answers[keyof Answers] }
  | { ok: false; code: string; message: string; argument?: string; value?: unknown };

export interface WorkerInput {
  bytes: Uint8Array;
  maxBytes: number;
}

const FILE = '/input.h5';
const MAX_DEPTH = 16;
const MAX_VISITED = 4096;
const MAX_STRINGS = 65536;
/** Every value becomes a double, so small types count as four bytes against the limit. */
const MIN_VALUE_BYTES = 4;

const h5 = await h5wasm.ready;
const { bytes, maxBytes } = workerData as WorkerInput;
let budget = maxBytes;
let file = -1n;

parentPort!.on('message', (request: Request) => {
  const { reply, transfer } = answer(request);
  parentPort!.postMessage(reply, transfer);
});

function answer(request: Request): { reply: Reply; transfer: ArrayBuffer[] } {
  try {
    if (file < 0n) {
      h5.FS.writeFile(FILE, bytes);
      file = h5.open(FILE, h5.H5F_ACC_RDONLY, false, -1, -1);
      if (file < 0n) throw invalid('the library cannot open it');
    }
    const result = QUESTIONS[request.question](request.path, request.attribute ?? '');
    const tensor = request.question === 'read' ? (result as Tensor) : undefined;
    return {
      reply: { ok: true, answer: result },
      transfer: tensor ? [tensor.values.buffer as ArrayBuffer] : [],
    };
  } catch (error) {
    // The library throws traps, aborts and C++ exceptions: whatever it is, the file is to blame.
    const known = error instanceof Hdf5Error ? error : invalid('the library failed on its content');
    const { code, message, argument, value } = known;
    return { reply: { ok: false, code, message, argument, value }, transfer: [] };
  }
}

const QUESTIONS: { [Q in keyof Answers]: (path: string, attribute: string) => Answers[Q] } = {
  kind: kindOf,
  members: membersOf,
  strings: readStrings,
  read: readDataset,
  firstDataset,
};

function invalid(what: string): Hdf5Error {
  return new Hdf5Error('HDF5_INVALID', `not a readable HDF5 file: ${what}; save it again`);
}

function kindOf(path: string): ObjectKind {
  const type = h5.get_type(file, path);
  if (type === h5.H5G_GROUP) return 'group';
  return type === h5.H5G_DATASET ? 'dataset' : 'none';
}

function membersOf(path: string): string[] {
  return h5.get_names(file, path, false);
}

function firstDataset(): string | undefined {
  let visited = 0;
  const search = (group: string, depth: number): string | undefined => {
    for (const name of membersOf(group)) {
      if (++visited > MAX_VISITED) throw invalid('it has too many objects');
      const path = `${group === '/' ? '' : group}/${name}`;
      const kind = kindOf(path);
      if (kind === 'dataset') return path;
      const found = kind === 'group' && depth < MAX_DEPTH ? search(path, depth + 1) : undefined;
      if (found) return found;
    }
    return undefined;
  };
  return search('/', 0);
}

function readDataset(path: string): Tensor {
  if (kindOf(path) !== 'dataset') {
    throw refuse('HDF5_NO_DATASET', path, 'is not in the HDF5 file: name one that is there');
  }
  const metadata = h5.get_dataset_metadata(file, path);
  const { shape, size } = metadata;
  if (!shape) throw refuse('HDF5_TYPE', path, 'is empty: give one with values');
  // Computed from the shape itself: the library's own total is 32 bits wide.
  const count = shape.reduce((product, extent) => product * extent, 1);
  const charge = count * Math.max(size, MIN_VALUE_BYTES);
  if (!(charge <= budget)) {
    const left = `passes the limit of ${budget} bytes left for this file`;
    throw refuse('HDF5_TOO_LARGE', path, `of shape (${shape.join(', ')}) ${left}`);
  }
  budget -= charge;
  const total = count * size;
  const pointer = h5._malloc(Math.max(8, total));
  if (pointer === 0) throw invalid('there is not enough memory for its content');
  if (h5.get_dataset_data(file, path, null, null, null, BigInt(pointer)) < 0) {
    throw invalid(`dataset ${path} cannot be read`);
  }
  const buffer = h5.HEAPU8.slice(pointer, pointer + total).buffer as ArrayBuffer;
  h5._free(pointer);
  return { shape, values: toDoubles(path, metadata, buffer) };
}

function toDoubles(path: string, metadata: Metadata, buffer: ArrayBuffer): Float64Array {
  const classes = h5.H5T_class_t;
  const { size, signed, littleEndian: little } = metadata;
  // numpy booleans are stored as an enumeration over int8.
  const type = metadata.type === classes.H5T_ENUM.value ? classes.H5T_INTEGER.value : metadata.type;
  const view = new DataView(buffer);
  const length = buffer.byteLength / size;
  const fill = (at: (offset: number) => number) => Float64Array.from({ length }, (_, i) => at(i * size));
  if (type === classes.H5T_FLOAT.value) {
    if (size === 8 && little) return new Float64Array(buffer);
    if (size === 4 && little) return new Float64Array(new Float32Array(buffer));
    if (size === 8) return fill((o) => view.getFloat64(o, little));
    if (size === 4) return fill((o) => view.getFloat32(o, little));
  }
  if (type === classes.H5T_INTEGER.value) {
    if (size === 1) return fill((o) => (signed ? view.getInt8(o) : view.getUint8(o)));
    if (size === 2) return fill((o) => (signed ? view.getInt16(o, little) : view.getUint16(o, little)));
    if (size === 4) return fill((o) => (signed ? view.getInt32(o, little) : view.getUint32(o, little)));
    if (size === 8)
      return fill((o) => Number(signed ? view.getBigInt64(o, little) : view.getBigUint64(o, little)));
  }
  throw refuse('HDF5_TYPE', path, 'is not float32, float64 or an integer type: convert it to float64');
}

function readStrings(path: string, attribute: string): string[] | undefined {
  if (!h5.get_attribute_names(file, path).includes(attribute)) return undefined;
  const { size, vlen, shape, type } = h5.get_attribute_metadata(file, path, attribute);
  if (!shape) return undefined;
  const count = shape.reduce((product, extent) => product * extent, 1);
  // A list without elements is stored as an empty array of floats by h5py.
  if (count === 0) return [];
  if (type !== h5.H5T_class_t.H5T_STRING.value) return undefined;
  const total = count * size;
  if (!(count <= MAX_STRINGS && total <= maxBytes))
    throw invalid(`attribute ${attribute} of ${path} is too large`);
  const pointer = h5._malloc(total);
  if (pointer === 0) throw invalid('there is not enough memory for its content');
  h5.get_attribute_data(file, path, attribute, BigInt(pointer));
  const cells = h5.HEAPU8.slice(pointer, pointer + total);
  const decoder = new TextDecoder();
  return Array.from({ length: count }, (_, i) => {
    if (vlen) return h5.UTF8ToString(new DataView(cells.buffer).getUint32(i * size, true));
    const cell = cells.subarray(i * size, (i + 1) * size);
    const end = cell.indexOf(0);
    return decoder.decode(end < 0 ? cell : cell.subarray(0, end));
  });
}

function refuse(code: string, path: string, what: string): Hdf5Error {
  return new Hdf5Error(code, `dataset ${path} ${what}`, { argument: 'path', value: path });
}
