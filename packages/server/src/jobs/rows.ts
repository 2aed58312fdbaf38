/**
 * Work rows: the state machine of a prediction (table jobs) and of a program run (table tasks).
 *
 *     Queued -> Running -> Completed | Failed
 *        \________\______-> Cancelled          Running -> Queued when its worker or its server dies
 *
 * Every transition is one conditional UPDATE, so that of two who race (a cancel and a finish, two processes)
 * exactly one wins. A run is known by its claim: who lost it can neither end the work nor touch its result.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { type Selectable, sql, type Transaction } from 'kysely';
import type { Db } from '../db/open.ts';
import type { Database, WorkTable } from '../db/schema.ts';

export type WorkName = 'jobs' | 'tasks';
export type WorkRow = Selectable<WorkTable>;
export type Job = Selectable<Database['jobs']>;
export type TaskRow = Selectable<Database['tasks']>;
export interface RowOf {
  jobs: Job;
  tasks: TaskRow;
}

export const ACTIVE = ['Queued', 'Running'] as const;

export const isActive = (row: Pick<WorkRow, 'state'>): boolean =>
  row.state === 'Queued' || row.state === 'Running';

/** Work whose worker died this often is given up. */
export const MOST_ATTEMPTS = 3;

export interface Outcome {
  state: 'Completed' | 'Failed';
  reasonCode?: string;
  reason?: string;
  resultBlob?: string;
  bytesOut?: number;
  computeMs?: number;
  retentionDays: number;
}

export interface Progress {
  fraction: number;
  /** Further columns of the table. */
  columns?: Record<string, number | null>;
}

const DAY = 86_400_000;

/** What has to change with the outcome, in the same transaction. */
export type OnFinish<Row> = (tx: Transaction<Database>, row: Row, outcome: Outcome) => Promise<void>;

/** The rows of one table; `leaseMs` is how long its processes may be silent. */
export class WorkRows<N extends WorkName = WorkName, Row extends WorkRow = RowOf[N]> {
  readonly name: N;
  readonly #db: Db;
  readonly #leaseMs: number;
  readonly #onFinish: OnFinish<Row> | undefined;

  constructor(db: Db, name: N, leaseMs: number, onFinish?: OnFinish<Row>) {
    this.#db = db;
    this.name = name;
    this.#leaseMs = leaseMs;
    this.#onFinish = onFinish;
  }

  /** Both tables have every column that is used here; the types of one stand for both. */
  get #table(): 'jobs' {
    return this.name as 'jobs';
  }

  find(id: string): Promise<Row | undefined> {
    return this.#db.selectFrom(this.#table).selectAll().where('id', '=', id).executeTakeFirst() as Promise<
      Row | undefined
    >;
  }

  /** Columns of a new row's lease. */
  lease(owner: string): { lease_owner: string; lease_until: number } {
    return { lease_owner: owner, lease_until: Date.now() + this.#leaseMs };
  }

  /** Queued -> Running; undefined when somebody else was faster or the work was cancelled. */
  claim(id: string, owner: string): Promise<Row | undefined> {
    return this.#db
      .updateTable(this.#table)
      .set({
        state: 'Running',
        attempts: sql<number>`attempts + 1`,
        claim: randomBytes(4).toString('hex'),
        started_at: Date.now(),
        progress: 0,
        ...this.lease(owner),
      })
      .where('id', '=', id)
      .where('state', '=', 'Queued')
      .returningAll()
      .executeTakeFirst() as Promise<Row | undefined>;
  }

  /** Running -> Completed or Failed with what belongs to it, in one transaction; false when the claim is lost. */
  finish(row: Row, outcome: Outcome): Promise<boolean> {
    const now = Date.now();
    return this.#db.transaction().execute(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable(this.#table)
        .set({
          state: outcome.state,
          reason_code: outcome.reasonCode ?? null,
          reason: outcome.reason ?? null,
          result_blob: outcome.resultBlob ?? null,
          bytes_out: outcome.bytesOut ?? null,
          compute_ms: outcome.computeMs ?? null,
          ...(outcome.state === 'Completed' ? { progress: 1 } : {}),
          finished_at: now,
          expires_at: now + outcome.retentionDays * DAY,
        })
        .where('id', '=', row.id)
        .where('state', '=', 'Running')
        .where('claim', '=', row.claim)
        .executeTakeFirst();
      if (numUpdatedRows !== 1n) return false;
      await this.#onFinish?.(tx, row, outcome);
      return true;
    });
  }

  /** Running -> Queued. `counted` false gives the attempt back: the work was not to blame. */
  async requeue(row: Row, counted: boolean): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable(this.#table)
      .set({
        state: 'Queued',
        progress: 0,
        started_at: null,
        attempts: counted ? row.attempts : Math.max(0, row.attempts - 1),
      })
      .where('id', '=', row.id)
      .where('state', '=', 'Running')
      .where('claim', '=', row.claim)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Queued or Running -> Cancelled; false when the work had ended before. */
  async cancel(id: string, retentionDays: number): Promise<boolean> {
    const now = Date.now();
    const { numUpdatedRows } = await this.#db
      .updateTable(this.#table)
      .set({ state: 'Cancelled', finished_at: now, expires_at: now + retentionDays * DAY })
      .where('id', '=', id)
      .where('state', 'in', ACTIVE)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async writeProgress(row: Row, progress: Progress): Promise<void> {
    await this.#db
      .updateTable(this.#table)
      .set({ progress: progress.fraction, ...progress.columns })
      .where('id', '=', row.id)
      .where('state', '=', 'Running')
      .where('claim', '=', row.claim)
      .execute();
  }

  async renewLeases(owner: string): Promise<void> {
    await this.#db
      .updateTable(this.#table)
      .set({ lease_until: Date.now() + this.#leaseMs })
      .where('state', 'in', ACTIVE)
      .where('lease_owner', '=', owner)
      .execute();
  }

  /** Active work of this process from before its start (`ownToo`), and that whose process stopped renewing. */
  abandoned(owner: string, ownToo: boolean): Promise<Row[]> {
    const expired = Date.now();
    return this.#db
      .selectFrom(this.#table)
      .selectAll()
      .where('state', 'in', ACTIVE)
      .where((eb) =>
        ownToo
          ? eb.or([eb('lease_owner', '=', owner), eb('lease_until', '<', expired)])
          : eb.and([eb('lease_owner', '!=', owner), eb('lease_until', '<', expired)]),
      )
      .orderBy('queued_at')
      .execute() as Promise<Row[]>;
  }

  /**
   * Takes over abandoned work as Queued; false when another process did, or it has ended. A restart of the same
   * server is not held against the work; a process that vanished with it is.
   */
  async adopt(row: Row, owner: string): Promise<boolean> {
    const forgiven = row.state === 'Running' && row.lease_owner === owner;
    let update = this.#db
      .updateTable(this.#table)
      .set({
        state: 'Queued',
        progress: 0,
        started_at: null,
        attempts: forgiven ? Math.max(0, row.attempts - 1) : row.attempts,
        ...this.lease(owner),
      })
      .where('id', '=', row.id)
      .where('state', '=', row.state)
      .where('lease_owner', '=', row.lease_owner)
      .where('attempts', '=', row.attempts);
    // Taken again since the row was read, by another run of the same process.
    if (row.state === 'Running') update = update.where('claim', '=', row.claim);
    // A process that was only slow may have renewed its lease since the row was read.
    if (row.lease_owner !== owner) update = update.where('lease_until', '=', row.lease_until);
    const { numUpdatedRows } = await update.executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** What says Running under this process's lease. */
  running(owner: string): Promise<Row[]> {
    return this.#db
      .selectFrom(this.#table)
      .selectAll()
      .where('state', '=', 'Running')
      .where('lease_owner', '=', owner)
      .execute() as Promise<Row[]>;
  }

  /** How much waits that came before this time. */
  async queuedBefore(time: number): Promise<number> {
    const { count } = await this.#db
      .selectFrom(this.#table)
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('state', '=', 'Queued')
      .where('queued_at', '<', time)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Ids of what waits under this process's lease, oldest first. */
  async queuedIds(owner: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom(this.#table)
      .select('id')
      .where('state', '=', 'Queued')
      .where('lease_owner', '=', owner)
      .orderBy('queued_at')
      .execute();
    return rows.map((row) => row.id);
  }

  async queuedCount(): Promise<number> {
    const { count } = await this.#db
      .selectFrom(this.#table)
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('state', '=', 'Queued')
      .executeTakeFirstOrThrow();
    return Number(count);
  }
}
