/**
 * How tasks look from outside: the original's states and fields, and typed ones beside them.
 * @module
 */
import { type Program, programs } from '@velum/programs';
import { Type } from 'typebox';
import type { TaskRow } from '../jobs/rows.ts';
import { isoOrNull, TimeOrNull } from '../routes/schemas.ts';
import type { Services } from '../services.ts';

export type TaskStatus = 'queued' | 'started' | 'success' | 'completed' | 'failure' | 'revoked' | 'unknown';

/** success until the result is first fetched, then completed. */
export function statusOfTask(task: TaskRow): TaskStatus {
  switch (task.state) {
    case 'Queued':
      return 'queued';
    case 'Running':
      return 'started';
    case 'Completed':
      return task.delivered_at === null ? 'success' : 'completed';
    case 'Failed':
      return 'failure';
    case 'Cancelled':
      return 'revoked';
  }
}

const Text = Type.String();

export const TaskStatusSchema = Type.Object(
  {
    status: Type.String({
      description:
        'queued, started, success, completed (the result has been fetched), failure, revoked or unknown',
    }),
    details: Type.String({ description: 'The same for people' }),
    worker: Type.Union([Text, Type.Null()]),
    logger_msg: Text,
    task_id: Text,
    uid: Text,
    task_name: Type.Optional(Text),
    rank: Type.Optional(Type.Integer({ description: 'Place in the queue, 1 is next' })),
    progress: Type.Optional(
      Type.Object({
        done: Type.Integer({ description: 'Bootstraps done' }),
        total: Type.Integer({ description: 'Bootstraps of the whole task' }),
        seconds_left: Type.Optional(Type.Number({ description: 'At the speed so far' })),
      }),
    ),
    reason: Type.Optional(Type.Object({ code: Text, message: Text }, { description: 'Why it failed' })),
    attempts: Type.Optional(Type.Integer()),
    output_file_path: Type.Optional(Type.Array(Text, { description: 'Names of the result files' })),
    bytes_in: Type.Optional(Type.Integer()),
    bytes_out: Type.Optional(Type.Integer()),
    compute_ms: Type.Optional(Type.Number()),
    queued_at: Type.Optional(TimeOrNull),
    started_at: Type.Optional(TimeOrNull),
    finished_at: Type.Optional(TimeOrNull),
    expires_at: Type.Optional(TimeOrNull),
  },
  { description: 'Status of a task' },
);

/** The original's names, made of the task's id where it had only the user's. */
export function outputFiles(task: TaskRow): string[] {
  const program = programs.find(({ name }) => name === task.task_name);
  return program?.outputs.map((output) => outputFile(task, program, output.file)) ?? [];
}

function outputFile(task: TaskRow, program: Program, file: string): string {
  return program.outputs.length === 1
    ? `${task.uid}.${task.task_name}.output.fheencrypted`
    : `${task.uid}.${task.id}.${file}`;
}

const short = (id: string): string => id.slice(0, 8);

/** The body for a task that is not there; `taskId` and `uid` as they were given. */
export function unknownTask(taskId: string, uid: string | undefined) {
  let details =
    'Task may not exist: it was not started by this account, or its record has expired. Start it again.';
  if (uid === '') details = 'UID is None or Empty.';
  if (taskId === '') details = 'Task ID is None or Empty.';
  return {
    status: 'unknown' as const,
    details,
    worker: null,
    logger_msg: `[task=${short(taskId)}, UID=${short(uid ?? '')}]: unknown`,
    task_id: taskId,
    uid: uid ?? '',
  };
}

/** The body of get_task_status, of a result that is not ready, and of every event. */
export async function describeTask(services: Services, task: TaskRow) {
  const { runner, config } = services;
  const status = statusOfTask(task);
  const rank = status === 'queued' ? await runner.rank('tasks', task.id) : undefined;
  const depth = rank === undefined ? 0 : Math.max(rank, await runner.depth());
  const stored = task.state === 'Completed' && task.result_blob !== null;
  return {
    status,
    details: detailsOf(task, status, rank, depth),
    worker: workerOf(task, config.environment === 'prod'),
    logger_msg: `[task_name=${task.task_name}, UID=${short(task.uid)}, task=${short(task.id)}]: ${status}`,
    task_id: task.id,
    uid: task.uid,
    task_name: task.task_name,
    ...(rank === undefined ? {} : { rank }),
    ...(status === 'started' || status === 'queued' ? { progress: progressOf(services, task) } : {}),
    ...(task.reason_code === null
      ? {}
      : { reason: { code: task.reason_code, message: task.reason ?? task.reason_code } }),
    attempts: task.attempts,
    ...(stored ? { output_file_path: outputFiles(task) } : {}),
    bytes_in: task.bytes_in,
    ...(task.bytes_out === null ? {} : { bytes_out: task.bytes_out }),
    ...(task.compute_ms === null ? {} : { compute_ms: task.compute_ms }),
    queued_at: isoOrNull(task.queued_at),
    started_at: isoOrNull(task.started_at),
    finished_at: isoOrNull(task.finished_at),
    expires_at: isoOrNull(task.expires_at),
  };
}

function progressOf({ runner }: Services, task: TaskRow) {
  const live = runner.live('tasks', task.id);
  if (task.state === 'Running' && live) {
    return { done: live.done, total: live.total, ...secondsOf(live.secondsLeft) };
  }
  const running = task.state === 'Running' && task.progress > 0;
  return {
    done: running ? task.work_done : 0,
    total: task.work_total,
    ...secondsOf(running ? (task.seconds_left ?? undefined) : undefined),
  };
}

const secondsOf = (seconds: number | undefined) =>
  seconds === undefined ? {} : { seconds_left: Math.round(seconds * 10) / 10 };

function detailsOf(task: TaskRow, status: TaskStatus, rank: number | undefined, depth: number): string {
  switch (status) {
    case 'queued':
      return rank === undefined
        ? 'The task waits for a worker.'
        : `The task waits for a worker. Position in queue: \`${rank} / ${depth}\``;
    case 'started':
      return 'The task is being computed.';
    case 'success':
      return 'The task has completed; its result can be fetched.';
    case 'completed': {
      const time = new Date(task.finished_at ?? 0).toISOString().slice(0, 19).replace('T', ' ');
      return task.result_blob === null
        ? `Task completed on \`${time}\`. The result has expired.`
        : `Task completed on \`${time}\`. The result is stored.`;
    }
    case 'failure':
      return `The task failed: ${task.reason_code}: ${task.reason}`;
    default:
      return 'The task has been cancelled.';
  }
}

/** Which process computes it; in prod nobody outside is told. */
function workerOf(task: TaskRow, hidden: boolean): string {
  if (task.state === 'Queued') return 'TBD';
  if (task.state !== 'Running') return 'not tracked';
  return hidden ? 'velum' : `velum@${short(task.lease_owner)}`;
}
