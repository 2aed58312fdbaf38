/**
 * Files of samples: HDF5, .npy or CSV, told apart by their first bytes, then by extension.
 * @module
 */

import { parseCsv } from './csv.ts';
import { Hdf5Error, SampleFileError } from './errors.ts';
import { isHdf5, type Tensor, withHdf5 } from './hdf5.ts';
import { foreignFormat, type ModelFile } from './model-files.ts';
import { isNpy, parseNpy } from './npy.ts';

export const SAMPLE_LIMITS = {
  bytes: 512 * 1024 * 1024,
  csvBytes: 64 * 1024 * 1024,
  values: 2 ** 25,
} as const;

export interface Samples {
  rows: number[][];
  /** Column names, when the file has a header. */
  names?: string[];
}

/**
 * Reads rows of features. A 1-D array is one row; further dimensions are flattened into the row. Of an HDF5
 * file the first dataset is read, or the one named in `file.name` as `samples.h5#dataset`. Values of binary
 * files may be NaN or infinite; checking rows against a model is the caller's next step.
 * @throws SampleFileError SAMPLES_FORMAT, SAMPLES_EMPTY, SAMPLES_SHAPE, SAMPLES_TOO_LARGE and the codes of
 *   the formats (CSV_*, NPY_*, HDF5_*)
 */
export async function readSamples(file: ModelFile): Promise<Samples> {
  const { bytes } = file;
  const hash = file.name.lastIndexOf('#');
  const name = hash < 0 ? file.name : file.name.slice(0, hash);
  const dataset = hash < 0 ? undefined : file.name.slice(hash + 1);
  if (bytes.length === 0) fail('SAMPLES_EMPTY', name, 'the file is empty');
  if (bytes.length > SAMPLE_LIMITS.bytes)
    fail('SAMPLES_TOO_LARGE', name, `the limit is ${SAMPLE_LIMITS.bytes} bytes`);
  if (isHdf5(bytes)) return { rows: toRows(name, await readHdf5(bytes, dataset)) };
  if (dataset !== undefined) fail('SAMPLES_FORMAT', name, `only an HDF5 file has a dataset "${dataset}"`);
  if (isNpy(bytes)) return { rows: toRows(name, parseNpy(bytes)) };
  const foreign = foreignFormat(bytes);
  if (foreign) fail('SAMPLES_FORMAT', name, `it is ${foreign}; give .h5, .npy or .csv`);
  if (/\.(h5|hdf5|npy)$/i.test(name))
    fail('SAMPLES_FORMAT', name, 'the content does not match the extension');
  if (bytes.length > SAMPLE_LIMITS.csvBytes) {
    fail('SAMPLES_TOO_LARGE', name, `the limit for CSV is ${SAMPLE_LIMITS.csvBytes} bytes; use .npy or .h5`);
  }
  return parseCsv(bytes, SAMPLE_LIMITS.values);
}

async function readHdf5(bytes: Uint8Array, dataset: string | undefined): Promise<Tensor> {
  try {
    return await withHdf5(bytes, SAMPLE_LIMITS.bytes, async (h5) => {
      const path = dataset === undefined ? await h5.firstDataset() : `/${dataset.replace(/^\/+/, '')}`;
      if (path === undefined)
        throw new Hdf5Error('HDF5_NO_DATASET', 'the HDF5 file has no dataset: save one');
      return h5.read(path);
    });
  } catch (error) {
    if (!(error instanceof Hdf5Error)) throw error;
    const { argument, value } = error;
    throw new SampleFileError(error.code, error.message, { argument, value, cause: error });
  }
}

function toRows(name: string, { shape, values }: Tensor): number[][] {
  if (shape.length === 0) fail('SAMPLES_SHAPE', name, 'it holds a single number, not rows of features');
  if (values.length === 0) fail('SAMPLES_EMPTY', name, `its shape is (${shape.join(', ')})`);
  if (values.length > SAMPLE_LIMITS.values)
    fail('SAMPLES_TOO_LARGE', name, `the limit is ${SAMPLE_LIMITS.values} values`);
  const columns = shape.length === 1 ? values.length : values.length / shape[0];
  return Array.from({ length: values.length / columns }, (_, row) =>
    Array.from(values.subarray(row * columns, (row + 1) * columns)),
  );
}

function fail(code: string, name: string, what: string): never {
  throw new SampleFileError(code, `cannot read samples from "${name}": ${what}`, {
    argument: 'file',
    value: name,
  });
}
