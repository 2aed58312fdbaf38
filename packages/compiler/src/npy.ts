/**
 * NumPy's .npy arrays, format versions 1 to 3 (NumPy enhancement proposal 1 and `numpy.lib.format`).
 *
 * The header is a Python literal; a strict pattern reads the one form NumPy writes, and nothing is evaluated.
 * @module
 */

import { SampleFileError } from './errors.ts';
import type { Tensor } from './hdf5.ts';

const HEADER =
  /^\{'descr': '([<>|=][a-zA-Z]\d+)', 'fortran_order': (True|False), 'shape': \(((?:\d+, ?)*\d*)\), ?\}\s*$/;
const MAX_HEADER_BYTES = 65536;

const READERS: Record<string, { size: number; at: (view: DataView, offset: number) => number }> = {
  '<f4': { size: 4, at: (view, o) => view.getFloat32(o, true) },
  '<f8': { size: 8, at: (view, o) => view.getFloat64(o, true) },
  '<i4': { size: 4, at: (view, o) => view.getInt32(o, true) },
  '<i8': { size: 8, at: (view, o) => Number(view.getBigInt64(o, true)) },
  '|u1': { size: 1, at: (view, o) => view.getUint8(o) },
  '|i1': { size: 1, at: (view, o) => view.getInt8(o) },
  '|b1': { size: 1, at: (view, o) => (view.getUint8(o) === 0 ? 0 : 1) },
};

/** The six magic bytes "\x93NUMPY". */
export function isNpy(bytes: Uint8Array): boolean {
  return [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59].every((byte, i) => bytes[i] === byte);
}

/** What stands before the values of an array. */
export interface NpyHeader {
  /** NumPy's name of the type, for example `<f8`. */
  type: string;
  /** Whether the first extent varies fastest. */
  fortran: boolean;
  shape: number[];
  /** Where the values begin. */
  data: number;
}

/** @throws SampleFileError NPY_HEADER, NPY_VERSION */
export function readNpyHeader(bytes: Uint8Array): NpyHeader {
  if (!isNpy(bytes) || bytes.length < 12)
    fail('NPY_HEADER', 'the file is too short or has no .npy signature');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version < 1 || version > 3) fail('NPY_VERSION', `.npy version ${version} is unknown`);
  const start = version === 1 ? 10 : 12;
  const headerBytes = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerBytes > MAX_HEADER_BYTES || start + headerBytes > bytes.length) {
    fail('NPY_HEADER', `a header of ${headerBytes} bytes does not fit`);
  }
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + headerBytes));
  const match = HEADER.exec(header);
  if (!match) return fail('NPY_HEADER', 'the header is not one that NumPy writes for a plain array');
  const [, type, fortran, extents] = match;
  const shape = extents.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  return { type, fortran: fortran === 'True', shape, data: start + headerBytes };
}

/**
 * Parses an array of `<f4 <f8 <i4 <i8 |u1 |i1 |b1`; a 2-D array in Fortran order is transposed.
 * @returns row-major values
 * @throws SampleFileError NPY_HEADER, NPY_VERSION, NPY_TYPE, NPY_ORDER, NPY_LENGTH
 */
export function parseNpy(bytes: Uint8Array): Tensor {
  const { type, fortran, shape, data } = readNpyHeader(bytes);
  const reader = READERS[type];
  if (!reader) return fail('NPY_TYPE', `type ${type} is not one of ${Object.keys(READERS).join(' ')}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length - data !== count * reader.size) {
    fail(
      'NPY_LENGTH',
      `shape (${shape.join(', ')}) of ${type} needs ${count * reader.size} bytes, the file has ${bytes.length - data}`,
    );
  }
  const values = Float64Array.from({ length: count }, (_, i) => reader.at(view, data + i * reader.size));
  if (!fortran || shape.length < 2) return { shape, values };
  if (shape.length > 2) fail('NPY_ORDER', 'an array of more than two dimensions is in Fortran order');
  const [rows, columns] = shape;
  return {
    shape,
    values: Float64Array.from(values, (_, i) => values[(i % columns) * rows + Math.floor(i / columns)]),
  };
}

function fail(code: string, what: string): never {
  const message = `not a usable .npy file: ${what}; save it with np.save(file, np.ascontiguousarray(x, dtype=np.float64))`;
  throw new SampleFileError(code, message, { argument: 'file' });
}
