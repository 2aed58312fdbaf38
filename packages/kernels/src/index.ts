/**
 * Velum's arithmetic kernels: C compiled to WebAssembly, a loader and a memory arena. @module
 */
export { Arena, ArenaScope } from './arena.ts';
export { KernelError, type KernelErrorCode } from './errors.ts';
export type { KernelExports, RecordableExports } from './exports.ts';
export {
  tfheBskEntryBytes,
  tfheRotateScratchBytes,
  tfheRowStride,
  tfheTableBytes,
} from './exports-tfhe.ts';
export { fftTables } from './fft-tables.ts';
export type { ForkBody, Thread } from './fork-pool.ts';
export { startThread, type TaskRunner, type ThreadStart } from './fork-thread.ts';
export type { KernelBuild, Kernels } from './kernels.ts';
export { type KernelSources, type LoadOptions, loadKernelsFrom } from './loader.ts';
