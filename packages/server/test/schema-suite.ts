import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { isForeignKeyViolation, isUniqueViolation, openDatabase } from '../src/db/open.ts';
import { temporaryDirectory } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

export const account = (id: string = randomUUID()) => ({
  id,
  service_id: randomUUID(),
  username: id,
  username_key: id,
  email: id,
  email_key: id,
  password: 'x',
  created_at: 1_790_000_000_000,
});

export function schemaSuite(fresh: FreshDatabase): void {
  describe('schema', () => {
    test('opening twice migrates once; big integers come back as numbers', async () => {
      const dataDir = await temporaryDirectory();
      const options = { dataDir, ...(await fresh()) };
      const first = await openDatabase(options);
      await first.insertInto('accounts').values(account('a')).execute();
      await first.destroy();
      const second = await openDatabase(options);
      const row = await second.selectFrom('accounts').selectAll().executeTakeFirstOrThrow();
      assert.equal(row.created_at, 1_790_000_000_000);
      assert.equal(row.username, 'a');
      await second.destroy();
      await rm(dataDir, { recursive: true });
    });

    test('constraint violations are told apart', async () => {
      const dataDir = await temporaryDirectory();
      const db = await openDatabase({ dataDir, ...(await fresh()) });
      await db.insertInto('accounts').values(account('a')).execute();
      const twice = await db
        .insertInto('accounts')
        .values(account('a'))
        .execute()
        .catch((error: unknown) => error);
      assert.equal(isUniqueViolation(twice), true);
      const dangling = await db
        .insertInto('tokens')
        .values({
          id: 't',
          account_id: 'nobody',
          name: '',
          kind: 'named',
          prefix: '',
          sha256: '',
          created_at: 0,
          last_used_at: null,
          expires_at: null,
        })
        .execute()
        .catch((error: unknown) => error);
      assert.equal(isForeignKeyViolation(dangling), true);
      assert.equal(isUniqueViolation(dangling), false);
      await db.destroy();
      await rm(dataDir, { recursive: true });
    });

    test('a transaction that throws leaves nothing, and others wait for it', async () => {
      const dataDir = await temporaryDirectory();
      const db = await openDatabase({ dataDir, ...(await fresh()) });
      const failing = db.transaction().execute(async (tx) => {
        await tx.insertInto('accounts').values(account('lost')).execute();
        await new Promise((go) => setTimeout(go, 20));
        throw new Error('no');
      });
      const other = db.insertInto('accounts').values(account('kept')).execute();
      await assert.rejects(failing, /no/);
      await other;
      const names = await db.selectFrom('accounts').select('username').execute();
      assert.deepEqual(
        names.map((row) => row.username),
        ['kept'],
      );
      await db.destroy();
      await rm(dataDir, { recursive: true });
    });
  });
}
