/**
 * Errors of programs: one class, a stable code, the argument's name and the value it had.
 * @module
 */

export type ProgramErrorCode =
  /** No program of that name. */
  | 'UNKNOWN_PROGRAM'
  /** A clear input that does not have the program's shape. */
  | 'INPUT_INVALID'
  /** A value of a clear input outside its range. */
  | 'VALUE_RANGE'
  /** More values than the program takes. */
  | 'TOO_MANY_VALUES'
  /** A night that does not come in triples. */
  | 'RECORDS_NOT_TRIPLES'
  /** A record that ends before it starts. */
  | 'START_AFTER_END'
  /** Bytes that are no encrypted input of a program, are damaged or cut short, or have a field that cannot be. */
  | 'CIPHERTEXT_INVALID'
  /** An input or a result of another program. */
  | 'PROGRAM_MISMATCH'
  /** The program needs a server key and none was given. */
  | 'KEY_MISSING'
  /** Encrypted under another key than the one at hand. */
  | 'KEY_MISMATCH'
  /** A result that is missing, damaged or cut short, or is not what the program can have written. */
  | 'RESULT_INVALID'
  /** A catalogue whose scores could not be told apart from noise, or that is not one. */
  | 'CATALOGUE_INVALID';

/** An error with a stable `code` and, where there is one, the `argument` it is about. */
export class ProgramError extends Error {
  readonly code: ProgramErrorCode;
  readonly argument: string | undefined;
  constructor(code: ProgramErrorCode, message: string, argument?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ProgramError';
    this.code = code;
    this.argument = argument;
  }
}

/** A value from outside as it may stand in a message: short, and never a whole input. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 24 ? `${value.slice(0, 24)}...` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** The field `name` of a clear input. @throws ProgramError INPUT_INVALID when `input` is not an object or lacks it */
export function field(input: unknown, name: string, example: string): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input) || !Object.hasOwn(input, name)) {
    const keys = typeof input === 'object' && input !== null ? Object.keys(input).slice(0, 4) : [];
    const got = keys.length > 0 && !Array.isArray(input) ? `an object with ${keys.join(', ')}` : shown(input);
    throw new ProgramError('INPUT_INVALID', `expected ${example}, got ${got}`, name);
  }
  return (input as Record<string, unknown>)[name];
}

/**
 * A list of a clear input.
 * @throws ProgramError INPUT_INVALID (not a list, or empty), TOO_MANY_VALUES
 */
export function list(value: unknown, name: string, example: string, most: number): unknown[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new ProgramError(
      'INPUT_INVALID',
      `${name} must be a list with at least one value, such as ${example}; got ${shown(value)}`,
      name,
    );
  if (value.length > most)
    throw new ProgramError(
      'TOO_MANY_VALUES',
      `${name} has ${value.length} values, the limit is ${most}: send fewer, or in several runs`,
      name,
    );
  return value;
}
