/**
 * `key` and `key.pub`: the first holds the profile and the secret key, under a passphrase or as it is, and is all that
 * encrypt and decrypt need; the second holds the public key and the evaluation keys, and is all that inference needs.
 * @module
 */
import { openWire, readWireHeader, sealWire } from '@velum/fhe';
import { type Profile, parseProfile, profileId } from '@velum/runtime';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import type { Terminal } from '../terminal.ts';
import { keyIdOf, openCommandFile, sealCommandFile } from './command-file.ts';
import { knownPassphrase, unwrap } from './passphrase.ts';

/** Of the JSON of a profile. */
const MAX_PROFILE_BYTES = 2 ** 26;

/** @param secret wire `secret` or `wrapped-secret` of the profile */
export async function sealKey(profile: Profile, keyId: string, secret: Uint8Array): Promise<Uint8Array> {
  const json = new TextEncoder().encode(JSON.stringify(profile));
  return sealCommandFile('key', keyId, [await sealWire('io-encoder', profile.id, json), secret]);
}

export function sealPublicKey(publicKey: Uint8Array, evaluationKey: Uint8Array): Uint8Array {
  return sealCommandFile('public-key', keyIdOf(publicKey), [publicKey, evaluationKey]);
}

export interface SecretKeyFile {
  profile: Profile;
  keyId: string;
  /** SENSITIVE: wire `secret`. Resolves later, while other work goes on: the passphrase takes its time. */
  secret: Promise<Uint8Array>;
}

/** Reads `key`, asking for the passphrase where there is one and no file with it. */
export async function readKey(
  terminal: Terminal,
  path: string,
  passphraseFile: string | undefined,
): Promise<SecretKeyFile> {
  const hint = 'Give the secret key, the file that `velum keygen -o` names (without .pub).';
  const file = openCommandFile(path, await readBytes(path), 'key', hint);
  const [encoder, stored] = file.containers;
  const profile = await readProfile(path, file.profileId, encoder);
  const secret =
    readWireHeader(stored).kind === 'secret'
      ? Promise.resolve(stored.slice())
      : unwrap(stored, await knownPassphrase(terminal, passphraseFile));
  // it may fail before anybody waits for it, which is not yet an error
  secret.catch(() => {});
  return { profile, keyId: file.keyId, secret };
}

async function readProfile(path: string, id: string, container: Uint8Array): Promise<Profile> {
  const payload = await openWire(container, { kind: 'io-encoder', maxBytes: MAX_PROFILE_BYTES });
  return checkProfile(path, id, parseJson(path, payload));
}

function parseJson(path: string, payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw altered(path, 'its profile is no JSON');
  }
}

/** A profile with the id that its content gives, which is `id`. @throws CliError PROFILE_ALTERED; RuntimeError */
export async function checkProfile(path: string, id: string, json: unknown): Promise<Profile> {
  const profile = parseProfile(json);
  if (profile.id !== id || (await profileId(profile)) !== id)
    throw altered(path, 'the content of its profile is not what its id says');
  return profile;
}

export interface PublicKeyFile {
  profileId: string;
  keyId: string;
  /** Wire `public-key` and `evaluation-key`. */
  publicKey: Uint8Array;
  evaluationKey: Uint8Array;
}

/** Reads `key.pub`. @throws CliError WRONG_FILE, FILE_VERSION, FILE_DAMAGED */
export async function readPublicKey(path: string): Promise<PublicKeyFile> {
  const hint = 'Give the public key that `velum keygen` wrote: the name of the key with .pub.';
  const file = openCommandFile(path, await readBytes(path), 'public-key', hint);
  const [publicKey, evaluationKey] = file.containers;
  if (keyIdOf(publicKey) !== file.keyId) throw altered(path, 'its key id is not that of its public key');
  return { profileId: file.profileId, keyId: file.keyId, publicKey, evaluationKey };
}

/** Refuses an encrypted file of another key. @throws CliError KEY_MISMATCH */
export function sameKey(
  key: { path: string; keyId: string; profileId: string },
  file: { path: string; keyId: string; profileId: string },
  made: string,
): void {
  if (key.keyId === file.keyId && key.profileId === file.profileId) return;
  const other = key.profileId === file.profileId ? 'another key' : 'another key, for another model';
  throw new CliError(
    'KEY_MISMATCH',
    `${file.path} was ${made} with ${other} than ${key.path}`,
    EXIT.badInput,
    `Use the key that belongs to it (key id ${file.keyId.slice(0, 12)}; this one is ${key.keyId.slice(0, 12)}), or encrypt again.`,
  );
}

function altered(path: string, what: string): CliError {
  const hint = 'Copy it again, or make new keys with `velum keygen`.';
  return new CliError('FILE_DAMAGED', `${path} is damaged: ${what}`, EXIT.badInput, hint);
}
