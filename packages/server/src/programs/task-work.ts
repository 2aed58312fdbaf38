/**
 * Runs of programs as work for the runner.
 * @module
 */
import { programs } from '@velum/programs';
import type { BlobStore } from '../blobs/store.ts';
import type { Db } from '../db/open.ts';
import { type TaskRow, WorkRows } from '../jobs/rows.ts';
import { resultKey, type Work } from '../jobs/work.ts';
import type { Limits } from '../limits.ts';

export interface TaskWorkOptions {
  db: Db;
  blobs: BlobStore;
  limits: Limits;
  leaseMilliseconds: number;
  onFinished?(task: TaskRow): void;
}

/** A blob for each output, in the program's order; none when the program is no longer shipped. */
export function taskBlobs(task: Pick<TaskRow, 'id' | 'claim' | 'task_name'>): string[] {
  const key = resultKey(task);
  const program = programs.find(({ name }) => name === task.task_name);
  return program?.outputs.map((_, i) => `${key}-${i}`) ?? [];
}

export function taskWork({
  db,
  blobs,
  limits,
  leaseMilliseconds,
  onFinished,
}: TaskWorkOptions): Work<'tasks'> {
  return {
    rows: new WorkRows(db, 'tasks', leaseMilliseconds, async (tx, task, { state }) => {
      if (state !== 'Completed') return;
      await tx
        .updateTable('tasks')
        .set((eb) => ({ work_done: eb.ref('work_total'), seconds_left: 0 }))
        .where('id', '=', task.id)
        .execute();
    }),
    noun: 'task',
    timeoutMs: limits.taskMilliseconds,
    task: (task) => ({
      kind: 'program',
      program: task.task_name,
      keyBlob: task.key_blob ?? undefined,
      inputBlob: task.input_blob,
      resultBlobs: taskBlobs(task),
    }),
    resultBlobs: taskBlobs,
    progress: ({ done, total, secondsLeft }) => ({
      fraction: total > 0 ? done / total : 0,
      columns: { work_done: done, work_total: total, seconds_left: secondsLeft ?? null },
    }),
    // The input belongs to this task alone.
    ended: (task) => blobs.delete(task.input_blob),
    onFinished,
  };
}
