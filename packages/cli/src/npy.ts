/**
 * NumPy's .npy arrays (`numpy.lib.format`, versions 1 to 3), as the encrypting and decrypting commands read and write them:
 * apart from the compiler, whose importers those commands would load for nothing.
 * @module
 */
import { CliError, EXIT } from './errors.ts';

export interface NpyArray {
  shape: number[];
  /** Row-major. */
  values: Float64Array;
}

/** The header's length with its magic is a multiple of this, so that the data can be mapped. */
const ALIGNMENT = 64;
/** "\x93NUMPY" */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_VALUES = 2 ** 27;
const HEADER =
  /^\{'descr': '([<>|=][a-z]\d+)', 'fortran_order': (True|False), 'shape': \(((?:\d+, ?)*\d*)\), ?\}\s*$/;

const READERS: Record<string, [size: number, at: (view: DataView, offset: number) => number]> = {
  '<f4': [4, (view, o) => view.getFloat32(o, true)],
  '<f8': [8, (view, o) => view.getFloat64(o, true)],
  '>f4': [4, (view, o) => view.getFloat32(o)],
  '>f8': [8, (view, o) => view.getFloat64(o)],
  '<i2': [2, (view, o) => view.getInt16(o, true)],
  '<u2': [2, (view, o) => view.getUint16(o, true)],
  '<i4': [4, (view, o) => view.getInt32(o, true)],
  '<u4': [4, (view, o) => view.getUint32(o, true)],
  '<i8': [8, (view, o) => Number(view.getBigInt64(o, true))],
  '|i1': [1, (view, o) => view.getInt8(o)],
  '|u1': [1, (view, o) => view.getUint8(o)],
  '|b1': [1, (view, o) => (view.getUint8(o) === 0 ? 0 : 1)],
};

export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

/** @throws CliError NPY_INVALID */
export function readNpy(name: string, bytes: Uint8Array): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || !isNpy(bytes)) fail(name, 'it does not start like one');
  const version = bytes[6];
  if (version < 1 || version > 3) fail(name, `.npy version ${version} is unknown`);
  const start = version === 1 ? 10 : 12;
  const data = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (data > bytes.length || data > 65_536) fail(name, 'its header does not fit');
  const header = HEADER.exec(new TextDecoder('latin1').decode(bytes.subarray(start, data)));
  if (header === null) fail(name, 'its header is not that of a plain array');
  const [, type, fortran, extents] = header;
  if (!Object.hasOwn(READERS, type))
    fail(name, `its type is ${type}, and not one of ${Object.keys(READERS).join(' ')}`);
  const [size, at] = READERS[type];
  const shape = extents.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count > MAX_VALUES) fail(name, `it has ${count} values, more than ${MAX_VALUES}`);
  if (bytes.length - data !== count * size)
    fail(
      name,
      `shape (${shape.join(', ')}) of ${type} takes ${count * size} bytes, and ${bytes.length - data} are there`,
    );
  const values = Float64Array.from({ length: count }, (_, i) => at(view, data + i * size));
  return { shape, values: fortran === 'True' ? rowMajor(shape, values) : values };
}

/** From the first extent varying fastest to the last. */
function rowMajor(shape: readonly number[], values: Float64Array): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let at = 0;
    for (const extent of shape) {
      at = at * extent + (rest % extent);
      rest = Math.floor(rest / extent);
    }
    result[at] = values[i];
  }
  return result;
}

/**
 * Version 1.0.
 * @param values row-major, as many as the shape says
 * @param type doubles, or floats rounded from them
 */
export function writeNpy(
  shape: readonly number[],
  values: ArrayLike<number>,
  type: '<f8' | '<f4' = '<f8',
): Uint8Array {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${extents}), }`;
  const start = Math.ceil((10 + header.length + 1) / ALIGNMENT) * ALIGNMENT;
  const size = type === '<f8' ? 8 : 4;
  const bytes = new Uint8Array(start + values.length * size).fill(0x20, 0, start);
  bytes.set([...MAGIC, 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes[start - 1] = 0x0a;
  for (let i = 0; i < values.length; i++) {
    if (size === 8) view.setFloat64(start + 8 * i, values[i], true);
    else view.setFloat32(start + 4 * i, values[i], true);
  }
  return bytes;
}

function fail(name: string, what: string): never {
  const hint = 'Save it with np.save(file, np.asarray(x, dtype=np.float64)).';
  throw new CliError('NPY_INVALID', `${name} is not a usable .npy file: ${what}`, EXIT.badInput, hint);
}
