/**
 * The queue port and its in-process adapter. A queue carries entries (a kind of work and an id) in order; the
 * database row is the truth, so a queue that loses everything costs a recovery pass and no work. The adapter
 * for several processes is redis-queue.ts.
 * @module
 */

/** True: the entry has to be queued again. */
export type Consume = (entry: string) => Promise<boolean>;

/** What processes that share a queue tell each other; losing one costs a poll interval. */
export type Signal = { kind: 'changed'; entry: string } | { kind: 'forget'; blobs: string[] };

export interface JobQueue {
  /** Several processes share it: rows may change without this process. */
  readonly shared: boolean;
  /** False: push would fail. */
  readonly available: boolean;
  /** Adding an entry that is there already is no error and changes nothing. */
  push(entries: readonly string[]): Promise<void>;
  remove(entry: string): Promise<void>;
  /** Entries ahead of this one; undefined when it is not waiting. */
  position(entry: string): Promise<number | undefined>;
  depth(): Promise<number>;
  signal(signal: Signal): void;
  onSignal(listener: (signal: Signal) => void): void;
  /** Calls back whenever the queue can be reached again after it could not. */
  onBack(listener: () => void): void;
  /** Calls `consume` for each entry, at most `concurrency` at a time. */
  start(consume: Consume, concurrency: number): void;
  /** Takes no further entry; the ones being consumed go on. */
  stop(): void;
  /** After stop, when everything consumed has ended. */
  close(): Promise<void>;
}

export class InProcessQueue implements JobQueue {
  readonly shared = false;
  readonly available = true;
  readonly #waiting = new Set<string>();
  #consume: Consume | undefined;
  #concurrency = 0;
  #active = 0;

  async push(entries: readonly string[]): Promise<void> {
    for (const entry of entries) this.#waiting.add(entry);
    this.#pump();
  }

  async remove(entry: string): Promise<void> {
    this.#waiting.delete(entry);
  }

  async position(entry: string): Promise<number | undefined> {
    let ahead = 0;
    for (const waiting of this.#waiting) {
      if (waiting === entry) return ahead;
      ahead++;
    }
    return undefined;
  }

  async depth(): Promise<number> {
    return this.#waiting.size;
  }

  signal(): void {}

  onSignal(): void {}

  onBack(): void {}

  start(consume: Consume, concurrency: number): void {
    this.#consume = consume;
    this.#concurrency = concurrency;
    this.#pump();
  }

  stop(): void {
    this.#consume = undefined;
  }

  async close(): Promise<void> {}

  #pump(): void {
    while (this.#consume && this.#active < this.#concurrency) {
      const [entry] = this.#waiting;
      if (entry === undefined) return;
      this.#waiting.delete(entry);
      this.#active++;
      void this.#consume(entry).then((again) => {
        this.#active--;
        if (again) this.#waiting.add(entry);
        this.#pump();
      });
    }
  }
}
