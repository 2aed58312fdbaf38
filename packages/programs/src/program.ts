/**
 * What a program is: a clear input becomes an encrypted one at the client, a server that holds no secret computes on it,
 * and the client reads the result. The service, the command line and the SDK know programs by this interface alone.
 * @module
 */
import type { TfheServerKey } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import type { ProgramKeys } from './keys.ts';

/** One result, a ciphertext file of its own. */
export interface ProgramOutput {
  readonly key: string;
  /** Name of the file, after the task's id. */
  readonly file: string;
}

/** What the server can tell of an encrypted input without computing. */
export interface InputFacts {
  /** Names the key pair that the input is encrypted for; absent when the program needs no server key. */
  readonly keyId?: string;
  /** Values in the input: weights, records, features. The length of an input is public. */
  readonly values: number;
  /** Bootstraps that a run will take: known beforehand, the same for every input of this length. */
  readonly bootstraps: number;
}

export interface RunContext {
  readonly kernels: Kernels;
  readonly serverKey?: TfheServerKey;
  /** Bootstraps done, of how many. */
  onProgress?(done: number, total: number): void;
  /** Stops the run at the next pause, with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface Program {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly needsKey: boolean;
  readonly outputs: readonly ProgramOutput[];
  /** How the service hands the result out: one JSON document with base64 by output, or the bytes of the only output. */
  readonly responseType: 'json' | 'stream';
  readonly limits: { readonly values: number; readonly inputBytes: number };
  /**
   * Client: encrypts a clear input (JSON).
   * @throws ProgramError INPUT_INVALID, VALUE_RANGE, TOO_MANY_VALUES, RECORDS_NOT_TRIPLES, START_AFTER_END
   */
  encode(keys: ProgramKeys, input: unknown): Uint8Array;
  /**
   * Server: checks the headers, the length and the checksums of an input; touches no key and computes nothing.
   * @throws ProgramError CIPHERTEXT_INVALID, PROGRAM_MISMATCH, TOO_MANY_VALUES
   */
  inspect(input: Uint8Array): InputFacts;
  /**
   * Server: computes the results, by output key.
   * @throws ProgramError as `inspect`, KEY_MISSING, KEY_MISMATCH; the signal's reason
   */
  run(context: RunContext, input: Uint8Array): Promise<Record<string, Uint8Array>>;
  /**
   * Client: the clear result (JSON).
   * @throws ProgramError RESULT_INVALID, PROGRAM_MISMATCH, KEY_MISMATCH
   */
  decode(keys: ProgramKeys, outputs: Record<string, Uint8Array>): unknown;
  /** The same computation in the clear. @throws ProgramError as `encode` */
  clear(input: unknown): unknown;
  /** An input to try the program with. */
  sample(): unknown;
}
