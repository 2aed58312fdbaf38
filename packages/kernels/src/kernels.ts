/**
 * One loaded instance of the kernels with its memory. @module
 */
import type { Arena } from './arena.ts';
import type { KernelExports } from './exports.ts';

/** Which module is running: with fused multiply-add, or with exact products by splitting. */
export type KernelBuild = 'wasm-fma' | 'wasm-portable';

/** A loaded instance. The views are made anew by each call and are valid until the next allocation. */
export interface Kernels {
  readonly build: KernelBuild;
  readonly memory: WebAssembly.Memory;
  readonly arena: Arena;
  readonly x: KernelExports;
  /** `len` doubles at byte offset `ptr` */
  f64(ptr: number, len: number): Float64Array<ArrayBuffer>;
  /** `len` 32-bit integers at byte offset `ptr` */
  i32(ptr: number, len: number): Int32Array<ArrayBuffer>;
  /** `len` bytes at byte offset `ptr` */
  u8(ptr: number, len: number): Uint8Array<ArrayBuffer>;
}
