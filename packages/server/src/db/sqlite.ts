/**
 * Kysely on `node:sqlite`: the shim gives Kysely's SQLite driver the few methods it asks for.
 * WAL with synchronous=NORMAL: a killed process loses nothing; a power cut may undo the last
 * transactions but never tears the file (https://sqlite.org/wal.html). `FULL` is there for those who want
 * an fsync per commit.
 * @module
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type Dialect, SqliteDialect } from 'kysely';

export type SqliteSynchronous = 'NORMAL' | 'FULL';

/** A statement cache of this size holds every query the service makes. */
const CACHED_STATEMENTS = 256;

export function sqliteDialect(path: string, synchronous: SqliteSynchronous = 'NORMAL'): Dialect {
  // SQLite would make it readable for all; its -wal and -shm get the permissions of the file.
  // Never opened when it is there: closing a second descriptor would drop the locks this process holds on it.
  if (!existsSync(path) && existsSync(dirname(path))) closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  database.exec('PRAGMA busy_timeout = 5000');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA synchronous = ${synchronous === 'FULL' ? 'FULL' : 'NORMAL'}`);
  database.exec('PRAGMA foreign_keys = ON');

  const cache = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = cache.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    if (/^(create|alter|drop|pragma)/i.test(sql)) return statement;
    if (cache.size >= CACHED_STATEMENTS) cache.delete(cache.keys().next().value as string);
    cache.set(sql, statement);
    return statement;
  };

  return new SqliteDialect({
    database: {
      close: () => {
        cache.clear();
        database.close();
      },
      prepare: (sql) => {
        // A transaction that reads before it writes would fail when another process wrote in between; with the
        // write lock from the start it waits instead (busy_timeout).
        const statement = prepare(sql === 'begin' ? 'begin immediate' : sql);
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
          run: (parameters) =>
            // SQLite has rolled back by itself when the disk is full; a second rollback would hide that error.
            sql === 'rollback' && database.isTransaction === false
              ? { changes: 0, lastInsertRowid: 0 }
              : statement.run(...(parameters as SQLInputValue[])),
          iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
        };
      },
    },
  });
}
