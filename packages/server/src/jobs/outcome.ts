/**
 * From the error that ended a computation to the outcome in its row.
 * @module
 */
import { isStorageFull } from '../errors.ts';
import { TaskError, WorkerCrash } from './protocol.ts';
import type { Outcome, WorkRow } from './rows.ts';

interface Described {
  noun: string;
  timeoutMs: number;
}

export function failedOutcome(
  error: unknown,
  work: Described,
  row: Pick<WorkRow, 'attempts'>,
  retentionDays: number,
): Outcome {
  const [reasonCode, reason] = failureReason(error, work, row.attempts);
  return { state: 'Failed', reasonCode, reason, retentionDays };
}

/** The process that computed it vanished as often as any may. */
export function crashedOutcome(attempts: number, retentionDays: number): Outcome {
  return {
    state: 'Failed',
    reasonCode: 'WORKER_CRASHED',
    reason: `the worker process died in each of ${attempts} attempts`,
    retentionDays,
  };
}

function failureReason(error: unknown, work: Described, attempts: number): [string, string] {
  if (error instanceof TaskError) return [error.failure.code, error.failure.message];
  if (error instanceof WorkerCrash) {
    return error.reason === 'timeout'
      ? ['TIME_LIMIT', `the computation took longer than ${work.timeoutMs} ms`]
      : ['WORKER_CRASHED', `the worker process died in each of ${attempts} attempts`];
  }
  if (isStorageFull(error)) return ['STORAGE_FULL', 'the storage of the service is full'];
  return ['INTERNAL', `the ${work.noun} failed in the service`];
}
