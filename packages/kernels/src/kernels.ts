/**
 * One loaded instance of the kernels with its memory. @module
 */
import type { Arena } from './arena.ts';
import type { KernelExports, RecordableExports } from './exports.ts';

/**
 * Which module is running: with fused multiply-add (wide: in an order that V8 can merge into vectors of twice the width),
 * or with exact products by splitting.
 */
export type KernelBuild = 'wasm-wide' | 'wasm-fma' | 'wasm-portable';

/**
 * A loaded instance. The views are made anew by each call and are valid until the next allocation. With several threads
 * they are views of shared memory, which Web Crypto, TextDecoder and the like refuse: copy with `slice()` first.
 */
export interface Kernels {
  readonly build: KernelBuild;
  readonly memory: WebAssembly.Memory;
  readonly arena: Arena;
  /** The kernels, carried out at once. Not to be used in the body of a fork, which has its own. */
  readonly x: KernelExports;
  /** Threads that carry out a fork, this one included: 1 unless more were asked for. */
  readonly threads: number;
  /** `len` doubles at byte offset `ptr` */
  f64(ptr: number, len: number): Float64Array;
  /** `len` 32-bit integers at byte offset `ptr` */
  i32(ptr: number, len: number): Int32Array;
  /** `len` bytes at byte offset `ptr` */
  u8(ptr: number, len: number): Uint8Array;
  /**
   * Calls body(task, x) for task = 0 ... tasks - 1 and returns when all the kernels that they called have run; tasks
   * run in any order, on all threads at once, so none may read what another writes. With several threads `x` writes the
   * calls down and they run after the body has returned, hence in the body: views hold only what was there before the
   * fork (writing a pointer list is fine), blocks are freed after the fork, and kernels that return a value are
   * missing. A fork inside a fork is part of its task. The result has the same bits for any number of threads.
   * @throws KernelError TASK_FAILED (a kernel trapped), THREAD_LOST, BAD_ARGUMENT; whatever `body` throws, and then
   *   some of the tasks may have run
   */
  fork(tasks: number, body: (task: number, x: RecordableExports) => void): void;
  /** Ends the threads, if there are any; what is allocated stays, and everything goes on with one thread. */
  close(): Promise<void>;
}
