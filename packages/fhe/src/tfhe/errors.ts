/**
 * Errors of the TFHE scheme: one class, a stable code, the argument's name where there is one.
 * @module
 */

export type TfheErrorCode =
  /** Not one of the parameter sets that this version knows. */
  | 'PARAMETERS_INVALID'
  /** A set below 128-bit security, without `insecure`. */
  | 'PARAMETERS_INSECURE'
  /** Two things that meet here were made for different parameter sets. */
  | 'PARAMETERS_MISMATCH'
  /** Encrypted under another key than the one at hand. */
  | 'KEY_MISMATCH'
  /** The bytes do not start like a TFHE object of Velum. */
  | 'NOT_TFHE'
  | 'VERSION_UNSUPPORTED'
  /** A TFHE object, but of another kind than the one asked for. */
  | 'WRONG_KIND'
  | 'TRUNCATED'
  | 'TRAILING_BYTES'
  /** A field of the header has a value that it cannot have. */
  | 'HEADER_INVALID'
  /** The checksum does not match. */
  | 'DAMAGED'
  | 'VALUE_RANGE'
  | 'SHAPE_MISMATCH'
  | 'CIRCUIT_INVALID'
  | 'DISPOSED';

export class TfheError extends Error {
  readonly code: TfheErrorCode;
  readonly argument: string | undefined;
  constructor(code: TfheErrorCode, message: string, argument?: string) {
    super(message);
    this.name = 'TfheError';
    this.code = code;
    this.argument = argument;
  }
}
