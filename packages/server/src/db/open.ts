/**
 * Opens the database and brings it to the newest schema.
 * @module
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { ConfigError } from '../errors.ts';
import { MIGRATIONS, migrations } from './migrations.ts';
import { postgresDialect } from './postgres.ts';
import type { Database } from './schema.ts';
import { type SqliteSynchronous, sqliteDialect } from './sqlite.ts';

export type Db = Kysely<Database>;

export interface DatabaseOptions {
  dataDir: string;
  /** `postgres://…`; without it the database is `velum.sqlite` in dataDir. */
  databaseUrl?: string;
  synchronous?: SqliteSynchronous;
  /** false: another process brings the schema up; this one only waits for it. */
  migrate?: boolean;
}

const SCHEMA_WAIT_MILLISECONDS = 30_000;

export async function openDatabase(options: DatabaseOptions): Promise<Db> {
  const { databaseUrl } = options;
  if (databaseUrl && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new ConfigError(
      'DATABASE_URL_INVALID',
      `databaseUrl must start with postgres:// or postgresql://, got ${JSON.stringify(databaseUrl.slice(0, 12))}…`,
    );
  }
  const dialect = databaseUrl
    ? await postgresDialect(databaseUrl)
    : sqliteDialect(join(options.dataDir, 'velum.sqlite'), options.synchronous);
  const db = new Kysely<Database>({ dialect });
  try {
    if (options.migrate === false) await waitForSchema(db);
    else {
      const { error } = await new Migrator({ db, provider: migrations }).migrateToLatest();
      if (error) throw error;
    }
  } catch (cause) {
    await db.destroy().catch(() => {});
    throw new ConfigError(
      'DATABASE_UNUSABLE',
      `the database could not be opened or migrated: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  return db;
}

async function waitForSchema(db: Db): Promise<void> {
  const newest = Object.keys(MIGRATIONS).at(-1) as string;
  const end = Date.now() + SCHEMA_WAIT_MILLISECONDS;
  for (;;) {
    const done = await sql<{ name: string }>`select name from kysely_migration where name = ${newest}`
      .execute(db)
      .then(({ rows }) => rows.length === 1)
      .catch(() => false);
    if (done) return;
    if (Date.now() > end) {
      throw new Error(`the schema ${newest} is not there: start the server of the same version first`);
    }
    await delay(200);
  }
}

/** True for a violated unique constraint, in either dialect. */
export function isUniqueViolation(error: unknown): boolean {
  const e = error as { code?: unknown; errcode?: unknown };
  // SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY; Postgres unique_violation.
  return e?.errcode === 2067 || e?.errcode === 1555 || e?.code === '23505';
}

/** True for a reference to a row that is not there, in either dialect. */
export function isForeignKeyViolation(error: unknown): boolean {
  const e = error as { code?: unknown; errcode?: unknown };
  return e?.errcode === 787 || e?.code === '23503';
}
