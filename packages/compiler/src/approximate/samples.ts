/**
 * Calibration data as HE-MAN takes it: a zip or npz of .npy arrays (or one .npy), each a sample or a batch of them.
 * @module
 */
import { unzipSync } from 'fflate';
import { SampleFileError } from '../errors.ts';
import { elements } from '../graph/graph.ts';
import type { Tensor } from '../hdf5.ts';
import { isNpy, parseNpy } from '../npy.ts';

export const CALIBRATION_LIMITS = {
  /** Of the file, and of everything in it together once unpacked. */
  bytes: 2 ** 30,
  entries: 200_000,
  /** Of one array; a larger set goes into several. */
  values: 2 ** 27,
} as const;

export interface CalibrationSamples {
  /** Flattened inputs, in the order of the file. Arrays are read while it is walked, and may throw then. */
  samples: Iterable<Float64Array>;
  /** Arrays in the file. */
  arrays: number;
  /** Set when the file holds only [lower, upper], and the samples were made up between them. */
  bounds?: [number, number];
}

interface Entry {
  name: string;
  bytes: Uint8Array;
}

/**
 * Extents of 1 do not matter. An array is one sample with the extents of the input, or all its values in one; or, with
 * one more leading extent, a batch of either. A file with a single array of two values, for an input of more, gives
 * lower and upper bounds, as HE-MAN's test models have them.
 * @param shape of the graph's input
 * @throws SampleFileError CALIBRATION_FILE, CALIBRATION_EMPTY, CALIBRATION_SHAPE, CALIBRATION_TOO_LARGE
 */
export function readCalibration(
  file: { name: string; bytes: Uint8Array },
  shape: readonly number[],
): CalibrationSamples {
  const entries = isNpy(file.bytes) ? [file] : unpack(file);
  if (entries.length === 0)
    fail('CALIBRATION_EMPTY', file.name, 'it has no .npy array in it; save some with np.savez');
  const first = read(entries[0]);
  const bounds = entries.length === 1 ? asBounds(first, shape) : undefined;
  if (bounds) return { samples: between(bounds, elements(shape)), arrays: 1, bounds };
  batchOf(entries[0], first, shape);
  return {
    arrays: entries.length,
    samples: {
      *[Symbol.iterator]() {
        const size = elements(shape);
        for (const entry of entries) {
          const tensor = read(entry);
          const count = batchOf(entry, tensor, shape);
          for (let i = 0; i < count; i++) yield tensor.values.slice(i * size, (i + 1) * size);
        }
      },
    },
  };
}

function unpack({ name, bytes }: Entry): Entry[] {
  if (bytes.length === 0) fail('CALIBRATION_EMPTY', name, 'the file is empty');
  if (bytes.length > CALIBRATION_LIMITS.bytes) tooLarge(name, `it has ${bytes.length} bytes`);
  if (!(bytes[0] === 0x50 && bytes[1] === 0x4b))
    fail(
      'CALIBRATION_FILE',
      name,
      'it is neither a zip (npz) nor a .npy file; save the samples with np.savez',
    );
  let total = 0;
  let count = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: (entry) => {
        if (entry.name.endsWith('/') || /(^|\/)(__MACOSX\/|\.)/.test(entry.name)) return false;
        // The sizes come from the file, before anything is allocated for them.
        total += entry.originalSize;
        if (total > CALIBRATION_LIMITS.bytes) tooLarge(name, `it unpacks to more than ${total} bytes`);
        if (++count > CALIBRATION_LIMITS.entries) tooLarge(name, `it holds more than ${count - 1} files`);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof SampleFileError) throw error;
    return fail(
      'CALIBRATION_FILE',
      name,
      `the zip cannot be read (${(error as Error).message}); make it again`,
      error,
    );
  }
  return Object.entries(files).map(([entry, content]) => ({ name: entry, bytes: content }));
}

function read({ name, bytes }: Entry): Tensor {
  try {
    const tensor = parseNpy(bytes);
    if (tensor.values.length > CALIBRATION_LIMITS.values)
      tooLarge(name, `it has ${tensor.values.length} values`);
    return tensor;
  } catch (error) {
    if (!(error instanceof SampleFileError) || error.code.startsWith('CALIBRATION')) throw error;
    return fail('CALIBRATION_FILE', name, error.message, error);
  }
}

/** Samples in the array. */
function batchOf({ name }: Entry, tensor: Tensor, shape: readonly number[]): number {
  const size = elements(shape);
  const wanted = squeeze(shape);
  const given = squeeze(tensor.shape);
  if (same(given, wanted) || same(given, squeeze([size]))) return 1;
  const [count, ...rest] = given;
  if (same(rest, wanted) || same(rest, squeeze([size]))) return count;
  return fail(
    'CALIBRATION_SHAPE',
    name,
    `its shape is (${tensor.shape.join(', ')}); the model takes (${shape.join(', ')}), or a batch of that`,
  );
}

const squeeze = (shape: readonly number[]) => shape.filter((extent) => extent !== 1);
const same = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((x, i) => x === b[i]);

function asBounds({ values }: Tensor, shape: readonly number[]): [number, number] | undefined {
  if (values.length !== 2 || elements(shape) <= 2 || !(values[0] <= values[1])) return undefined;
  return [values[0], values[1]];
}

/** Both ends, ramps between them, and 60 samples of a low-discrepancy sequence: the same every time. */
function between([lower, upper]: [number, number], size: number): Float64Array[] {
  const at = (share: (i: number) => number) =>
    Float64Array.from({ length: size }, (_, i) => lower + (upper - lower) * share(i));
  const golden = (Math.sqrt(5) - 1) / 2;
  return [
    at(() => 0),
    at(() => 1),
    at((i) => i / (size - 1)),
    at((i) => 1 - i / (size - 1)),
    ...Array.from({ length: 60 }, (_, s) => at((i) => ((s * size + i + 1) * golden) % 1)),
  ];
}

function tooLarge(name: string, what: string): never {
  const { bytes, entries, values } = CALIBRATION_LIMITS;
  fail(
    'CALIBRATION_TOO_LARGE',
    name,
    `${what}: give at most ${bytes} bytes in ${entries} arrays of ${values} values`,
  );
}

function fail(code: string, name: string, what: string, cause?: unknown): never {
  throw new SampleFileError(code, `cannot calibrate with "${name}": ${what}`, {
    argument: 'calibration data',
    value: name,
    cause,
  });
}
