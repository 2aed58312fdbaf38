/**
 * One compute worker: a child process that runs one task at a time and can be killed at any moment.
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BlobStoreDescriptor } from '../blobs/store.ts';
import {
  type FromWorker,
  type Task,
  TaskError,
  type TaskResult,
  type ToWorker,
  WorkerCrash,
} from './protocol.ts';

export interface WorkerSettings {
  store: BlobStoreDescriptor;
  cacheBytes: number;
  /** Threads that its kernels compute with. */
  threads: number;
  /** Path of the operator's own catalogue for ad_targeting. */
  adCatalogue?: string;
  /** Gets what the process prints on stderr, line by line. */
  onOutput?(line: string): void;
}

interface Running {
  id: number;
  resolve(result: unknown): void;
  reject(error: Error): void;
  onProgress?(done: number, total: number): void;
}

/** The child gets what it needs to run and none of the server's configuration or secrets. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'SystemRoot', 'VELUM_KERNELS'];

const ENTRY = fileURLToPath(new URL(`./worker${extname(import.meta.url)}`, import.meta.url));

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<void>;
  readonly ready: Promise<string>;
  #running: Running | undefined;
  #nextId = 1;
  #alive = true;
  #isReady = false;
  #killed: WorkerCrash['reason'] | undefined;

  constructor(settings: WorkerSettings) {
    const env: Record<string, string> = {};
    for (const name of PASSED_ON) if (process.env[name] !== undefined) env[name] = process.env[name];
    const { store, cacheBytes, threads, adCatalogue } = settings;
    env.VELUM_WORKER = JSON.stringify({ store, cacheBytes, threads, adCatalogue });
    this.#child = fork(ENTRY, [], {
      env,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim()) settings.onOutput?.(line.slice(0, 2000));
    });
    let readyNow: (kernels: string) => void;
    let neverReady: (error: Error) => void;
    this.ready = new Promise((resolve, reject) => {
      readyNow = resolve;
      neverReady = reject;
    });
    this.ready.catch(() => {});
    this.exited = new Promise((resolve) => {
      const ended = (how: string) => {
        if (!this.#alive) return;
        this.#alive = false;
        const reason = this.#killed ?? 'crashed';
        const crash = new WorkerCrash(reason, `the worker process ended (${how})`);
        neverReady(crash);
        this.#running?.reject(crash);
        this.#running = undefined;
        resolve();
      };
      this.#child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
      this.#child.once('error', (error) => ended(error.message));
    });
    this.#child.on('message', (message: FromWorker) => {
      if (message.type === 'ready') {
        this.#isReady = true;
        readyNow(message.kernels);
        return;
      }
      const running = this.#running;
      if (!running || running.id !== message.id) return;
      if (message.type === 'progress') {
        running.onProgress?.(message.done, message.total);
        return;
      }
      this.#running = undefined;
      if (message.type === 'done') running.resolve(message.result);
      else running.reject(new TaskError(message.failure));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isReady(): boolean {
    return this.#alive && this.#isReady;
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Runs one task. Throws TaskError when the task fails and WorkerCrash when the process ends first: by
   * itself, because `signal` was aborted, or because `timeoutMs` passed (both kill it).
   */
  async run<T extends Task>(
    task: T,
    options: {
      signal?: AbortSignal;
      timeoutMs?: number;
      onProgress?(done: number, total: number): void;
    } = {},
  ): Promise<TaskResult<T>> {
    if (this.#running) throw new Error('the worker is busy');
    if (!this.#alive) throw new WorkerCrash('crashed', 'the worker process is gone');
    if (options.signal?.aborted) throw new WorkerCrash('aborted', 'cancelled before it began');
    const id = this.#nextId++;
    const onAbort = () => this.kill('aborted');
    options.signal?.addEventListener('abort', onAbort);
    const timer = options.timeoutMs && setTimeout(() => this.kill('timeout'), options.timeoutMs);
    try {
      return await new Promise<TaskResult<T>>((resolve, reject) => {
        this.#running = {
          id,
          resolve: resolve as (r: unknown) => void,
          reject,
          onProgress: options.onProgress,
        };
        this.#send({ type: 'run', id, task });
      });
    } finally {
      clearTimeout(timer as NodeJS.Timeout | undefined);
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Drops cached plans and keys; no answer. */
  forget(blobs: string[]): void {
    if (this.isReady) this.#send({ type: 'forget', blobs });
  }

  kill(reason: WorkerCrash['reason'] = 'aborted'): void {
    this.#killed ??= reason;
    this.#child.kill('SIGKILL');
  }

  #send(message: ToWorker): void {
    // A send to a process that has just died fails here; its exit event settles the task.
    this.#child.send(message, () => {});
  }
}
