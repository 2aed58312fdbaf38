/**
 * The one error class of this package. @module
 */

/** Codes of {@link KernelError}. */
export type KernelErrorCode =
  | 'BAD_ARGUMENT'
  | 'BAD_POINTER'
  | 'BUILD_UNAVAILABLE'
  | 'KERNELS_NOT_BUILT'
  | 'OUT_OF_MEMORY'
  | 'SIMD_UNAVAILABLE'
  | 'TASK_FAILED'
  | 'THREAD_LOST';

/** What went wrong in loading the kernels or in their memory. `code` is stable, `message` says what to do next. */
export class KernelError extends Error {
  readonly code: KernelErrorCode;

  constructor(code: KernelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KernelError';
    this.code = code;
  }
}
