/**
 * Runs jobs: takes ids from the queue, claims the row, has a worker compute, records the outcome and wakes
 * who waits. Recovery after a crash, cancelling and leases live here too.
 * @module
 */

import { releaseBlobs } from '../blobs/release.ts';
import { type BlobStore, blobKey } from '../blobs/store.ts';
import type { Db } from '../db/open.ts';
import { isStorageFull } from '../errors.ts';
import type { Limits } from '../limits.ts';
import {
  abandonedJobs,
  adoptJob,
  cancelJobRow,
  claimJob,
  findJob,
  finishJob,
  isActive,
  type Job,
  LEASE_MILLISECONDS,
  MOST_ATTEMPTS,
  type Outcome,
  renewLeases,
  requeueJob,
} from './jobs.ts';
import type { WorkerPool } from './pool.ts';
import { type PredictResult, TaskError, WorkerCrash } from './protocol.ts';
import { InProcessQueue, type JobQueue } from './queue.ts';

export interface RunnerLog {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export interface RunnerOptions {
  db: Db;
  blobs: BlobStore;
  pool: WorkerPool;
  limits: Limits;
  /** Identity of this server in the leases. */
  owner: string;
  log: RunnerLog;
  onFinished?(job: Job): void;
}

interface Active {
  abort: AbortController;
  progress: number;
  done: Promise<void>;
}

const PROGRESS_WRITE_MILLISECONDS = 1000;

/** wait() ends with this when the server stops before the job does. */
export class StoppedError extends Error {}

export class JobRunner {
  readonly queue: JobQueue = new InProcessQueue();
  readonly #options: RunnerOptions;
  readonly #active = new Map<string, Active>();
  readonly #waiters = new Map<string, Set<(job: Job | undefined) => void>>();
  #heartbeat: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#active.size;
  }

  /** Takes back what an earlier life of this server left, then starts consuming. */
  async start(): Promise<void> {
    await this.#recover(true);
    this.#heartbeat = setInterval(() => {
      void this.#beat().catch((error: unknown) =>
        this.#options.log.error({ err: error }, 'the lease heartbeat failed'),
      );
    }, LEASE_MILLISECONDS / 4).unref();
    this.queue.start((id) => this.#consume(id), this.#options.pool.size);
  }

  enqueue(id: string): void {
    this.queue.push(id);
  }

  /** Progress in [0, 1], fresher than the row when the job runs here. */
  progress(job: Job): number {
    return this.#active.get(job.id)?.progress ?? job.progress;
  }

  /**
   * Resolves with the ended job; rejects with StoppedError when the server stops first. Call it before
   * enqueue, or the job may have ended already.
   */
  wait(id: string): Promise<Job> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiters);
      waiters.add((job) => (job ? resolve(job) : reject(new StoppedError('the server is stopping'))));
    });
  }

  /** Really stops it: a running computation is killed. False when the job had ended. */
  async cancel(id: string): Promise<boolean> {
    const { db, limits, blobs } = this.#options;
    const cancelled = await cancelJobRow(db, id, limits.retentionDays);
    if (!cancelled) return false;
    this.queue.remove(id);
    const active = this.#active.get(id);
    active?.abort.abort();
    await active?.done;
    // The worker may have written the result just before it was stopped.
    await blobs.delete(resultKey(id));
    await this.#ended(id);
    return true;
  }

  /** Stops consuming, gives a running job `graceMs` to end, then puts it back to the queue. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#heartbeat);
    this.queue.stop();
    for (const [id, waiters] of this.#waiters) {
      if (this.#active.has(id)) continue;
      this.#waiters.delete(id);
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
  }

  async #consume(id: string): Promise<void> {
    const { log, db, owner } = this.#options;
    let settle = () => {};
    const active: Active = {
      abort: new AbortController(),
      progress: 0,
      done: new Promise((resolve) => {
        settle = resolve;
      }),
    };
    this.#active.set(id, active);
    let again = false;
    try {
      const job = await claimJob(db, id, owner);
      if (job) again = await this.#compute(job, active);
    } catch (error) {
      // The database failed: the row stays Running and is recovered when its lease ends or at the next start.
      log.error({ err: error, job: id }, 'a job could not be processed');
    } finally {
      this.#active.delete(id);
      settle();
    }
    if (again) {
      if (!this.#stopping) this.enqueue(id);
      return;
    }
    await this.#ended(id).catch((error: unknown) => log.error({ err: error, job: id }, 'clean-up failed'));
  }

  /** True when the job has to be queued again. */
  async #compute(job: Job, active: Active): Promise<boolean> {
    const { db, blobs, pool, limits, log, onFinished } = this.#options;
    const resultBlob = resultKey(job.id);
    let written = Date.now();
    let outcome: Outcome;
    try {
      const result = await pool.run(
        {
          kind: 'predict',
          planBlob: job.plan_blob,
          publicBlob: job.public_blob,
          evaluationBlob: job.evaluation_blob,
          inputBlob: job.input_blob,
          profileId: job.profile_id,
          resultBlob,
        },
        {
          signal: active.abort.signal,
          timeoutMs: limits.predictionMilliseconds,
          onProgress: (fraction) => {
            active.progress = fraction;
            if (Date.now() - written < PROGRESS_WRITE_MILLISECONDS) return;
            written = Date.now();
            void this.#writeProgress(job, fraction);
          },
        },
      );
      outcome = completed(result, resultBlob, limits);
    } catch (error) {
      if (error instanceof WorkerCrash && error.reason !== 'timeout') {
        const current = await findJob(db, job.id);
        if (current?.state !== 'Running') return false;
        const stopped = error.reason === 'aborted';
        if (stopped || job.attempts < MOST_ATTEMPTS) {
          log.warn(
            { job: job.id, attempt: job.attempts },
            `${error.message}; the job goes back to the queue`,
          );
          return requeueJob(db, job, !stopped);
        }
      }
      outcome = failed(error, job, limits);
      log.warn({ job: job.id, code: outcome.reasonCode }, 'a job failed');
    }
    if (await finishJob(db, job, outcome)) {
      const row = await findJob(db, job.id);
      if (row) onFinished?.(row);
    } else {
      await blobs.delete(resultBlob);
    }
    return false;
  }

  async #writeProgress(job: Job, fraction: number): Promise<void> {
    await this.#options.db
      .updateTable('jobs')
      .set({ progress: fraction })
      .where('id', '=', job.id)
      .where('state', '=', 'Running')
      .where('attempts', '=', job.attempts)
      .execute()
      .catch(() => {});
  }

  async #ended(id: string): Promise<void> {
    const { db, blobs } = this.#options;
    const job = await findJob(db, id);
    const waiters = this.#waiters.get(id);
    if (waiters && (!job || !isActive(job))) {
      this.#waiters.delete(id);
      for (const tell of waiters) tell(job);
    }
    if (job && !isActive(job)) {
      await releaseBlobs(db, blobs, [job.input_blob, job.public_blob, job.evaluation_blob]);
    }
  }

  async #beat(): Promise<void> {
    await renewLeases(this.#options.db, this.#options.owner);
    await this.#recover(false);
  }

  async #recover(atStart: boolean): Promise<void> {
    const { db, blobs, owner, limits, log } = this.#options;
    for (const job of await abandonedJobs(db, owner, atStart)) {
      const result = job.state === 'Running' ? await blobs.head(resultKey(job.id)) : undefined;
      if (result) {
        // Written whole before the server died: computing it again would only cost time.
        const outcome: Outcome = {
          state: 'Completed',
          resultBlob: result.key,
          bytesOut: result.bytes,
          retentionDays: limits.retentionDays,
        };
        if (await finishJob(db, job, outcome)) log.info({ job: job.id }, 'recovered a finished job');
        continue;
      }
      if (await adoptJob(db, job, owner)) {
        log.info({ job: job.id }, 'recovered a job');
        this.enqueue(job.id);
      }
    }
  }
}

export const resultKey = (jobId: string): string => blobKey('results', jobId);

function completed(result: PredictResult, resultBlob: string, limits: Limits): Outcome {
  return {
    state: 'Completed',
    resultBlob,
    bytesOut: result.bytes,
    computeMs: result.computeMs,
    retentionDays: limits.retentionDays,
  };
}

function failed(error: unknown, job: Job, limits: Limits): Outcome {
  const [code, reason] = failureReason(error, job, limits);
  return { state: 'Failed', reasonCode: code, reason, retentionDays: limits.retentionDays };
}

function failureReason(error: unknown, job: Job, limits: Limits): [string, string] {
  if (error instanceof TaskError) return [error.failure.code, error.failure.message];
  if (error instanceof WorkerCrash) {
    return error.reason === 'timeout'
      ? ['TIME_LIMIT', `the computation took longer than ${limits.predictionMilliseconds} ms`]
      : ['WORKER_CRASHED', `the worker process died in each of ${job.attempts} attempts`];
  }
  if (isStorageFull(error)) return ['STORAGE_FULL', 'the storage of the service is full'];
  return ['INTERNAL', 'the job failed in the service'];
}
