/**
 * A catalogue of advertisements of one's own for ad_targeting, in NumPy's form.
 * @module
 */
import { AD_FEATURES, adCatalogueOf, adTargeting, type Program } from '@velum/programs';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import { readNpy } from '../npy.ts';

/**
 * ad_targeting on the matrix of a .npy file.
 * @param path an array of rows x 62 integers from 0 to 255, each row summing to at most 255
 * @throws CliError CATALOGUE_INVALID, NPY_INVALID, FILE_UNREADABLE; ProgramError CATALOGUE_INVALID
 */
export async function adTargetingOn(path: string): Promise<Program> {
  const { shape, values } = readNpy(path, await readBytes(path));
  if (shape.length !== 2 || shape[1] !== AD_FEATURES)
    throw invalid(path, `its shape is (${shape.join(', ')})`);
  const wrong = values.find((value) => !Number.isInteger(value) || value < 0 || value > 255);
  if (wrong !== undefined) throw invalid(path, `it holds ${wrong}`);
  return adTargeting(adCatalogueOf(Uint8Array.from(values)));
}

function invalid(path: string, what: string): CliError {
  const message = `${path} is no catalogue of rows x ${AD_FEATURES} weights from 0 to 255: ${what}`;
  const hint =
    'Save it with np.save(file, weights.astype(np.uint8)); the columns are the features of a profile.';
  return new CliError('CATALOGUE_INVALID', message, EXIT.badInput, hint);
}
