/**
 * From an exception inside a worker to what the server is told.
 * @module
 */
import { FheError, TfheError, WireError } from '@velum/fhe';
import { ProgramError } from '@velum/programs';
import { RuntimeError } from '@velum/runtime';
import { BlobError } from '../blobs/store.ts';
import { isStorageFull } from '../errors.ts';
import type { TaskFailure } from './protocol.ts';

const CODE = /^[A-Z][A-Z0-9_]{2,60}$/;

export function failureOf(error: unknown): TaskFailure {
  if (isStorageFull(error)) {
    return { code: 'STORAGE_FULL', message: 'the storage of the service is full', input: false };
  }
  if (error instanceof BlobError) {
    return {
      code: 'DATA_REMOVED',
      message: 'keys or data of the job were removed or replaced before it began',
      input: true,
    };
  }
  const { code, findings, message } = error as { code?: unknown; findings?: unknown; message?: unknown };
  const known =
    error instanceof RuntimeError ||
    error instanceof WireError ||
    error instanceof FheError ||
    error instanceof TfheError ||
    error instanceof ProgramError ||
    isCompilerError(error);
  if (known && typeof code === 'string' && CODE.test(code)) {
    return { code, message: String(message), input: true, findings: plain(findings) };
  }
  return { code: 'INTERNAL', message: 'the computation failed in the service', input: false };
}

/** By their names, so that a predicting worker need not load the compiler. */
function isCompilerError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(Import|Compile|Model|Hdf5|Compiler)Error$/.test(error.name) &&
    'code' in error
  );
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
