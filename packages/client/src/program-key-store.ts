/**
 * Where a client keeps the secret of its program keys between runs: one for each server and account. A port: memory here,
 * files in Node; a browser application may bring one over IndexedDB.
 * @module
 */

/** `id` is any string. `load` gives undefined when there is none. */
export interface ProgramKeyStore {
  load(id: string): Promise<Uint8Array | undefined>;
  /** @param secret SENSITIVE */
  save(id: string, secret: Uint8Array): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Keys that live as long as the process. */
export class MemoryProgramKeyStore implements ProgramKeyStore {
  readonly #entries = new Map<string, Uint8Array>();

  async load(id: string): Promise<Uint8Array | undefined> {
    return this.#entries.get(id)?.slice();
  }

  async save(id: string, secret: Uint8Array): Promise<void> {
    this.#entries.set(id, secret.slice());
  }

  async remove(id: string): Promise<void> {
    this.#entries.get(id)?.fill(0);
    this.#entries.delete(id);
  }
}
