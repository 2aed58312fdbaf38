/**
 * keyparams.json: what keygen needs, readable; HE-MAN's two fields are there under their names.
 * @module
 */
import type { Profile } from '@velum/runtime';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import { checkProfile } from './key-files.ts';

export interface KeyParams {
  format: 'velum-keyparams';
  version: 1;
  library: 'velum';
  /** For people and scripts: the profile says it exactly. The last sizes are those of the special primes. */
  parameters: { poly_modulus_degree: number; coeff_mod_bit_sizes: number[] };
  model: ModelIdentity;
  /** File name of the calibrated plan. */
  plan: string;
  profile: Profile;
}

/** The model a plan was made from. */
export interface ModelIdentity {
  name: string;
  /** Of the file, hex. */
  sha256: string;
}

export function keyParams(model: ModelIdentity, plan: string, profile: Profile): KeyParams {
  const { logN, q, p } = profile.parameters;
  return {
    format: 'velum-keyparams',
    version: 1,
    library: 'velum',
    parameters: {
      poly_modulus_degree: 2 ** logN,
      coeff_mod_bit_sizes: [...q, ...p].map((prime) => Math.ceil(Math.log2(prime))),
    },
    model,
    plan,
    profile,
  };
}

/** @throws CliError KEYPARAMS_INVALID, KEYPARAMS_FOREIGN, FILE_VERSION; RuntimeError PROFILE_INVALID */
export async function readKeyParams(path: string): Promise<KeyParams> {
  let json: Partial<KeyParams> | null;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readBytes(path)));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw invalid(path, 'it is no JSON');
  }
  if (json === null || typeof json !== 'object') throw invalid(path, 'it is no JSON object');
  if ((json.library as string) === 'seal' || (json.library as string) === 'tenseal') {
    const message = `${path} was made by HE-MAN: it has no profile to make keys for`;
    throw new CliError(
      'KEYPARAMS_FOREIGN',
      message,
      EXIT.badInput,
      'Make one with `velum keyparams -m MODEL -c DATA -o keyparams.json`.',
    );
  }
  if (json.format !== 'velum-keyparams') throw invalid(path, 'its format is not "velum-keyparams"');
  if (json.version !== 1) {
    const message = `${path} is of version ${String(json.version)}, and this velum reads version 1`;
    throw new CliError('FILE_VERSION', message, EXIT.badInput, 'Update velum, or make the file again.');
  }
  const id: unknown = json.profile?.id;
  await checkProfile(path, String(id), json.profile);
  return json as KeyParams;
}

function invalid(path: string, what: string): CliError {
  const hint = 'Give the file that `velum keyparams -o` wrote.';
  return new CliError('KEYPARAMS_INVALID', `${path} cannot be used: ${what}`, EXIT.badInput, hint);
}
