/**
 * What holds on every database: registered once for SQLite and once for Postgres.
 * @module
 */
import { accountSuite } from './account-suite.ts';
import { jobStateSuite } from './job-state-suite.ts';
import { notebookSuite } from './notebook-suite.ts';
import { programSuite } from './program-suite.ts';
import { recoverySuite } from './recovery-suite.ts';
import { removalSuite } from './removal-suite.ts';
import { schemaSuite } from './schema-suite.ts';
import { tenantSuite } from './tenant-suite.ts';

/** Gives the options for a fresh, empty database; `{}` for SQLite in the data directory. */
export type FreshDatabase = () => Promise<{ databaseUrl?: string }>;

export function databaseSuites(fresh: FreshDatabase): void {
  schemaSuite(fresh);
  jobStateSuite(fresh);
  accountSuite(fresh);
  notebookSuite(fresh);
  tenantSuite(fresh);
  removalSuite(fresh);
  recoverySuite(fresh);
  programSuite(fresh);
}
