/**
 * A program that runs on the service: its state as it changes, its encrypted result, its end.
 * @module
 */
import type { Program } from '@velum/programs';
import { VelumError } from './errors.ts';
import { sleep } from './http.ts';
import { isOutage, PATIENCE_MS } from './job.ts';
import { serverEvents } from './server-events.ts';
import type { Session } from './session.ts';

const STATES = ['queued', 'started', 'success', 'completed', 'failure', 'revoked', 'unknown'] as const;
export type TaskState = (typeof STATES)[number];

export interface TaskStatus {
  taskId: string;
  state: TaskState;
  /** A sentence. */
  details: string;
  /** The program. */
  name?: string;
  uid?: string;
  /** Place in the queue, 1 is next. */
  rank?: number;
  /** Bootstraps done, of so many. */
  done?: number;
  total?: number;
  /** Until the end, as the service estimates it. */
  secondsLeft?: number;
  /** Server compute time in milliseconds, once it has ended. */
  computeMs?: number;
  /** Why it failed: a code and a sentence. */
  reason?: { code: string; message: string };
}

const FIRST_POLL_MS = 50;
const SLOWEST_POLL_MS = 2_000;
/** The service sends a heartbeat at least this often; a silent stream is a dead one. */
const EVENTS_TIMEOUT_MS = 24 * 3_600_000;

/** Nothing more will happen to it. */
export const hasEnded = ({ state }: TaskStatus): boolean => state !== 'queued' && state !== 'started';

export class ProgramTask {
  readonly id: string;
  readonly #session: Session;

  /** Use `Programs.task`. */
  constructor(session: Session, id: string) {
    this.#session = session;
    this.id = id;
  }

  async status(signal?: AbortSignal): Promise<TaskStatus> {
    const answer = await this.#session.call('task status', this.#url('get_task_status'), {
      accept: 'application/json',
      signal,
    });
    return parseTaskStatus(answer.json());
  }

  /**
   * The states as they come, the last one an end. Live by server-sent events; where those do not get through, by asking
   * ever more slowly, up to every 2 s. A service that restarts meanwhile is waited for.
   */
  async *events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<TaskStatus> {
    let answered = performance.now();
    let live = true;
    for (let delay = FIRST_POLL_MS; ; delay = Math.min(delay * 1.6, SLOWEST_POLL_MS)) {
      try {
        if (live) {
          for await (const status of this.#live(signal)) {
            answered = performance.now();
            delay = FIRST_POLL_MS;
            yield status;
            if (hasEnded(status)) return;
          }
        }
        const status = await this.status(signal);
        answered = performance.now();
        yield status;
        if (hasEnded(status)) return;
      } catch (error) {
        if (!isOutage(error)) {
          if (!live || !isNoStream(error)) throw error;
          live = false;
          continue;
        }
        if (performance.now() - answered > PATIENCE_MS) throw error;
      }
      await sleep(delay, signal);
    }
  }

  async *#live(signal: AbortSignal | undefined): AsyncGenerator<TaskStatus> {
    const stop = new AbortController();
    const response = await this.#session.stream('task events', this.#url('get_task_events'), {
      accept: 'text/event-stream',
      signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
      timeoutMs: EVENTS_TIMEOUT_MS,
    });
    try {
      if (!/^text\/event-stream\b/.test(response.headers.get('content-type') ?? '') || response.body === null)
        throw new VelumError('BAD_RESPONSE', 'the server sends no events');
      for await (const { data } of serverEvents(response.body)) yield parseEvent(data);
    } catch (cause) {
      if (cause instanceof VelumError) throw cause;
      if (signal?.aborted) throw new VelumError('ABORTED', 'aborted while waiting', { cause });
      throw new VelumError('NETWORK', 'the connection was lost while waiting', { cause });
    } finally {
      stop.abort();
    }
  }

  /** Follows `events` to the end. @throws VelumError TASK_CANCELLED, TASK_NOT_FOUND, TASK_FAILED with `reason` */
  async wait(
    options: { signal?: AbortSignal; onStatus?: (status: TaskStatus) => void } = {},
  ): Promise<TaskStatus> {
    for await (const status of this.events(options)) {
      options.onStatus?.(status);
      if (hasEnded(status)) return successOf(status);
    }
    throw new VelumError('BAD_RESPONSE', 'the events of the task ended before it did');
  }

  /** The answer of get_task_result as it is: JSON of several ciphertexts, or the bytes of one. @throws TASK_NOT_READY */
  async resultBytes(signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await this.#session.call('task result', this.#url('get_task_result'), { signal });
    if (answer.status !== 202) return answer.bytes;
    const { details } = parseTaskStatus(answer.json());
    throw new VelumError('TASK_NOT_READY', `the task has not ended yet: ${details}`, {
      status: 202,
      hint: 'Wait for it first.',
    });
  }

  /** The encrypted outputs of the program by key, for its `decode`. */
  async result(program: Program, signal?: AbortSignal): Promise<Record<string, Uint8Array>> {
    return taskOutputs(program, await this.resultBytes(signal));
  }

  /** Stops the task, also in the middle of its computation. Gives the state it has then: an ended task stays as it is. */
  async cancel(signal?: AbortSignal): Promise<TaskStatus> {
    const answer = await this.#session.call('cancel task', this.#url('cancel_task'), {
      method: 'POST',
      idempotent: true,
      accept: 'application/json',
      signal,
    });
    return parseTaskStatus(answer.json());
  }

  #url(route: string): string {
    return `${this.#session.root}/${route}?task_id=${encodeURIComponent(this.id)}`;
  }
}

/** The status, if it is a success. @throws VelumError TASK_CANCELLED, TASK_NOT_FOUND, TASK_FAILED with `reason` */
export function successOf(status: TaskStatus): TaskStatus {
  const { state, taskId, details, reason } = status;
  if (state === 'success' || state === 'completed') return status;
  if (state === 'revoked') throw new VelumError('TASK_CANCELLED', 'the task was cancelled');
  if (state === 'unknown') {
    const hint = 'Check the id; results are kept for a limited time. Start the program again.';
    throw new VelumError('TASK_NOT_FOUND', `the service knows no task ${taskId}`, { status: 404, hint });
  }
  const hint = 'Mend the cause and run the program again.';
  const why = reason === undefined ? details : `${reason.code}: ${reason.message}`;
  throw new VelumError('TASK_FAILED', why, { hint, details: { reason } });
}

/** How a program's result travels. */
export type ResultForm = Pick<Program, 'name' | 'outputs' | 'responseType'>;

/** What get_task_result sent, by output: the bytes of the only one, or base64 in JSON. @throws VelumError BAD_RESPONSE */
export function taskOutputs(program: ResultForm, bytes: Uint8Array): Record<string, Uint8Array> {
  if (program.responseType === 'stream') return { [program.outputs[0].key]: bytes };
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new VelumError('BAD_RESPONSE', `the result of ${program.name} is not the JSON it should be`, {
      cause,
    });
  }
  return Object.fromEntries(
    program.outputs.map(({ key }) => {
      const text = body?.[key];
      if (typeof text !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
        throw new VelumError('BAD_RESPONSE', `the result of ${program.name} has no ${key} in base64`);
      return [key, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))];
    }),
  );
}

/** Whether events cannot be had, though the service is there. */
const isNoStream = (error: unknown): boolean =>
  error instanceof VelumError &&
  (error.code === 'BAD_RESPONSE' || [404, 405, 406, 501].includes(error.status ?? 0));

function parseEvent(data: string): TaskStatus {
  try {
    return parseTaskStatus(JSON.parse(data));
  } catch (cause) {
    if (cause instanceof VelumError) throw cause;
    throw new VelumError('BAD_RESPONSE', 'the server sent an event that is no JSON', { cause });
  }
}

export function parseTaskStatus(value: unknown): TaskStatus {
  const body = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { status, task_id: taskId, details } = body;
  if (!(STATES as readonly unknown[]).includes(status) || typeof taskId !== 'string') {
    throw new VelumError('BAD_RESPONSE', `the server sent an unknown task state: ${JSON.stringify(status)}`);
  }
  const progress = (body['progress'] ?? {}) as Record<string, unknown>;
  const number = (name: string, of = body) => (typeof of[name] === 'number' ? of[name] : undefined);
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : undefined);
  return {
    taskId,
    state: status as TaskState,
    details: typeof details === 'string' ? details : '',
    name: text('task_name'),
    uid: text('uid'),
    rank: number('rank'),
    done: number('done', progress),
    total: number('total', progress),
    secondsLeft: number('seconds_left', progress),
    computeMs: number('compute_ms'),
    reason: parseReason(body['reason']),
  };
}

function parseReason(reason: unknown): TaskStatus['reason'] {
  if (typeof reason !== 'object' || reason === null) return undefined;
  const { code, message } = reason as Record<string, unknown>;
  return { code: String(code ?? 'TASK_FAILED'), message: String(message ?? 'the task failed') };
}
