/**
 * Fork and join over the kernels' shared memory. The body of a fork runs on the main thread against a recorder that
 * writes the calls down; then all threads, the main one too, take tasks and carry them out. Recording costs about a
 * tenth of a microsecond a call; kernels take 2 to 60. Nothing is copied, and nothing waits for an event loop. @module
 */
import type { Arena } from './arena.ts';
import { KernelError } from './errors.ts';
import { type KernelExports, RETURNING, type RecordableExports } from './exports.ts';
import {
  forkMemory,
  MAX_COMMANDS,
  MAX_TASKS,
  recordableNames,
  spin,
  TaskRunner,
  Word,
} from './fork-thread.ts';

/** One task of a fork: calls `x`'s functions. */
export type ForkBody = (task: number, x: RecordableExports) => void;

/** A running thread, as {@link ForkPool} needs it. */
export interface Thread {
  /** Ends the thread; it may be in the middle of a wait. */
  terminate(): unknown;
}

/** A join that makes no progress for this long has lost a thread in the middle of a task. */
const LOST_MS = 60_000;
/** How long the main thread looks for the end of the others' tasks before it sleeps, where it may. */
const JOIN_SPIN_MS = 0.2;

export class ForkPool {
  readonly memory = forkMemory();
  readonly #control = new Int32Array(this.memory.control);
  readonly #starts = new Int32Array(this.memory.starts);
  readonly #commands = new Float64Array(this.memory.commands);
  readonly #arena: Arena;
  readonly #x: KernelExports;
  readonly #recorder: RecordableExports;
  readonly #runner: TaskRunner;
  readonly #threads = new Set<Thread>();
  readonly #maySleep = mayWait();
  readonly #lostMs: number;
  /** Where the next recorded call goes. */
  #end = 0;
  #recording = false;

  constructor(arena: Arena, exports: KernelExports, lostMs: number = LOST_MS) {
    this.#arena = arena;
    this.#x = exports;
    this.#lostMs = lostMs;
    this.#recorder = this.#makeRecorder(exports);
    this.#runner = new TaskRunner(this.memory, exports);
  }

  /** Threads that take part, the main one included. */
  get threads(): number {
    return this.#threads.size + 1;
  }

  get recording(): boolean {
    return this.#recording;
  }

  add(thread: Thread): void {
    this.#threads.add(thread);
  }

  /** A thread that has ended takes part no more. */
  remove(thread: Thread): void {
    this.#threads.delete(thread);
  }

  /** @see Kernels.fork */
  fork(tasks: number, body: ForkBody): void {
    if (this.#recording || this.#threads.size === 0 || tasks < 2) {
      runInline(tasks, body, this.#recording ? this.#recorder : this.#x);
      return;
    }
    this.#recording = true;
    this.#arena.deferFrees();
    this.#end = 0;
    let count = 0;
    try {
      for (let task = 0; task < tasks; task++) {
        this.#starts[count++] = this.#end;
        body(task, this.#recorder);
        this.#starts[count] = this.#end;
        if (count === MAX_TASKS || this.#end > MAX_COMMANDS / 2) {
          this.#run(count);
          count = 0;
          this.#end = 0;
        }
      }
      this.#run(count);
    } finally {
      this.#recording = false;
      this.#arena.releaseFrees();
    }
  }

  /** Ends the threads; forks run on the main thread from now on. */
  async close(): Promise<void> {
    Atomics.store(this.#control, Word.closed, 1);
    this.#wake();
    const threads = [...this.#threads];
    this.#threads.clear();
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #run(count: number): void {
    if (count === 0) return;
    const control = this.#control;
    Atomics.store(control, Word.tasks, count);
    Atomics.store(control, Word.pending, count);
    Atomics.store(control, Word.ticket, count);
    if (count > 1) this.#wake();
    const cause = this.#runner.drain();
    this.#join();
    const failed = Atomics.exchange(control, Word.failed, 0);
    if (failed !== 0) {
      throw new KernelError('TASK_FAILED', `task ${failed - 1} of a fork trapped: check its arguments`, {
        cause,
      });
    }
  }

  /** A new number to look at, and a call for those who sleep. */
  #wake(): void {
    Atomics.add(this.#control, Word.wake, 1);
    if (Atomics.load(this.#control, Word.sleepers) > 0) Atomics.notify(this.#control, Word.wake);
  }

  #join(): void {
    const control = this.#control;
    const done = () => Atomics.load(control, Word.pending) === 0;
    if (spin(done, JOIN_SPIN_MS)) return;
    let left = Atomics.load(control, Word.pending);
    let progress = performance.now();
    while (left > 0 && performance.now() - progress < this.#lostMs) {
      if (this.#maySleep) {
        Atomics.store(control, Word.joining, 1);
        Atomics.wait(control, Word.pending, left, 100);
        Atomics.store(control, Word.joining, 0);
      } else spin(done, 100);
      const now = Atomics.load(control, Word.pending);
      if (now !== left) progress = performance.now();
      left = now;
    }
    if (left > 0) {
      void this.close();
      throw new KernelError(
        'THREAD_LOST',
        `${left} tasks of a fork did not end: a thread was ended from outside; load the kernels anew`,
      );
    }
  }

  #makeRecorder(exports: KernelExports): RecordableExports {
    const recorder: Record<string, (...args: number[]) => void> = {};
    const commands = this.#commands;
    recordableNames(exports).forEach((name, number) => {
      const count = (exports as unknown as Record<string, { length: number }>)[name].length;
      recorder[name] = (...args) => {
        let p = this.#end;
        if (p + count >= MAX_COMMANDS) {
          throw new KernelError(
            'BAD_ARGUMENT',
            `a task of a fork records more than ${MAX_COMMANDS / 2} numbers: make its tasks smaller`,
          );
        }
        commands[p++] = number;
        for (let i = 0; i < count; i++) commands[p++] = args[i];
        this.#end = p;
      };
    });
    for (const name of RETURNING) {
      recorder[name] = () => {
        throw new KernelError(
          'BAD_ARGUMENT',
          `${name} returns a value, which a task of a fork cannot wait for`,
        );
      };
    }
    return recorder as unknown as RecordableExports;
  }
}

/** A fork on one thread. */
export function runInline(tasks: number, body: ForkBody, x: RecordableExports): void {
  for (let task = 0; task < tasks; task++) body(task, x);
}

/** The main thread of a browser may not sleep. */
function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}
