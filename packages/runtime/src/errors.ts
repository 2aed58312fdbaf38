/**
 * Errors of plans, profiles and samples.
 * @module
 */

export type RuntimeErrorCode =
  | 'PROFILE_INVALID'
  | 'PLAN_INVALID'
  | 'NO_SAMPLES'
  | 'TOO_MANY_SAMPLES'
  | 'FEATURE_COUNT'
  | 'NOT_FINITE'
  | 'INPUT_INVALID'
  | 'RESULT_INVALID';

export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;
  readonly argument: string | undefined;
  constructor(code: RuntimeErrorCode, message: string, argument?: string) {
    super(message);
    this.name = 'RuntimeError';
    this.code = code;
    this.argument = argument;
  }
}
