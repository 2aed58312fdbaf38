import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { programNamed } from '@velum/programs';
import { expire } from '../src/models/maintenance.ts';
import { manyWeights, ProgramUser } from './program-rig.ts';
import { blobKeys, startRig, temporaryDirectory, until } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

export function programSuite(fresh: FreshDatabase): void {
  describe('programs', () => {
    const weights = programNamed('weight_stats');
    const ads = programNamed('ad_targeting');

    test('keys, tasks and results outlive a restart; then they are cancelled, expire and are deleted', async () => {
      const dataDir = await temporaryDirectory();
      const database = await fresh();
      const rig = await startRig({ dataDir, ...database });
      const user = await ProgramUser.local(rig.url);
      const uid = await user.addKey();
      const done = await user.start('weight_stats', manyWeights(2), uid);
      await user.waitFor(done, ['success']);
      const bytes = user.encode('ad_targeting', ads.sample());
      const once = { 'idempotency-key': 'k' };
      const twins = await Promise.all(
        [0, 1].map(() => user.tryStart('ad_targeting', bytes, undefined, once)),
      );
      assert.equal(new Set(twins.map(({ json }) => json.task_id)).size, 1);
      await user.waitFor(twins[0].json, ['success']);
      // Stopped, the worker holds the first as long as we like.
      const pid = await until(() => rig.services.pool.idle === 1 && rig.services.pool.pids[0], 'a worker');
      process.kill(pid, 'SIGSTOP');
      const waiting = [];
      for (const count of [3, 2, 2]) waiting.push(await user.start('weight_stats', manyWeights(count), uid));
      await user.waitFor(waiting[0], ['started']);
      assert.equal((await user.status(waiting[2])).rank, 2);
      // An open stream of events does not hold the server.
      const events = fetch(`${rig.url}/get_task_events?task_id=${waiting[0].task_id}`).then((r) => r.text());
      await new Promise((go) => setTimeout(go, 100));
      await rig.close();
      assert.match(await events, /^retry: \d+\n\nevent: started\n/);

      const again = await startRig({ dataDir, ...database });
      const back = await ProgramUser.local(again.url);
      assert.deepEqual(await back.decode('weight_stats', done), weights.clear(manyWeights(2)));
      for (const [i, task] of waiting.entries()) {
        const status = await back.waitFor(task, ['success', 'failure']);
        assert.deepEqual([status.status, status.attempts], ['success', 1]);
        assert.deepEqual(await back.decode('weight_stats', task), weights.clear(manyWeights([3, 2, 2][i])));
      }
      assert.equal(await back.addKey(), uid, 'the key is still there');
      const long = await back.start('weight_stats', manyWeights(100), uid);
      await back.waitFor(long, ['started']);
      assert.equal((await back.call('POST', `/cancel_task?task_id=${long.task_id}`)).json.status, 'revoked');
      assert.deepEqual((await back.ok('GET', '/list_current_tasks')).json, []);
      const { db } = again.services;
      await db
        .updateTable('tasks')
        .set({ expires_at: Date.now() - 1 })
        .execute();
      await db
        .updateTable('program_keys')
        .set({ expires_at: Date.now() - 1 })
        .execute();
      await expire(again.services);
      assert.equal((await back.result(done)).json.code, 'RESULT_EXPIRED');
      assert.match((await back.status(done)).details, /has expired/);
      assert.deepEqual(await blobKeys(again), []);
      await expire(again.services, Date.now() + 8 * 86_400_000);
      assert.equal((await back.status(done)).status, 'unknown');
      await again.close();
      await rm(dataDir, { recursive: true, force: true });
    });
  });
}
