/**
 * What the runner has to know about a kind of work; the rest is the same for all of them.
 * @module
 */
import { blobKey } from '../blobs/store.ts';
import type { RunnableTask } from './protocol.ts';
import type { Progress, RowOf, WorkName, WorkRow, WorkRows } from './rows.ts';

export interface Work<N extends WorkName, Row extends WorkRow = RowOf[N]> {
  rows: WorkRows<N, Row>;
  /** How it is called in logs and reasons. */
  noun: string;
  timeoutMs: number;
  /** What a worker is told. */
  task(row: Row): RunnableTask;
  /** Every blob that a run under this claim writes. */
  resultBlobs(row: Row): string[];
  progress(now: WorkProgress): Progress;
  /** It has ended, whichever way: frees what nothing needs any more. May be called more than once. */
  ended(row: Row): Promise<void>;
  onFinished?(row: Row): void;
}

/** Units of work, of whatever size the kind has. */
export interface WorkProgress {
  done: number;
  total: number;
  /** At the speed so far; absent before anything can be said. */
  secondsLeft?: number;
}

export interface Works {
  jobs: Work<'jobs'>;
  tasks: Work<'tasks'>;
}

/** Where the result of this run goes: a lost claim's result can never be taken for another's. */
export const resultKey = (row: Pick<WorkRow, 'id' | 'claim'>): string =>
  blobKey('results', `${row.id}-${row.claim}`);

/** How a queue names a row. */
export const entryOf = (name: WorkName, id: string): string => `${name}-${id}`;

export function parseEntry(entry: string): { name: WorkName; id: string } | undefined {
  const [, name, id] = /^(jobs|tasks)-([0-9a-f-]{36})$/.exec(entry) ?? [];
  return id === undefined ? undefined : { name: name as WorkName, id };
}
