/**
 * Keys in files, for one user of one machine: a directory (0700) per account and model with `keys.json` and
 * the secret key (0600), whose name says what it is: `secret.velum` in the clear, `secret.wrapped.velum`
 * under a passphrase. Files are replaced atomically; the index is written last.
 * @module
 */
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readWireHeader } from '@velum/fhe';
import { parseProfile } from '@velum/runtime';
import { VelumError } from './errors.ts';
import type { KeyStore, StoredKeys } from './key-store.ts';

const INDEX = 'keys.json';
const PLAIN = 'secret.velum';
const WRAPPED = 'secret.wrapped.velum';

export class FileKeyStore implements KeyStore {
  readonly #directory: string;

  /** `directory` is made when the first keys are saved. */
  constructor(directory: string = defaultKeyDirectory()) {
    this.#directory = directory;
  }

  async load(id: string): Promise<StoredKeys | undefined> {
    const directory = this.#entry(id);
    let text: string;
    try {
      text = await readFile(join(directory, INDEX), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const { profile, publicKeySha256, requested, secretFile } = JSON.parse(text);
      if (secretFile !== PLAIN && secretFile !== WRAPPED) throw new Error('unknown secret file');
      if (typeof publicKeySha256 !== 'string') throw new Error('no public key digest');
      const secret = new Uint8Array(await readFile(join(directory, secretFile)));
      readWireHeader(secret);
      return { profile: parseProfile(profile), secret, publicKeySha256, requested: requested ?? {} };
    } catch (cause) {
      throw new VelumError('KEY_STORE_CORRUPT', `the stored keys cannot be read: ${directory}`, {
        hint: 'Remove that directory and enrol again (or restore with the passphrase).',
        cause,
      });
    }
  }

  async save(id: string, keys: StoredKeys): Promise<void> {
    const directory = this.#entry(id);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(this.#directory, 0o700);
    await chmod(directory, 0o700);
    const wrapped = readWireHeader(keys.secret).kind === 'wrapped-secret';
    const secretFile = wrapped ? WRAPPED : PLAIN;
    await replace(join(directory, secretFile), keys.secret);
    const { profile, publicKeySha256, requested } = keys;
    const index = JSON.stringify({ id, profile, publicKeySha256, requested, secretFile }, null, 1);
    await replace(join(directory, INDEX), new TextEncoder().encode(index));
    await rm(join(directory, wrapped ? PLAIN : WRAPPED), { force: true });
  }

  async remove(id: string): Promise<void> {
    await rm(this.#entry(id), { recursive: true, force: true });
  }

  #entry(id: string): string {
    return join(this.#directory, createHash('sha256').update(id).digest('hex').slice(0, 32));
  }
}

/** `$XDG_DATA_HOME/velum/keys`, by default under ~/.local/share. */
export function defaultKeyDirectory(): string {
  return join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'velum', 'keys');
}

/** Writes a 0600 file beside its place, then renames it there: a reader sees the old one or the new one. */
export async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
