/**
 * Program keys in files, for one user of one machine: `program-<hash of server and account>.key`, readable for its owner only.
 * @module
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultKeyDirectory, replace } from './node-key-store.ts';
import type { ProgramKeyStore } from './program-key-store.ts';

export class FileProgramKeyStore implements ProgramKeyStore {
  readonly #directory: string;

  /** `directory` is made when the first key is saved. */
  constructor(directory: string = defaultKeyDirectory()) {
    this.#directory = directory;
  }

  async load(id: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.path(id)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async save(id: string, secret: Uint8Array): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await chmod(this.#directory, 0o700);
    await replace(this.path(id), secret);
  }

  async remove(id: string): Promise<void> {
    await rm(this.path(id), { force: true });
  }

  /** The file of an entry. */
  path(id: string): string {
    const hash = createHash('sha256').update(id).digest('hex').slice(0, 32);
    return join(this.#directory, `program-${hash}.key`);
  }
}
