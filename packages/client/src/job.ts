/**
 * A prediction that runs on the service after the request has returned.
 * @module
 */
import { rebase } from './address.ts';
import { VelumError } from './errors.ts';
import { sleep } from './http.ts';
import type { Session } from './session.ts';

export type JobState = 'Queued' | 'Running' | 'Completed' | 'Failed' | 'Cancelled';

export interface JobStatus {
  state: JobState;
  /** Why it failed: a code and a sentence. */
  reason?: { code: string; message: string };
  /** 0 ... 1 */
  progress?: number;
  /** Place in the queue, 1 is next. */
  rank?: number;
  /** Server compute time in milliseconds, once completed. */
  computeMs?: number;
}

const STATES: readonly string[] = ['Queued', 'Running', 'Completed', 'Failed', 'Cancelled'];
const FIRST_POLL_MS = 20;
const SLOWEST_POLL_MS = 2_000;
/** A service that restarts keeps its jobs: polling goes on this long without an answer. */
export const PATIENCE_MS = 120_000;

export class Job {
  readonly url: string;
  readonly #session: Session;

  constructor(session: Session, url: string) {
    this.#session = session;
    this.url = `${rebase(session.base, url, 'a job').replace(/\/+$/, '')}/`;
  }

  async status(signal?: AbortSignal): Promise<JobStatus> {
    const answer = await this.#session.call('check_status', `${this.url}check_status`, {
      accept: 'application/json',
      signal,
    });
    return parseStatus(answer.json());
  }

  /**
   * Polls, ever slower up to 2 s, until the job has ended; a service that restarts meanwhile is waited for.
   * Throws JOB_CANCELLED, or JOB_FAILED with the reason.
   */
  async wait(
    options: { signal?: AbortSignal; onStatus?: (status: JobStatus) => void } = {},
  ): Promise<JobStatus> {
    let answered = performance.now();
    for (let delay = FIRST_POLL_MS; ; delay = Math.min(delay * 1.6, SLOWEST_POLL_MS)) {
      let status: JobStatus;
      try {
        status = await this.status(options.signal);
        answered = performance.now();
      } catch (error) {
        if (!isOutage(error) || performance.now() - answered > PATIENCE_MS) throw error;
        await sleep(delay, options.signal);
        continue;
      }
      options.onStatus?.(status);
      if (status.state === 'Completed') return status;
      if (status.state === 'Cancelled') throw new VelumError('JOB_CANCELLED', 'the job was cancelled');
      if (status.state === 'Failed') {
        throw new VelumError(
          status.reason?.code ?? 'JOB_FAILED',
          status.reason?.message ?? 'the job failed',
          {
            hint: 'Mend the cause and predict again.',
          },
        );
      }
      await sleep(delay, options.signal);
    }
  }

  /** The encrypted result (wire kind `result`). */
  async results(signal?: AbortSignal): Promise<Uint8Array> {
    return (await this.#session.call('get_results', `${this.url}get_results`, { signal })).bytes;
  }

  /** URL of the model the job belongs to, or undefined when the service does not say. */
  async modelUrl(): Promise<string | undefined> {
    const answer = await this.#session.call('job', this.url, { accept: 'application/json' });
    const { model_url: url } = answer.json() as Record<string, unknown>;
    return typeof url === 'string' ? url : undefined;
  }

  /** Stops the job, also in the middle of its computation. */
  async cancel(): Promise<void> {
    await this.#session.call('cancel', this.url, { method: 'DELETE' });
  }
}

/** No answer, or one that says come back later. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof VelumError)) return false;
  return (
    error.code === 'NETWORK' || error.code === 'TIMEOUT' || [429, 502, 503, 504].includes(error.status ?? 0)
  );
}

function parseStatus(value: unknown): JobStatus {
  const { state, reason, progress, rank, compute_ms } = value as Record<string, unknown>;
  if (typeof state !== 'string' || !STATES.includes(state)) {
    throw new VelumError('BAD_RESPONSE', `the server sent an unknown job state: ${JSON.stringify(state)}`);
  }
  const number = (x: unknown) => (typeof x === 'number' ? x : undefined);
  return {
    state: state as JobState,
    reason: parseReason(reason),
    progress: number(progress),
    rank: number(rank),
    computeMs: number(compute_ms),
  };
}

function parseReason(reason: unknown): JobStatus['reason'] {
  if (typeof reason === 'string') return { code: 'JOB_FAILED', message: reason };
  if (typeof reason !== 'object' || reason === null) return undefined;
  const { code, message } = reason as Record<string, unknown>;
  return { code: String(code ?? 'JOB_FAILED'), message: String(message ?? 'the job failed') };
}
