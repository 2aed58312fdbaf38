/**
 * What the server and a compute worker say to each other over IPC. Only references travel: blobs are read
 * and written by the worker itself.
 * @module
 */
import type { Profile } from '@velum/runtime';

export interface PredictTask {
  kind: 'predict';
  planBlob: string;
  publicBlob: string;
  evaluationBlob: string;
  inputBlob: string;
  resultBlob: string;
  /** Every container must carry it. */
  profileId: string;
}

export interface PredictResult {
  /** Of all results together. */
  bytes: number;
  /** Homomorphic computation alone, without loading and storing. */
  computeMs: number;
  /** Plan and keys: near zero when they were in the cache. */
  loadMs: number;
}

/** Runs a program on an encrypted input. */
export interface ProgramTask {
  kind: 'program';
  program: string;
  /** The server key; absent when the program needs none. */
  keyBlob?: string;
  inputBlob: string;
  /** Where each output of the program goes, in their order. */
  resultBlobs: string[];
}

/** Loads plan and keys ahead of the first prediction. */
export interface PrefetchTask {
  kind: 'prefetch';
  planBlob: string;
  publicBlob: string;
  evaluationBlob: string;
  profileId: string;
}

export interface StoredFile {
  /** The form part it came in. */
  part: string;
  name: string;
  blob: string;
  bytes: number;
}

export interface VariantOptions {
  batchSize?: number;
  activation?: 'client' | 'server';
}

export interface CompileTask {
  kind: 'compile';
  files: StoredFile[];
  options: VariantOptions;
  planBlob: string;
}

export interface CompileResult {
  profile: Profile;
  planBytes: number;
  source: string;
  inputs: number;
  outputs: number;
}

/** What the runner gives to the pool. */
export type RunnableTask = PredictTask | ProgramTask;

export type Task = RunnableTask | PrefetchTask | CompileTask;

export type TaskResult<T extends Task> = T extends RunnableTask
  ? PredictResult
  : T extends CompileTask
    ? CompileResult
    : null;

export interface TaskFailure {
  code: string;
  message: string;
  /** True when other input may succeed; false for faults of the service. */
  input: boolean;
  findings?: unknown;
}

export type ToWorker = { type: 'run'; id: number; task: Task } | { type: 'forget'; blobs: string[] };

export type FromWorker =
  | { type: 'ready'; kernels: string }
  | { type: 'progress'; id: number; done: number; total: number }
  | { type: 'done'; id: number; result: unknown }
  | { type: 'failed'; id: number; failure: TaskFailure };

/** The task ended with an error of its own. */
export class TaskError extends Error {
  readonly failure: TaskFailure;

  constructor(failure: TaskFailure) {
    super(failure.message);
    this.name = 'TaskError';
    this.failure = failure;
  }
}

/** The worker process ended before the task did. */
export class WorkerCrash extends Error {
  readonly reason: 'crashed' | 'aborted' | 'timeout';

  constructor(reason: WorkerCrash['reason'], message: string) {
    super(message);
    this.name = 'WorkerCrash';
    this.reason = reason;
  }
}
