/**
 * `client.key`: the secret of program keys in a file, under a passphrase or as it is. A wire container `secret` or
 * `wrapped-secret` whose profile id says that programs, not a model, are what it is for.
 * @module
 */
import { wrapSecret } from '@velum/client';
import { openWire, readWireHeader, sealWire, sha256Hex } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { ProgramKeys } from '@velum/programs';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import { knownPassphrase, unwrap } from '../local/passphrase.ts';
import type { Terminal } from '../terminal.ts';

const purpose = (): Promise<string> => sha256Hex(new TextEncoder().encode('velum program keys'));
/** Of the secret of program keys. */
const MAX_SECRET_BYTES = 4096;

/** @param passphrase undefined stores the secret as it is */
export async function sealClientKey(
  kernels: Kernels,
  keys: ProgramKeys,
  passphrase: string | undefined,
): Promise<Uint8Array> {
  const secret = await sealWire('secret', await purpose(), keys.toBytes());
  return passphrase === undefined ? secret : wrapSecret(kernels, secret, passphrase);
}

/** Reads `client.key`, asking for its passphrase where there is one and no file with it. @throws CliError WRONG_FILE */
export async function readClientKey(
  terminal: Terminal,
  kernels: Kernels,
  path: string,
  passphraseFile: string | undefined,
): Promise<ProgramKeys> {
  const bytes = await readBytes(path);
  const kind = kindOf(bytes);
  if (kind === undefined || readWireHeader(bytes).profileId !== (await purpose())) {
    const hint = 'Give the client.key that `velum program keygen` wrote (not server.key).';
    throw new CliError('WRONG_FILE', `${path} is no secret key of programs`, EXIT.badInput, hint);
  }
  const secret =
    kind === 'secret' ? bytes : await unwrap(bytes, await knownPassphrase(terminal, passphraseFile));
  return ProgramKeys.fromBytes(
    kernels,
    await openWire(secret, { kind: 'secret', maxBytes: MAX_SECRET_BYTES }),
  );
}

function kindOf(bytes: Uint8Array): 'secret' | 'wrapped-secret' | undefined {
  try {
    const { kind } = readWireHeader(bytes);
    return kind === 'secret' || kind === 'wrapped-secret' ? kind : undefined;
  } catch {
    return undefined;
  }
}
