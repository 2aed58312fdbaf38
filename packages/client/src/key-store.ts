/**
 * Where a client keeps its keys between runs. A port: memory here, files in `node.ts`; a browser application
 * may bring one over IndexedDB.
 * @module
 */
import type { Profile } from '@velum/runtime';

export interface StoredKeys {
  /** The profile the keys were made for. */
  profile: Profile;
  /** Wire `secret`, or `wrapped-secret` when a passphrase was given. SENSITIVE in the first case. */
  secret: Uint8Array;
  /** sha256 of the public key's payload that was uploaded: tells whether the service still holds our keys. */
  publicKeySha256: string;
  /** The options the profile was asked for with. */
  requested: ProfileRequest;
}

export interface ProfileRequest {
  batchSize?: number;
  activation?: 'client' | 'server';
}

/** `id` is any string; one entry per account and model. `load` gives undefined when there is none. */
export interface KeyStore {
  load(id: string): Promise<StoredKeys | undefined>;
  save(id: string, keys: StoredKeys): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Keys that live as long as the process. */
export class MemoryKeyStore implements KeyStore {
  readonly #entries = new Map<string, StoredKeys>();

  async load(id: string): Promise<StoredKeys | undefined> {
    const keys = this.#entries.get(id);
    return keys === undefined ? undefined : { ...keys, secret: keys.secret.slice() };
  }

  async save(id: string, keys: StoredKeys): Promise<void> {
    this.#entries.set(id, { ...keys, secret: keys.secret.slice() });
  }

  async remove(id: string): Promise<void> {
    this.#entries.get(id)?.secret.fill(0);
    this.#entries.delete(id);
  }
}
