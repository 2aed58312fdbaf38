/**
 * Runs work: takes entries from the queue, claims the row, has a worker compute, records the outcome and wakes
 * who waits. Cancelling and stopping live here too; recovery and leases are in keeper.ts.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '../blobs/store.ts';
import { ApiError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { Keeper } from './keeper.ts';
import { failedOutcome } from './outcome.ts';
import type { WorkerPool } from './pool.ts';
import { WorkerCrash } from './protocol.ts';
import type { JobQueue } from './queue.ts';
import { isActive, MOST_ATTEMPTS, type Outcome, type RowOf, type WorkName, type WorkRow } from './rows.ts';
import { entryOf, parseEntry, resultKey, type Work, type WorkProgress, type Works } from './work.ts';

export interface RunnerLog {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface RunnerOptions {
  works: Works;
  queue: JobQueue;
  blobs: BlobStore;
  pool: WorkerPool;
  limits: Limits;
  /** Identity of this process in the leases. */
  owner: string;
  leaseMilliseconds: number;
  log: RunnerLog;
}

interface Active {
  /** The claim that runs here; undefined until it is claimed. */
  claim?: string | null;
  abort: AbortController;
  progress?: WorkProgress;
  done: Promise<void>;
}

type AnyWork = Work<WorkName, WorkRow>;

const PROGRESS_WRITE_MILLISECONDS = 1000;
/** Where other processes read it. */
const SHARED_PROGRESS_WRITE_MILLISECONDS = 400;
/** A change that no signal told of is noticed within this time. */
const POLL_MILLISECONDS = 400;

/** How long an entry waits for a compute worker that is being replaced, before it goes back to the queue. */
const FREE_MILLISECONDS = 10_000;

/** A database that refuses a write is asked again after this time, then after twice as long, ... */
const FIRST_RETRY_MILLISECONDS = 100;
const LONGEST_RETRY_MILLISECONDS = 5000;
/** After that the worker is free for other work, and the keeper looks after the row. */
const RETRY_FOR_MILLISECONDS = 60_000;

/** wait() ends with this when the server stops before the work does. */
export class StoppedError extends Error {}

export class Runner {
  readonly works: Works;
  readonly #options: RunnerOptions;
  readonly #keeper: Keeper;
  readonly #active = new Map<string, Active>();
  readonly #waiters = new Map<string, Set<(row: WorkRow | undefined) => void>>();
  #poll: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.works = options.works;
    this.#keeper = new Keeper(options, {
      active: (entry) => this.#active.has(entry),
      ended: (entry) => this.#lookLater(entry),
    });
  }

  get running(): number {
    return this.#active.size;
  }

  get queueAvailable(): boolean {
    return this.#options.queue.available;
  }

  /** Takes back what an earlier life of this process left, then starts consuming. */
  async start(): Promise<void> {
    const { queue, pool } = this.#options;
    await this.#keeper.start();
    if (queue.shared) {
      queue.onSignal((signal) => {
        if (signal.kind === 'forget') pool.forget(signal.blobs);
        else this.#lookLater(signal.entry);
      });
      this.#poll = setInterval(() => {
        for (const entry of new Set([...this.#active.keys(), ...this.#waiters.keys()])) {
          this.#lookLater(entry);
        }
      }, POLL_MILLISECONDS).unref();
    }
    if (pool.size > 0) queue.start((entry) => this.#consume(entry), pool.size);
  }

  /** Throws ApiError QUEUE_UNAVAILABLE: nothing new can be queued now. */
  checkQueue(): void {
    if (!this.#options.queue.available) {
      throw new ApiError('QUEUE_UNAVAILABLE', 'the queue cannot be reached', { retryAfter: 5 });
    }
  }

  /** The row is there; should the queue be gone in this very moment, the keeper queues it later. */
  enqueue(name: WorkName, id: string): void {
    this.#options.queue.push([entryOf(name, id)]).catch((error: unknown) => {
      this.#options.log.warn({ err: error, id }, 'not queued yet');
    });
  }

  /** Place among what waits, 1 is next; undefined when it does not wait. By the time it came where the queue cannot tell. */
  async rank(name: WorkName, id: string): Promise<number | undefined> {
    const ahead = await this.#options.queue.position(entryOf(name, id)).catch(() => undefined);
    if (ahead !== undefined) return ahead + 1;
    // A queue that is away or has forgotten it: the rows know who came earlier.
    const row = await this.#work(name).rows.find(id);
    if (row?.state !== 'Queued') return undefined;
    let earlier = 0;
    for (const work of Object.values(this.works)) earlier += await work.rows.queuedBefore(row.queued_at);
    return earlier + 1;
  }

  /** Everything that waits, of every account. */
  async depth(): Promise<number> {
    return this.#options.queue.depth().catch(() => 0);
  }

  /** Fresher than the row when the work runs here. */
  live(name: WorkName, id: string): WorkProgress | undefined {
    return this.#active.get(entryOf(name, id))?.progress;
  }

  /** Has every process drop keys and plans from memory. */
  forget(blobs: string[]): void {
    if (blobs.length === 0) return;
    this.#options.pool.forget(blobs);
    this.#options.queue.signal({ kind: 'forget', blobs });
  }

  /**
   * Resolves with the ended row; rejects with StoppedError when the server stops first. Call it before
   * enqueue, or the work may have ended already.
   */
  wait<N extends WorkName>(name: N, id: string): Promise<RowOf[N]> {
    const entry = entryOf(name, id);
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(entry) ?? new Set();
      this.#waiters.set(entry, waiters);
      waiters.add((row) =>
        row ? resolve(row as RowOf[N]) : reject(new StoppedError('the server is stopping')),
      );
    });
  }

  /** Really stops it: a running computation is killed, here or elsewhere. False when the work had ended. */
  async cancel(name: WorkName, id: string): Promise<boolean> {
    const { queue, limits, blobs } = this.#options;
    const work = this.#work(name);
    const entry = entryOf(name, id);
    if (!(await work.rows.cancel(id, limits.retentionDays))) return false;
    await queue.remove(entry).catch(() => {});
    const active = this.#active.get(entry);
    active?.abort.abort();
    queue.signal({ kind: 'changed', entry });
    await active?.done;
    const row = await work.rows.find(id);
    // The worker may have written the result just before it was stopped.
    if (row) for (const key of work.resultBlobs(row)) await blobs.delete(key);
    await this.#ended(entry, row);
    return true;
  }

  /** Stops consuming, gives running work `graceMs` to end, then puts it back to the queue. */
  async stop(graceMs: number): Promise<void> {
    const { queue } = this.#options;
    this.#stop.abort();
    this.#keeper.stop();
    clearInterval(this.#poll);
    queue.stop();
    for (const [entry, waiters] of this.#waiters) {
      if (this.#active.has(entry)) continue;
      this.#waiters.delete(entry);
      for (const tell of waiters) tell(undefined);
    }
    const all = Promise.all([...this.#active.values()].map((active) => active.done));
    const timer = setTimeout(() => {
      for (const active of this.#active.values()) active.abort.abort();
    }, graceMs);
    await all;
    clearTimeout(timer);
    for (const waiters of this.#waiters.values()) for (const tell of waiters) tell(undefined);
    this.#waiters.clear();
    await queue.close();
  }

  #work(name: WorkName): AnyWork {
    return this.works[name] as unknown as AnyWork;
  }

  /** Never throws; true when the entry has to be queued again. */
  async #consume(entry: string): Promise<boolean> {
    const { log, owner } = this.#options;
    const parsed = parseEntry(entry);
    if (!parsed || this.#active.has(entry)) return false;
    if (this.#stop.signal.aborted) return true;
    let settle = () => {};
    const active: Active = {
      abort: new AbortController(),
      done: new Promise((resolve) => {
        settle = resolve;
      }),
    };
    this.#active.set(entry, active);
    let again = false;
    try {
      const work = this.#work(parsed.name);
      // A process whose workers cannot start must leave the work to others.
      const free = await this.#options.pool.hasFree(active.abort.signal, FREE_MILLISECONDS);
      const row = free ? await this.#insist(entry, () => work.rows.claim(parsed.id, owner)) : undefined;
      if (row) {
        active.claim = row.claim;
        again = await this.#compute(work, row, active);
      } else if (!free) {
        again = (await this.#insist(entry, () => work.rows.find(parsed.id)))?.state === 'Queued';
      }
    } catch (error) {
      // The database failed for long. What was not claimed waits on; a Running row is taken back by the keeper of
      // this process, or at the next start.
      again = active.claim === undefined;
      log.error({ err: error, entry }, 'work could not be processed');
    } finally {
      this.#active.delete(entry);
      settle();
    }
    if (again) return true;
    await this.#insist(entry, () => this.#work(parsed.name).rows.find(parsed.id))
      .then((row) => this.#ended(entry, row))
      .catch((error: unknown) => log.error({ err: error, entry }, 'clean-up failed'));
    this.#options.queue.signal({ kind: 'changed', entry });
    return false;
  }

  /** True when the work has to be queued again. */
  async #compute(work: AnyWork, row: WorkRow, active: Active): Promise<boolean> {
    const { pool, limits, log } = this.#options;
    const entry = entryOf(work.rows.name, row.id);
    let outcome: Outcome;
    try {
      const result = await pool.run(work.task(row), {
        signal: active.abort.signal,
        timeoutMs: work.timeoutMs,
        onProgress: this.#progress(work, row, active),
      });
      outcome = {
        state: 'Completed',
        resultBlob: resultKey(row),
        bytesOut: result.bytes,
        computeMs: result.computeMs,
        retentionDays: limits.retentionDays,
      };
    } catch (error) {
      if (error instanceof WorkerCrash && error.reason !== 'timeout') {
        const current = await this.#insist(entry, () => work.rows.find(row.id));
        if (current?.state !== 'Running' || current.claim !== row.claim) {
          await this.#discard(work, row);
          return false;
        }
        const stopped = error.reason === 'aborted';
        if (stopped || row.attempts < MOST_ATTEMPTS) {
          log.warn(
            { id: row.id, attempt: row.attempts },
            `${error.message}; the ${work.noun} goes back to the queue`,
          );
          return this.#insist(entry, () => work.rows.requeue(row, !stopped));
        }
      }
      outcome = failedOutcome(error, work, row, limits.retentionDays);
      log.warn({ id: row.id, code: outcome.reasonCode }, `a ${work.noun} failed`);
    }
    const done = await this.#insist(entry, () => work.rows.finish(row, outcome));
    const ended = await this.#insist(entry, () => work.rows.find(row.id));
    // The first try may have been recorded though its answer was lost, or the keeper was faster: that is no lost claim.
    const recorded = ended?.state === 'Completed' && ended.claim === row.claim;
    if (!done && !recorded) await this.#discard(work, row);
    else if (done && ended) work.onFinished?.(ended);
    return false;
  }

  /** Asks a failing database again until it answers; throws its error after a while, or when this process stops. */
  async #insist<T>(entry: string, ask: () => Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    const end = Date.now() + RETRY_FOR_MILLISECONDS;
    for (let wait = FIRST_RETRY_MILLISECONDS; ; wait = Math.min(2 * wait, LONGEST_RETRY_MILLISECONDS)) {
      try {
        return await ask();
      } catch (error) {
        if (signal.aborted || Date.now() > end) throw error;
        this.#options.log.warn({ err: error, entry }, 'the database failed; it is asked again');
        await delay(wait, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** The claim was lost: its result is nobody's. */
  async #discard(work: AnyWork, row: WorkRow): Promise<void> {
    for (const key of work.resultBlobs(row)) await this.#options.blobs.delete(key);
  }

  #progress(work: AnyWork, row: WorkRow, active: Active): (done: number, total: number) => void {
    const every = this.#options.queue.shared
      ? SHARED_PROGRESS_WRITE_MILLISECONDS
      : PROGRESS_WRITE_MILLISECONDS;
    let written = Date.now();
    let first: { at: number; done: number } | undefined;
    return (done, total) => {
      const now = Date.now();
      first ??= { at: now, done };
      const speed = (done - first.done) / (now - first.at);
      const secondsLeft = speed > 0 ? (total - done) / speed / 1000 : undefined;
      active.progress = { done, total, secondsLeft };
      if (now - written < every) return;
      written = now;
      work.rows.writeProgress(row, work.progress(active.progress)).catch(() => {});
    };
  }

  #lookLater(entry: string): void {
    this.#look(entry).catch((error: unknown) => this.#options.log.warn({ err: error, entry }, 'no look'));
  }

  /** Somebody else may have changed the row: stops what is no longer ours, wakes who waits for its end. */
  async #look(entry: string): Promise<void> {
    const active = this.#active.get(entry);
    const waiters = this.#waiters.get(entry);
    const parsed = parseEntry(entry);
    if (!parsed || !(waiters || active?.claim !== undefined)) return;
    const row = await this.#work(parsed.name).rows.find(parsed.id);
    if (active?.claim !== undefined && (row?.state !== 'Running' || row.claim !== active.claim)) {
      // Ended by ourselves a moment ago, most often; then there is nothing left to abort.
      active.abort.abort();
    }
    if (waiters && !active && (!row || !isActive(row))) await this.#ended(entry, row);
  }

  async #ended(entry: string, row: WorkRow | undefined): Promise<void> {
    const parsed = parseEntry(entry);
    if (!parsed) return;
    const work = this.#work(parsed.name);
    const waiters = this.#waiters.get(entry);
    if (waiters && (!row || !isActive(row))) {
      this.#waiters.delete(entry);
      for (const tell of waiters) tell(row);
    }
    if (row && !isActive(row)) await work.ended(row);
  }
}
