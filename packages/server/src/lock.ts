/**
 * One server per data directory. The lock is SQLite's own file lock: the kernel drops it when the process
 * dies, however it dies, so a killed server never blocks the next start (a pid file could).
 * @module
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from './errors.ts';

/** Takes the lock; the function it returns gives it back. Throws ConfigError DATA_DIR_IN_USE. */
export function lockDataDir(dataDir: string): () => void {
  const database = new DatabaseSync(join(dataDir, 'lock.sqlite'));
  try {
    database.exec('PRAGMA busy_timeout = 500');
    database.exec('PRAGMA journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new ConfigError(
      'DATA_DIR_IN_USE',
      `another server uses the data directory ${dataDir}: stop it, or choose another with --data or VELUM_DATA_DIR`,
      { cause },
    );
  }
  return () => database.close();
}
