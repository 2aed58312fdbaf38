/** The program routes where accounts are asked for. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { programNamed } from '@velum/programs';
import { manyWeights, ProgramUser, sharedKeys } from '../test/program-rig.ts';
import { blobKeys, PASSWORD, request, startRig, User } from '../test/rig.ts';
import { expire } from './models/maintenance.ts';

const WEIGHTS = manyWeights(2);
const ADS = programNamed('ad_targeting');

describe('environments staging and prod', () => {
  const behindProxy = { trustProxy: true, publicUrl: 'https://velum.example.org' };

  test('tokens are needed; what belongs to others is not there', async () => {
    const rig = await startRig({ environment: 'staging', ...behindProxy, limits: { activeTasks: 1 } });
    try {
      const { keys } = await sharedKeys();
      assert.equal((await request('GET', `${rig.url}/keys`)).status, 401);
      assert.equal((await request('GET', `${rig.url}/get_use_cases`)).status, 200);
      const [one, two] = await Promise.all(
        [0, 1].map(async () => new ProgramUser(rig.url, keys, (await User.signUp(rig.api)).token)),
      );
      const uid = await one.addKey();
      const pid = rig.services.pool.pids[0];
      process.kill(pid, 'SIGSTOP');
      const task = await one.start('weight_stats', WEIGHTS, uid);
      assert.equal((await two.status(task)).status, 'unknown');
      assert.deepEqual((await two.ok('GET', '/list_current_tasks')).json, []);
      assert.equal((await two.result(task)).json.code, 'TASK_NOT_FOUND');
      assert.equal(
        (await two.call('POST', `/cancel_task?task_id=${task.task_id}`)).json.code,
        'TASK_NOT_FOUND',
      );
      assert.equal((await two.call('GET', `/get_task_events?task_id=${task.task_id}`)).status, 404);
      assert.equal((await two.call('DELETE', `/keys/${uid}`)).json.code, 'SERVER_KEY_NOT_FOUND');
      const stolen = await two.tryStart('weight_stats', two.encode('weight_stats', WEIGHTS), uid);
      assert.equal(stolen.json.code, 'SERVER_KEY_NOT_FOUND');
      const limit = await one.tryStart('weight_stats', one.encode('weight_stats', WEIGHTS), uid);
      assert.deepEqual([limit.json.code, limit.json.quota], ['QUOTA_EXCEEDED', 'activeTasks']);
      process.kill(pid, 'SIGCONT');
      await one.waitFor(task, ['success']);
      await rig.services.db.updateTable('tasks').set({ expires_at: 1 }).execute();
      await expire(rig.services);
      assert.equal((await one.status(task)).status, 'unknown', 'long after, the record goes as well');
      const next = await one.start('ad_targeting', ADS.sample());
      await one.waitFor(next, ['success']);
      await rig.services.db
        .updateTable('tasks')
        .set({ expires_at: Date.now() - 1 })
        .execute();
      await expire(rig.services);
      assert.deepEqual(await one.result(next).then((r) => [r.status, r.json.code]), [410, 'RESULT_EXPIRED']);
    } finally {
      await rig.close();
    }
  });

  test('deleting the account deletes its keys, tasks and results', async () => {
    const rig = await startRig({ environment: 'staging', ...behindProxy });
    try {
      const account = await User.signUp(rig.api);
      const { keys } = await sharedKeys();
      const user = new ProgramUser(rig.url, keys, account.token);
      const uid = await user.addKey();
      await user.waitFor(await user.start('ad_targeting', ADS.sample()), ['success']);
      await user.start('weight_stats', WEIGHTS, uid);
      await account.call('DELETE', '/account', {
        body: JSON.stringify({ password: PASSWORD }),
        headers: { 'content-type': 'application/json' },
      });
      assert.deepEqual(await blobKeys(rig), []);
    } finally {
      await rig.close();
    }
  });

  test('prod says less: no metrics without their token, no worker names', async () => {
    const rig = await startRig({ environment: 'prod', ...behindProxy });
    try {
      assert.equal((await request('GET', `${rig.url}/metrics`)).status, 401);
      const account = await User.signUp(rig.api);
      const user = new ProgramUser(rig.url, (await sharedKeys()).keys, account.token);
      const pid = rig.services.pool.pids[0];
      process.kill(pid, 'SIGSTOP');
      const task = await user.start('ad_targeting', ADS.sample());
      const status = await user.waitFor(task, ['started']);
      assert.equal(status.worker, 'velum');
      process.kill(pid, 'SIGCONT');
      await user.waitFor(task, ['success']);
    } finally {
      await rig.close();
    }
  });
});
