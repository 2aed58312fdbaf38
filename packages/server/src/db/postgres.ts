/**
 * Kysely on Postgres through `pg`, an optional peer: loaded only when a database URL is configured.
 * @module
 */
import { type Dialect, PostgresDialect } from 'kysely';
import { ConfigError } from '../errors.ts';

/** OIDs of int8 and numeric: `pg` gives them as strings; ours are counts and milliseconds below 2^53. */
const NUMERIC_TYPES = new Set([20, 1700]);

export async function postgresDialect(url: string): Promise<Dialect> {
  const pg = await import('pg').catch((cause: unknown) => {
    throw new ConfigError(
      'POSTGRES_DRIVER_MISSING',
      'databaseUrl is set but the package "pg" is not installed: run `npm install pg`, or unset VELUM_DATABASE_URL to use SQLite',
      { cause },
    );
  });
  const { Pool, types } = pg.default;
  const getTypeParser: typeof types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    NUMERIC_TYPES.has(oid) ? (Number as never) : types.getTypeParser(oid, format as 'text');
  const pool = new Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 10_000,
    types: { getTypeParser },
  });
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on('error', () => {});
  return new PostgresDialect({ pool });
}
