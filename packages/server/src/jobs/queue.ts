/**
 * The job queue port and its in-process adapter. A queue carries ids only, in order; the database row is the
 * truth, so a queue that loses everything costs a recovery pass and no job. `start` has the shape of a BullMQ
 * worker: the Redis adapter fits behind the same port.
 * @module
 */

export interface JobQueue {
  push(id: string): void;
  /** True when the id was still waiting. */
  remove(id: string): boolean;
  /** Ids ahead of this one; undefined when it is not waiting. */
  position(id: string): number | undefined;
  readonly depth: number;
  /** Calls `consume` for each id, at most `concurrency` at a time. */
  start(consume: (id: string) => Promise<void>, concurrency: number): void;
  /** Takes no further id; the ones being consumed go on. */
  stop(): void;
}

export class InProcessQueue implements JobQueue {
  readonly #waiting = new Set<string>();
  #consume: ((id: string) => Promise<void>) | undefined;
  #concurrency = 0;
  #active = 0;

  push(id: string): void {
    this.#waiting.add(id);
    this.#pump();
  }

  remove(id: string): boolean {
    return this.#waiting.delete(id);
  }

  position(id: string): number | undefined {
    let ahead = 0;
    for (const waiting of this.#waiting) {
      if (waiting === id) return ahead;
      ahead++;
    }
    return undefined;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  start(consume: (id: string) => Promise<void>, concurrency: number): void {
    this.#consume = consume;
    this.#concurrency = concurrency;
    this.#pump();
  }

  stop(): void {
    this.#consume = undefined;
  }

  #pump(): void {
    while (this.#consume && this.#active < this.#concurrency) {
      const [id] = this.#waiting;
      if (id === undefined) return;
      this.#waiting.delete(id);
      this.#active++;
      void this.#consume(id).finally(() => {
        this.#active--;
        this.#pump();
      });
    }
  }
}
