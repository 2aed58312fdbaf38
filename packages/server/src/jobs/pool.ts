/**
 * The compute workers: started ahead and kept warm, replaced when they die. Picks the idle worker that has
 * the keys of a task in its cache when there is one.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type PrefetchTask, type RunnableTask, type TaskResult, WorkerCrash } from './protocol.ts';
import { WorkerProcess, type WorkerSettings } from './worker-process.ts';

const REMEMBERED_KEYS = 128;
const LONGEST_BACKOFF = 5000;

interface Slot {
  worker: WorkerProcess;
  /** Blobs of the keys this worker has lately loaded. */
  warm: Set<string>;
  started: boolean;
}

export interface PoolOptions extends WorkerSettings {
  size: number;
  /** Longest time that loading keys ahead may take. */
  prefetchMilliseconds: number;
  onCrash?(): void;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #slots: Slot[] = [];
  readonly #waiting = new Set<() => void>();
  #stopped = false;
  #failedStarts = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.size;
  }

  get alive(): number {
    return this.#slots.filter((slot) => slot.worker.isReady).length;
  }

  get idle(): number {
    return this.#slots.filter((slot) => slot.worker.isReady && !slot.worker.busy).length;
  }

  get pids(): number[] {
    return this.#slots.flatMap((slot) => slot.worker.pid ?? []);
  }

  /** Starts the workers and resolves when the first is ready; at once when the pool is empty. */
  async start(): Promise<void> {
    if (this.#options.size === 0) return;
    const started = Array.from({ length: this.#options.size }, () => this.#spawn());
    await Promise.any(started.map((slot) => slot.worker.ready));
  }

  /** Whether a worker is free, or becomes free within the time; false at once when the signal is aborted. */
  async hasFree(signal: AbortSignal, milliseconds: number): Promise<boolean> {
    const late = AbortSignal.timeout(milliseconds);
    try {
      await this.#slotFor(undefined, AbortSignal.any([signal, late]));
      return true;
    } catch {
      return false;
    }
  }

  /** Waits for a free worker, then runs the task there; errors as WorkerProcess.run. */
  async run<T extends RunnableTask | PrefetchTask>(
    task: T,
    options: {
      signal?: AbortSignal;
      timeoutMs?: number;
      onProgress?(done: number, total: number): void;
    } = {},
  ): Promise<TaskResult<T>> {
    const key = keyOf(task);
    const slot = await this.#slotFor(key, options.signal);
    if (key !== undefined) {
      slot.warm.delete(key);
      slot.warm.add(key);
      if (slot.warm.size > REMEMBERED_KEYS) slot.warm.delete(slot.warm.values().next().value as string);
    }
    try {
      return await slot.worker.run(task, options);
    } finally {
      this.#wake();
    }
  }

  /** Loads plan and keys when a worker has nothing else to do; never waits and never fails. */
  prefetch(task: PrefetchTask): void {
    if (!this.#free(keyOf(task))) return;
    this.run(task, { timeoutMs: this.#options.prefetchMilliseconds }).catch(() => {});
  }

  forget(blobs: string[]): void {
    if (blobs.length === 0) return;
    for (const slot of this.#slots) {
      for (const blob of blobs) slot.warm.delete(blob);
      slot.worker.forget(blobs);
    }
  }

  /** Kills every worker. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const slot of this.#slots) slot.worker.kill();
    await Promise.all(this.#slots.map((slot) => slot.worker.exited));
    this.#wake();
  }

  async #slotFor(key: string | undefined, signal: AbortSignal | undefined): Promise<Slot> {
    for (;;) {
      if (signal?.aborted) throw new WorkerCrash('aborted', 'cancelled while waiting for a worker');
      if (this.#stopped) throw new WorkerCrash('aborted', 'the worker pool is stopped');
      const slot = this.#free(key);
      if (slot) return slot;
      await new Promise<void>((go) => {
        this.#waiting.add(go);
        signal?.addEventListener('abort', () => go(), { once: true });
      });
    }
  }

  /** Wakes everyone who waits: there is at most one per job being consumed, and whoever finds no worker waits again. */
  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go();
  }

  #free(key: string | undefined): Slot | undefined {
    const free = this.#slots.filter((slot) => slot.worker.isReady && !slot.worker.busy);
    return (key && free.find((slot) => slot.warm.has(key))) || free[0];
  }

  #spawn(): Slot {
    const slot: Slot = { worker: new WorkerProcess(this.#options), warm: new Set(), started: false };
    this.#slots.push(slot);
    slot.worker.ready.then(
      () => {
        slot.started = true;
        this.#failedStarts = 0;
        this.#wake();
      },
      () => {},
    );
    void slot.worker.exited.then(async () => {
      if (this.#stopped) return;
      this.#options.onCrash?.();
      // A worker that cannot even start must not spin the machine.
      const backoff = slot.started ? 0 : Math.min(LONGEST_BACKOFF, 50 * 2 ** this.#failedStarts++);
      this.#slots.splice(this.#slots.indexOf(slot), 1);
      await delay(backoff, undefined, { ref: false });
      if (!this.#stopped) this.#spawn();
    });
    return slot;
  }
}

/** The blob of the key that makes a worker warm for this task. */
function keyOf(task: RunnableTask | PrefetchTask): string | undefined {
  return task.kind === 'program' ? task.keyBlob : task.evaluationBlob;
}
