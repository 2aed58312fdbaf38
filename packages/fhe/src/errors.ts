/**
 * Errors of the schemes: one class, a stable code, the argument's name and the value it had.
 * @module
 */

export type FheErrorCode =
  | 'PARAMETERS_INVALID'
  | 'PARAMETERS_INSECURE'
  | 'LEVEL_MISMATCH'
  | 'LEVEL_EXHAUSTED'
  | 'SCALE_MISMATCH'
  | 'CONTEXT_MISMATCH'
  | 'DEGREE_MISMATCH'
  | 'KEY_MISSING'
  | 'KEY_LEVEL'
  | 'VALUE_RANGE'
  | 'SHAPE_MISMATCH'
  | 'DISPOSED';

export class FheError extends Error {
  readonly code: FheErrorCode;
  readonly argument: string | undefined;
  constructor(code: FheErrorCode, message: string, argument?: string) {
    super(message);
    this.name = 'FheError';
    this.code = code;
    this.argument = argument;
  }
}
