/**
 * Names for uploads. Data of the same name is replaced on the service, so a name is used again when its
 * prediction has ended (data would pile up otherwise) and never by two at a time (they would read each other's).
 * @module
 */

export class DataNames {
  readonly #prefix = `sdk-${crypto.randomUUID().slice(0, 18)}`;
  readonly #taken = new Set<number>();

  /** Runs `work` with a name of its own. */
  async with<T>(work: (name: string) => Promise<T>): Promise<T> {
    let slot = 0;
    while (this.#taken.has(slot)) slot++;
    this.#taken.add(slot);
    try {
      return await work(`${this.#prefix}.${slot}`);
    } finally {
      this.#taken.delete(slot);
    }
  }
}
