/**
 * Runs of programs: starting one, finding one, what goes with time and with an account.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { type Program, ProgramError, programs } from '@velum/programs';
import type { Transaction } from 'kysely';
import { type Db, isUniqueViolation } from '../db/open.ts';
import type { Database } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import { ACTIVE, type TaskRow } from '../jobs/rows.ts';
import type { Services } from '../services.ts';
import { serverKeyNotFound } from './keys.ts';
import { refuseSecretKey } from './secret-key.ts';
import { taskBlobs } from './task-work.ts';

export interface TaskRequest {
  program: Program;
  /** Undefined: a program without a key gives the task an id of its own. */
  uid: string | undefined;
  inputBlob: string;
  bytes: number;
  sha256: string;
  idempotencyKey: string | undefined;
}

/** A record without its result is kept this long, so that a late question is answered with "expired". */
const EXPIRED_TASKS = 7 * 86_400_000;

/** Throws ApiError PROGRAM_UNKNOWN. */
export function findProgram(name: string): Program {
  const program = programs.find((candidate) => candidate.name === name);
  if (!program) {
    const known = programs.map((candidate) => candidate.name).join(', ');
    throw new ApiError(
      'PROGRAM_UNKNOWN',
      `there is no program ${JSON.stringify(name.slice(0, 40))}; there are ${known}`,
    );
  }
  return program;
}

/**
 * A Queued row for the stored input; `fresh` false when the same request was made before. The caller enqueues a
 * fresh one, and deletes the input of one that is not.
 * Throws ApiError SECRET_KEY_SENT, INPUT_REFUSED, FIELD_MISSING, SERVER_KEY_NOT_FOUND, SERVER_KEY_MISMATCH, QUOTA_EXCEEDED or
 * IDEMPOTENCY_KEY_REUSED.
 */
export async function createTask(
  services: Services,
  accountId: string,
  owner: string,
  request: TaskRequest,
): Promise<{ task: TaskRow; fresh: boolean }> {
  const { db, blobs, config, runner } = services;
  const { program, idempotencyKey } = request;
  const repeated = await earlier(services, accountId, request);
  if (repeated) return { task: repeated, fresh: false };
  const input = await blobs.read(request.inputBlob);
  refuseSecretKey(input);
  const facts = inspect(program, input);
  try {
    const task = await db.transaction().execute(async (tx) => {
      const { active } = await tx
        .selectFrom('tasks')
        .select((eb) => eb.fn.countAll<number>().as('active'))
        .where('state', 'in', ACTIVE)
        .where('account_id', '=', accountId)
        .executeTakeFirstOrThrow();
      const limit = config.limits.activeTasks;
      if (Number(active) >= limit) {
        throw new ApiError('QUOTA_EXCEEDED', `activeTasks: ${active} of ${limit} used`, {
          quota: 'activeTasks',
          limit,
        });
      }
      const key = await resolveKey(tx, accountId, request, facts.keyId);
      return tx
        .insertInto('tasks')
        .values({
          id: randomUUID(),
          account_id: accountId,
          ...key,
          task_name: program.name,
          input_blob: request.inputBlob,
          input_sha256: request.sha256,
          bytes_in: request.bytes,
          idempotency_key: idempotencyKey ?? null,
          state: 'Queued',
          ...runner.works.tasks.rows.lease(owner),
          work_total: facts.bootstraps,
          queued_at: Date.now(),
        })
        .returningAll()
        .executeTakeFirstOrThrow();
    });
    return { task, fresh: true };
  } catch (error) {
    const twin = isUniqueViolation(error) && (await earlier(services, accountId, request));
    if (!twin) throw error;
    return { task: twin, fresh: false };
  }
}

function inspect(program: Program, input: Uint8Array): ReturnType<Program['inspect']> {
  try {
    return program.inspect(input);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const { code, message } = error;
    throw new ApiError('INPUT_REFUSED', `${code}: ${message}`, { reason: { code, message } });
  }
}

async function earlier(
  { db }: Services,
  accountId: string,
  { idempotencyKey, program, uid, sha256 }: TaskRequest,
): Promise<TaskRow | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const task = await db
    .selectFrom('tasks')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('idempotency_key', '=', idempotencyKey)
    .executeTakeFirst();
  if (!task) return undefined;
  const same =
    task.task_name === program.name &&
    task.input_sha256 === sha256 &&
    (uid === undefined || task.uid === uid);
  if (!same) {
    throw new ApiError(
      'IDEMPOTENCY_KEY_REUSED',
      `task ${task.id} was started under this key with another program, uid or input`,
    );
  }
  return task;
}

/** What the row says of the key; the program decides whether there has to be one. */
async function resolveKey(
  tx: Transaction<Database>,
  accountId: string,
  { program, uid }: TaskRequest,
  keyId: string | undefined,
): Promise<{ uid: string; key_blob: string | null }> {
  const now = Date.now();
  const key =
    uid === undefined
      ? undefined
      : await tx
          .updateTable('program_keys')
          .set({ last_used_at: now })
          .where('id', '=', uid)
          .where('account_id', '=', accountId)
          .where('expires_at', '>', now)
          .returningAll()
          .executeTakeFirst();
  if (!program.needsKey) {
    if (uid === undefined || key) return { uid: uid ?? randomUUID(), key_blob: null };
    const own = await tx
      .selectFrom('tasks')
      .select('id')
      .where('account_id', '=', accountId)
      .where('uid', '=', uid)
      .executeTakeFirst();
    if (!own) throw serverKeyNotFound(uid);
    return { uid, key_blob: null };
  }
  if (uid === undefined) {
    throw new ApiError('FIELD_MISSING', `${program.name} computes with a server key: give its uid`);
  }
  if (!key) throw serverKeyNotFound(uid);
  if (keyId !== undefined && keyId !== key.key_id) {
    throw new ApiError(
      'SERVER_KEY_MISMATCH',
      `the input is encrypted for key ${keyId.slice(0, 12)}, ${uid} is key ${key.key_id.slice(0, 12)}`,
    );
  }
  return { uid: key.id, key_blob: key.blob };
}

/** The account's own task; undefined for everything else. `uid` is compared where it is given. */
export async function findTask(
  { db }: Services,
  accountId: string,
  taskId: string,
  uid?: string,
): Promise<TaskRow | undefined> {
  const task = await db
    .selectFrom('tasks')
    .selectAll()
    .where('id', '=', taskId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return task && (uid === undefined || task.uid === uid) ? task : undefined;
}

/** Deletes results whose time is over, and records long after. */
export async function expireTasks({ db, blobs }: Services, now: number): Promise<void> {
  const expired = await db
    .selectFrom('tasks')
    .selectAll()
    .where('expires_at', '<', now)
    .where('result_blob', 'is not', null)
    .execute();
  for (const task of expired) {
    await db.updateTable('tasks').set({ result_blob: null }).where('id', '=', task.id).execute();
    for (const blob of taskBlobs(task)) await blobs.delete(blob);
  }
  await db
    .deleteFrom('tasks')
    .where('expires_at', '<', now - EXPIRED_TASKS)
    .execute();
}

/** Stops and deletes everything an account has of programs. */
export async function removeProgramData(services: Services, accountId: string): Promise<void> {
  const { db, blobs, runner } = services;
  const active = await db
    .selectFrom('tasks')
    .select('id')
    .where('account_id', '=', accountId)
    .where('state', 'in', ACTIVE)
    .execute();
  for (const { id } of active) await runner.cancel('tasks', id);
  const tasks = await db.deleteFrom('tasks').where('account_id', '=', accountId).returningAll().execute();
  const keys = await db
    .deleteFrom('program_keys')
    .where('account_id', '=', accountId)
    .returning('blob')
    .execute();
  for (const task of tasks) {
    for (const blob of [task.input_blob, ...taskBlobs(task)]) await blobs.delete(blob);
  }
  for (const { blob } of keys) await blobs.delete(blob);
  runner.forget(keys.map(({ blob }) => blob));
}

/** How many records there are, by program and state; of every process that shares the database. */
export async function countTasks(db: Db): Promise<{ program: string; state: string; count: number }[]> {
  const rows = await db
    .selectFrom('tasks')
    .select((eb) => ['task_name as program', 'state', eb.fn.countAll<number>().as('count')])
    .groupBy(['task_name', 'state'])
    .execute();
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}
