/**
 * The operator's own catalogue for ad_targeting, from a NumPy file. Read in the server to say at the start what is
 * wrong with it, and in every compute worker, which scores with it.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { type AdCatalogue, adCatalogueOf, ProgramError } from '@velum/programs';
import { ConfigError } from '../errors.ts';

const FEATURES = 62;
const HEADER = /^\{'descr': '\|u1', 'fortran_order': False, 'shape': \((\d+), 62\), ?\}\s*$/;
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/**
 * @param path a .npy file of rows x 62 weights, uint8, in C order
 * Throws ConfigError AD_CATALOGUE_INVALID.
 */
export async function readAdCatalogue(path: string): Promise<AdCatalogue> {
  const invalid = (why: string, cause?: unknown): ConfigError =>
    new ConfigError(
      'AD_CATALOGUE_INVALID',
      `adCatalogue (VELUM_AD_CATALOGUE) ${path} is not usable: ${why}. Save it by ` +
        'np.save(file, np.ascontiguousarray(weights, dtype=np.uint8)), one row of 62 weights for each advertisement',
      { cause },
    );
  const bytes = await readFile(path).catch((cause: Error) => {
    throw invalid(cause.message, cause);
  });
  if (bytes.length < 12 || !bytes.subarray(0, 6).equals(MAGIC)) throw invalid('it is no .npy file');
  const start = bytes[6] === 1 ? 10 : 12;
  const data = start + (bytes[6] === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  const rows = HEADER.exec(bytes.toString('latin1', start, data))?.[1];
  if (rows === undefined) throw invalid('its array is not rows x 62 of uint8 in C order');
  if (bytes.length - data !== Number(rows) * FEATURES) {
    throw invalid(`${rows} rows take ${Number(rows) * FEATURES} bytes, ${bytes.length - data} are there`);
  }
  try {
    return adCatalogueOf(new Uint8Array(bytes.subarray(data)));
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw invalid(error.message, error);
  }
}
