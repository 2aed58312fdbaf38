/**
 * What every thread of a fork does: claim a task, carry out its recorded calls, until none is left; and, on a thread of
 * its own, wait for the next fork. Runs in Node's worker threads and in web workers alike.
 *
 * All words below lie in shared memory. A fork publishes `TICKET` = number of tasks; a thread claims one by lowering it
 * with compare-and-exchange. A claim that succeeds is always one of the fork that is running, however late the thread
 * comes, because a fork ends only when all its tasks are finished (`PENDING` = 0) and those were all claimed before.
 * @module
 */
import { type KernelExports, RETURNING } from './exports.ts';

/** Indices of the control words, in cache lines of their own where threads write them often. */
export const Word = {
  ticket: 0,
  pending: 16,
  /** Counts forks: idle threads sleep on it. */
  wake: 32,
  sleepers: 48,
  tasks: 64,
  /** 1 while the main thread sleeps on `pending`. */
  joining: 65,
  /** 1 + the task that trapped. */
  failed: 66,
  closed: 67,
} as const;
export const CONTROL_BYTES = 320;
/** Most tasks published at a time. */
export const MAX_TASKS = 4096;
/** Doubles for recorded calls: each is the function's number and its arguments. */
export const MAX_COMMANDS = 1 << 17;

/** The shared memory of a pool beside the kernels' own; plain data that a message can carry. */
export interface ForkMemory {
  control: SharedArrayBuffer;
  /** starts[t] ... starts[t + 1] are task t's doubles in `commands`. */
  starts: SharedArrayBuffer;
  commands: SharedArrayBuffer;
}

export function forkMemory(): ForkMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_BYTES),
    starts: new SharedArrayBuffer((MAX_TASKS + 1) * 4),
    commands: new SharedArrayBuffer(MAX_COMMANDS * 8),
  };
}

/** What a new thread is sent. */
export interface ThreadStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** End of this thread's stack in the kernels' memory: it grows downwards. */
  stackTop: number;
  /** How long an idle thread looks for work before it sleeps, in milliseconds. */
  spinMs: number;
  fork: ForkMemory;
}

type Call = (...args: number[]) => void;

/** The recordable functions of a module in the order that numbers them in `commands`, the same on every thread. */
export function recordableNames(exports: KernelExports): string[] {
  return Object.entries(exports)
    .filter(
      ([name, value]) => typeof value === 'function' && !(RETURNING as readonly string[]).includes(name),
    )
    .map(([name]) => name)
    .sort();
}

/** `Atomics.pause` where there is one: it tells the processor that this is a spin. */
const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

/** Looks `done` up until it holds or `ms` have passed; says whether it holds. */
export function spin(done: () => boolean, ms: number): boolean {
  const end = performance.now() + ms;
  do {
    for (let i = 0; i < 32; i++) {
      if (done()) return true;
      pause();
    }
  } while (performance.now() < end);
  return done();
}

/** Carries out tasks on one instance of the module. */
export class TaskRunner {
  readonly #control: Int32Array;
  readonly #starts: Int32Array;
  readonly #commands: Float64Array;
  readonly #calls: Call[];
  /** The instance's stack pointer, which a trap leaves where it was. */
  readonly #stack: WebAssembly.Global;

  constructor(fork: ForkMemory, exports: KernelExports) {
    this.#control = new Int32Array(fork.control);
    this.#starts = new Int32Array(fork.starts);
    this.#commands = new Float64Array(fork.commands);
    const table = exports as unknown as Record<string, Call>;
    this.#calls = recordableNames(exports).map((name) => table[name]);
    this.#stack = (exports as unknown as { __stack_pointer: WebAssembly.Global }).__stack_pointer;
  }

  /** Claims and runs tasks until none is left to claim. Returns the error of a task that trapped here. */
  drain(): unknown {
    const control = this.#control;
    let caught: unknown;
    for (;;) {
      const left = Atomics.load(control, Word.ticket);
      if (left <= 0) return caught;
      if (Atomics.compareExchange(control, Word.ticket, left, left - 1) !== left) continue;
      const task = control[Word.tasks] - left;
      const stack = this.#stack.value;
      try {
        this.#run(this.#starts[task], this.#starts[task + 1]);
      } catch (error) {
        caught = error;
        this.#stack.value = stack;
        Atomics.store(control, Word.failed, task + 1);
      }
      if (Atomics.sub(control, Word.pending, 1) === 1 && Atomics.load(control, Word.joining) === 1) {
        Atomics.notify(control, Word.pending);
      }
    }
  }

  #run(start: number, end: number): void {
    const c = this.#commands;
    for (let p = start; p < end; ) {
      const call = this.#calls[c[p]];
      const n = call.length;
      // Spreading a typed array costs as much as a small kernel.
      if (n <= 6) call(c[p + 1], c[p + 2], c[p + 3], c[p + 4], c[p + 5], c[p + 6]);
      else if (n <= 9)
        call(c[p + 1], c[p + 2], c[p + 3], c[p + 4], c[p + 5], c[p + 6], c[p + 7], c[p + 8], c[p + 9]);
      else call(...c.subarray(p + 1, p + n + 1));
      p += n + 1;
    }
  }

  /** Serves forks until the pool is closed. Blocks its thread. */
  serve(spinMs: number): void {
    const control = this.#control;
    while (Atomics.load(control, Word.closed) === 0) {
      const seen = Atomics.load(control, Word.wake);
      this.drain();
      if (spin(() => Atomics.load(control, Word.wake) !== seen, spinMs)) continue;
      Atomics.add(control, Word.sleepers, 1);
      Atomics.wait(control, Word.wake, seen);
      Atomics.sub(control, Word.sleepers, 1);
    }
  }
}

/** Makes this thread's instance of the module. */
export async function startThread(start: ThreadStart): Promise<TaskRunner> {
  const { exports } = await WebAssembly.instantiate(start.module, { env: { memory: start.memory } });
  (exports['__stack_pointer'] as WebAssembly.Global).value = start.stackTop;
  return new TaskRunner(start.fork, exports as unknown as KernelExports);
}
