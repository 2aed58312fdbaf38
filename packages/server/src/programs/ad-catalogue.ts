/**
 * The operator's own catalogue for ad_targeting, from a NumPy file. Read in the server to say at the start what is
 * wrong with it, and in every compute worker, which scores with it.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { AD_FEATURES, type AdCatalogue, adCatalogueOf, ProgramError } from '@velum/programs';
import { ConfigError } from '../errors.ts';

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
  // Here and not above: who has no catalogue of his own need not load the importers.
  const { isNpy, readNpyHeader, SampleFileError } = await import('@velum/compiler');
  if (bytes.length < 12 || !isNpy(bytes)) throw invalid('it is no .npy file');
  const otherwise = `its array is not rows x ${AD_FEATURES} of uint8 in C order`;
  let header: ReturnType<typeof readNpyHeader>;
  try {
    header = readNpyHeader(bytes);
  } catch (error) {
    if (!(error instanceof SampleFileError)) throw error;
    throw invalid(otherwise, error);
  }
  const { type, fortran, shape, data } = header;
  const [rows, columns] = shape;
  if (type !== '|u1' || fortran || shape.length !== 2 || columns !== AD_FEATURES) throw invalid(otherwise);
  if (bytes.length - data !== rows * AD_FEATURES) {
    throw invalid(`${rows} rows take ${rows * AD_FEATURES} bytes, ${bytes.length - data} are there`);
  }
  try {
    return adCatalogueOf(new Uint8Array(bytes.subarray(data)));
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw invalid(error.message, error);
  }
}
