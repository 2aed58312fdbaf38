/**
 * What lies in a model file, by content: names and order of uploaded files carry no meaning.
 * @module
 */

import { ImportError } from './errors.ts';
import { isHdf5 } from './hdf5.ts';

export interface ModelFile {
  name: string;
  bytes: Uint8Array;
}

export const FILE_LIMITS = { jsonBytes: 64 * 1024 * 1024, weightBytes: 512 * 1024 * 1024, files: 8 } as const;

/** A file after inspection. `problem` says why a file of kind 'other' is neither JSON nor HDF5. */
export type InspectedFile =
  | { kind: 'json'; name: string; json: unknown }
  | { kind: 'hdf5'; name: string; bytes: Uint8Array }
  | { kind: 'other'; name: string; problem: string };

/**
 * Tells JSON from HDF5 and parses the JSON.
 * @throws ImportError FILE_TOO_LARGE, MODEL_PICKLE
 */
export function inspectFile({ name, bytes }: ModelFile): InspectedFile {
  if (isHdf5(bytes)) {
    limit(name, bytes, FILE_LIMITS.weightBytes);
    return { kind: 'hdf5', name, bytes };
  }
  if (isPickle(bytes) || /\.(pkl|pickle|joblib)$/i.test(name)) {
    const message = `"${name}" is a Python pickle (pickle or joblib): loading one runs code from it, so it is refused; export the model as JSON`;
    throw new ImportError('MODEL_PICKLE', message, { argument: 'files', value: name });
  }
  const foreign = foreignFormat(bytes);
  if (foreign) return { kind: 'other', name, problem: `it is ${foreign}` };
  limit(name, bytes, FILE_LIMITS.jsonBytes);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { kind: 'json', name, json: JSON.parse(text) };
  } catch (error) {
    const reason = error instanceof SyntaxError ? ` (${error.message.slice(0, 120)})` : '';
    return { kind: 'other', name, problem: `it is neither HDF5 nor valid JSON${reason}` };
  }
}

/** A known binary format that is refused, in words with advice; undefined for anything else. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const starts = (...magic: number[]) => magic.every((byte, i) => bytes[i] === byte);
  if (isPickle(bytes)) return 'a Python pickle, which is never loaded: export plain arrays or JSON';
  if (starts(0x50, 0x4b, 0x03, 0x04)) {
    return 'a zip archive: unpack it (.keras holds config.json and model.weights.h5, .npz holds .npy arrays)';
  }
  if (starts(0x1f, 0x8b)) return 'gzip-compressed: decompress it';
  return undefined;
}

/** Pickle protocol 2 to 5 (0x80, version), or 0 and 1 by their opening; zlib is how joblib compresses. */
function isPickle(bytes: Uint8Array): boolean {
  if (bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5) return true;
  if (bytes[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(bytes[1])) return true;
  const opening = new TextDecoder('latin1').decode(bytes.subarray(0, 32));
  return /^(ccopy_reg|c[a-z_.]+\n[A-Za-z_]+\n|\(dp0|\(lp0|\]q|\}q)/.test(opening);
}

function limit(name: string, bytes: Uint8Array, max: number): void {
  if (bytes.length <= max) return;
  const message = `"${name}" has ${bytes.length} bytes: the limit is ${max}`;
  throw new ImportError('FILE_TOO_LARGE', message, { argument: 'files', value: bytes.length });
}
