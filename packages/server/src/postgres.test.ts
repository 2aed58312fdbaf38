import { after, test } from 'node:test';
import { startPostgres } from '../test/postgres.ts';
import { databaseSuites } from '../test/suites.ts';

const postgres = await startPostgres();

if (typeof postgres === 'string') {
  test('Postgres', (t) => t.diagnostic(postgres));
} else {
  after(() => postgres.stop());
  databaseSuites(async () => ({ databaseUrl: await postgres.database() }));
}
