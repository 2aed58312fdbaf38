/**
 * Least recently used cache, bounded by bytes.
 * @module
 */

export interface Cached {
  readonly bytes: number;
  dispose(): void;
}

export class ByteLru<T extends Cached> {
  readonly #entries = new Map<string, T>();
  readonly #limit: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  keys(): string[] {
    return [...this.#entries.keys()];
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  /** Adds an entry; `pinned` keys (in use by the caller) stay even when the limit is exceeded. */
  set(key: string, entry: T, pinned: readonly string[] = []): void {
    this.delete(key);
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const candidate of this.keys()) {
      if (this.#bytes <= this.#limit) return;
      if (candidate !== key && !pinned.includes(candidate)) this.delete(candidate);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    entry.dispose();
  }
}
