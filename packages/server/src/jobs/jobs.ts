/**
 * Job rows: the state machine of a prediction.
 *
 *     Queued -> Running -> Completed | Failed
 *        \________\______-> Cancelled          Running -> Queued when its worker or its server dies
 *
 * Every transition is one conditional UPDATE, so that of two who race (a cancel and a finish, two servers)
 * exactly one wins.
 * @module
 */
import { type Selectable, sql } from 'kysely';
import type { Db } from '../db/open.ts';
import type { JobsTable } from '../db/schema.ts';

export type Job = Selectable<JobsTable>;

export const ACTIVE = ['Queued', 'Running'] as const;

export const isActive = (job: Pick<Job, 'state'>): boolean =>
  job.state === 'Queued' || job.state === 'Running';

/** A server renews the leases of its jobs well within this time. */
export const LEASE_MILLISECONDS = 60_000;
/** A job whose worker died this often is given up. */
export const MOST_ATTEMPTS = 3;

export function findJob(db: Db, id: string): Promise<Job | undefined> {
  return db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Queued -> Running; undefined when somebody else was faster or the job was cancelled. */
export function claimJob(db: Db, id: string, owner: string): Promise<Job | undefined> {
  const now = Date.now();
  return db
    .updateTable('jobs')
    .set({
      state: 'Running',
      attempts: sql<number>`attempts + 1`,
      started_at: now,
      progress: 0,
      lease_owner: owner,
      lease_until: now + LEASE_MILLISECONDS,
    })
    .where('id', '=', id)
    .where('state', '=', 'Queued')
    .returningAll()
    .executeTakeFirst();
}

export interface Outcome {
  state: 'Completed' | 'Failed';
  reasonCode?: string;
  reason?: string;
  resultBlob?: string;
  bytesOut?: number;
  computeMs?: number;
  retentionDays: number;
}

/** Running -> Completed or Failed, and the usage counters, in one transaction; false when the job is no longer this attempt's. */
export function finishJob(db: Db, job: Job, outcome: Outcome): Promise<boolean> {
  const now = Date.now();
  return db.transaction().execute(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('jobs')
      .set({
        state: outcome.state,
        reason_code: outcome.reasonCode ?? null,
        reason: outcome.reason ?? null,
        result_blob: outcome.resultBlob ?? null,
        bytes_out: outcome.bytesOut ?? null,
        compute_ms: outcome.computeMs ?? null,
        progress: outcome.state === 'Completed' ? 1 : job.progress,
        finished_at: now,
        expires_at: now + outcome.retentionDays * 86_400_000,
      })
      .where('id', '=', job.id)
      .where('state', '=', 'Running')
      .where('attempts', '=', job.attempts)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return false;
    const failed = outcome.state === 'Failed' ? 1 : 0;
    const count = {
      predictions: 1 - failed,
      failures: failed,
      compute_ms: outcome.computeMs ?? 0,
      bytes_in: job.bytes_in,
      bytes_out: outcome.bytesOut ?? 0,
    };
    await tx
      .insertInto('usage')
      .values({
        owner_id: job.owner_id,
        account_id: job.account_id,
        model_name: job.model_name,
        model_version: job.model_version,
        day: new Date(now).toISOString().slice(0, 10),
        ...count,
      })
      .onConflict((conflict) =>
        conflict
          .columns(['account_id', 'day', 'owner_id', 'model_name', 'model_version'])
          .doUpdateSet((eb) => ({
            predictions: eb('usage.predictions', '+', count.predictions),
            failures: eb('usage.failures', '+', count.failures),
            compute_ms: eb('usage.compute_ms', '+', count.compute_ms),
            bytes_in: eb('usage.bytes_in', '+', count.bytes_in),
            bytes_out: eb('usage.bytes_out', '+', count.bytes_out),
          })),
      )
      .execute();
    return true;
  });
}

/** Running -> Queued. `counted` false gives the attempt back: the job was not to blame. */
export async function requeueJob(db: Db, job: Job, counted: boolean): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({
      state: 'Queued',
      progress: 0,
      started_at: null,
      attempts: counted ? job.attempts : Math.max(0, job.attempts - 1),
    })
    .where('id', '=', job.id)
    .where('state', '=', 'Running')
    .where('attempts', '=', job.attempts)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Queued or Running -> Cancelled; false when the job had ended before. */
export async function cancelJobRow(db: Db, id: string, retentionDays: number): Promise<boolean> {
  const now = Date.now();
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({ state: 'Cancelled', finished_at: now, expires_at: now + retentionDays * 86_400_000 })
    .where('id', '=', id)
    .where('state', 'in', ACTIVE)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function renewLeases(db: Db, owner: string): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ lease_until: Date.now() + LEASE_MILLISECONDS })
    .where('state', 'in', ACTIVE)
    .where('lease_owner', '=', owner)
    .execute();
}

/** Active jobs of this server from before its start (`ownToo`), and those whose server stopped renewing. */
export function abandonedJobs(db: Db, owner: string, ownToo: boolean): Promise<Job[]> {
  const expired = Date.now();
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('state', 'in', ACTIVE)
    .where((eb) =>
      ownToo
        ? eb.or([eb('lease_owner', '=', owner), eb('lease_until', '<', expired)])
        : eb.and([eb('lease_owner', '!=', owner), eb('lease_until', '<', expired)]),
    )
    .orderBy('queued_at')
    .execute();
}

/** Takes over an abandoned job as Queued; false when another server did, or it has ended. */
export async function adoptJob(db: Db, job: Job, owner: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({
      state: 'Queued',
      progress: 0,
      started_at: null,
      attempts: job.state === 'Running' ? Math.max(0, job.attempts - 1) : job.attempts,
      lease_owner: owner,
      lease_until: Date.now() + LEASE_MILLISECONDS,
    })
    .where('id', '=', job.id)
    .where('state', '=', job.state)
    .where('lease_owner', '=', job.lease_owner)
    .where('attempts', '=', job.attempts)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
