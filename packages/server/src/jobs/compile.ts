/**
 * Compiles models, each in a process of its own that ends with the task: whatever a hostile file does to its
 * process, no other model, key or job shares it.
 * @module
 */
import { ApiError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { type CompileResult, type CompileTask, TaskError, WorkerCrash } from './protocol.ts';
import { WorkerProcess, type WorkerSettings } from './worker-process.ts';

const MOST_AT_ONCE = 2;

export class Compiler {
  readonly #settings: WorkerSettings;
  readonly #limits: Limits;
  readonly #running = new Set<WorkerProcess>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;
  #stopped = false;

  constructor(settings: WorkerSettings, limits: Limits) {
    this.#settings = settings;
    this.#limits = limits;
  }

  /** Throws ApiError MODEL_UNRECOGNISED, MODEL_REFUSED, STORAGE_FULL, SHUTTING_DOWN or INTERNAL. */
  async compile(task: CompileTask): Promise<CompileResult> {
    if (this.#active >= MOST_AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    if (this.#stopped) throw new ApiError('SHUTTING_DOWN', 'the server is stopping');
    this.#active++;
    const worker = new WorkerProcess(this.#settings);
    this.#running.add(worker);
    try {
      await worker.ready;
      return await worker.run(task, { timeoutMs: this.#limits.compileMilliseconds });
    } catch (error) {
      throw this.#apiError(error);
    } finally {
      worker.kill();
      this.#running.delete(worker);
      this.#active--;
      this.#waiting.shift()?.();
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const worker of this.#running) worker.kill();
    for (const go of this.#waiting.splice(0)) go();
  }

  #apiError(error: unknown): Error {
    if (error instanceof WorkerCrash) {
      if (this.#stopped) return new ApiError('SHUTTING_DOWN', 'the server is stopping');
      const [code, message] =
        error.reason === 'timeout'
          ? ['TIME_LIMIT', `compiling took longer than ${this.#limits.compileMilliseconds} ms`]
          : ['WORKER_CRASHED', 'the process that reads the model died of it'];
      return new ApiError('MODEL_REFUSED', message, { reason: { code, message } });
    }
    if (!(error instanceof TaskError)) return error as Error;
    const { code, message, findings, input } = error.failure;
    if (code === 'STORAGE_FULL') return new ApiError('STORAGE_FULL', message);
    if (code === 'MODEL_UNRECOGNISED') return new ApiError('MODEL_UNRECOGNISED', message, { findings });
    if (!input) return new ApiError('INTERNAL', message);
    return new ApiError('MODEL_REFUSED', message, {
      reason: { code, message },
      ...(findings === undefined ? {} : { findings }),
    });
  }
}
