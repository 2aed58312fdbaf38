import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Db, openDatabase } from '../src/db/open.ts';
import { jobRows } from '../src/jobs/prediction-work.ts';
import type { Job, WorkRows } from '../src/jobs/rows.ts';
import { temporaryDirectory } from './rig.ts';
import { account } from './schema-suite.ts';
import type { FreshDatabase } from './suites.ts';

export function jobStateSuite(fresh: FreshDatabase): void {
  describe('job states', () => {
    let db: Db;
    let rows: WorkRows<'jobs'>;
    let dataDir: string;

    before(async () => {
      dataDir = await temporaryDirectory();
      db = await openDatabase({ dataDir, ...(await fresh()) });
      rows = jobRows(db, 60_000);
      await db.insertInto('accounts').values(account('owner')).execute();
      await db
        .insertInto('models')
        .values({
          id: 'model',
          owner_id: 'owner',
          name: 'm',
          version: 'v',
          source: 's',
          inputs: 1,
          outputs: 1,
          files: '[]',
          created_at: 0,
        })
        .execute();
      await db
        .insertInto('enrolments')
        .values({
          id: 'enrolment',
          model_id: 'model',
          account_id: 'owner',
          created_at: 0,
          profile_uuid: null,
          variant_id: null,
          profile_at: null,
        })
        .execute();
    });
    after(async () => {
      await db.destroy();
      await rm(dataDir, { recursive: true });
    });

    async function queued(over: Partial<Job> = {}): Promise<string> {
      const id = randomUUID();
      await db
        .insertInto('jobs')
        .values({
          id,
          account_id: 'owner',
          enrolment_id: 'enrolment',
          profile_id: 'p',
          model_name: 'm',
          model_version: 'v',
          owner_id: 'owner',
          data_name: 'd',
          state: 'Queued',
          lease_owner: 'me',
          lease_until: Date.now() + 60_000,
          plan_blob: '1',
          public_blob: '2',
          evaluation_blob: '3',
          input_blob: '4',
          bytes_in: 10,
          queued_at: Date.now(),
          ...over,
        })
        .execute();
      return id;
    }

    test('of many who claim, one gets the job', async () => {
      const id = await queued();
      const claims = await Promise.all(Array.from({ length: 8 }, () => rows.claim(id, 'me')));
      const won = claims.filter((claim) => claim !== undefined);
      assert.equal(won.length, 1);
      assert.equal(won[0].state, 'Running');
      assert.equal(won[0].attempts, 1);
    });

    test('finish counts usage once and only for the attempt that runs', async () => {
      const id = await queued();
      const first = (await rows.claim(id, 'me')) as Job;
      assert.equal(await rows.requeue(first, true), true);
      const second = (await rows.claim(id, 'me')) as Job;
      assert.equal(second.attempts, 2);
      const outcome = {
        state: 'Completed',
        resultBlob: 'r',
        bytesOut: 7,
        computeMs: 1.5,
        retentionDays: 1,
      } as const;
      assert.equal(await rows.finish(first, outcome), false);
      assert.equal(await rows.finish(second, outcome), true);
      assert.equal(await rows.finish(second, outcome), false);
      const usage = await db.selectFrom('usage').selectAll().execute();
      assert.equal(usage.length, 1);
      assert.deepEqual(
        [usage[0].predictions, usage[0].failures, usage[0].compute_ms, usage[0].bytes_in, usage[0].bytes_out],
        [1, 0, 1.5, 10, 7],
      );
      const third = (await rows.claim(await queued(), 'me')) as Job;
      await rows.finish(third, { state: 'Failed', reasonCode: 'X', reason: 'x', retentionDays: 1 });
      const counted = await db.selectFrom('usage').selectAll().executeTakeFirstOrThrow();
      assert.deepEqual([counted.predictions, counted.failures, counted.bytes_in], [1, 1, 20]);
    });

    test('cancel and finish race, one wins; a cancelled job is not claimed', async () => {
      const id = await queued();
      const job = (await rows.claim(id, 'me')) as Job;
      const [cancelled, finished] = await Promise.all([
        rows.cancel(id, 1),
        rows.finish(job, { state: 'Completed', retentionDays: 1 }),
      ]);
      assert.notEqual(cancelled, finished);
      const other = await queued();
      assert.equal(await rows.cancel(other, 1), true);
      assert.equal(await rows.cancel(other, 1), false);
      assert.equal(await rows.claim(other, 'me'), undefined);
    });

    test('recovery takes own jobs at start and others only when their lease has ended', async () => {
      await db.deleteFrom('jobs').execute();
      const mine = await queued({ queued_at: 1, lease_until: 9e15 });
      const running = await queued({ queued_at: 2 });
      await rows.claim(running, 'me');
      const alive = await queued({ lease_owner: 'other', queued_at: 3 });
      const dead = await queued({ lease_owner: 'other', lease_until: Date.now() - 1, queued_at: 4 });
      const ids = async (atStart: boolean) => (await rows.abandoned('me', atStart)).map((job) => job.id);
      assert.deepEqual(await ids(true), [mine, running, dead]);
      assert.deepEqual(await ids(false), [dead]);
      for (const job of await rows.abandoned('me', true)) {
        assert.equal(await rows.adopt(job, 'me'), true);
        const [first, second] = await Promise.all([rows.adopt(job, 'x'), rows.find(job.id)]);
        assert.equal(first, false, 'what another process has taken since the look is left alone');
        assert.equal(second?.state, 'Queued');
      }
      assert.equal((await rows.find(running))?.attempts, 0, 'the attempt is not held against the job');
      assert.equal((await rows.find(alive))?.lease_owner, 'other');
      const orphan = await queued({ lease_owner: 'other', queued_at: 5 });
      await rows.claim(orphan, 'other');
      await db.updateTable('jobs').set({ lease_until: 0 }).where('id', '=', orphan).execute();
      const [vanished] = await rows.abandoned('me', false);
      assert.equal(await rows.adopt(vanished, 'me'), true);
      assert.equal((await rows.find(orphan))?.attempts, 1, 'a process that vanished counts');
      assert.deepEqual(await rows.queuedIds('me'), [mine, running, dead, orphan]);
      assert.equal(await rows.queuedCount(), 5);
    });
  });
}
