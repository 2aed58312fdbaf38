import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ModelUser, type Rig, startRig, TINY_RESULT, TINY_ROW, User } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

export function tenantSuite(fresh: FreshDatabase): void {
  describe('tenants', () => {
    let rig: Rig;
    before(async () => {
      rig = await startRig(await fresh());
    });
    after(() => rig.close());

    test('what one has is 404 for every other, the owner of the model included', async () => {
      const owner = await User.signUp(rig.api);
      const alice = await User.signUp(rig.api);
      const mallory = await User.signUp(rig.api);
      const url = await owner.deploy('shared-model');

      const a = await ModelUser.enrol(alice, url);
      await a.uploadRows('mine', [TINY_ROW]);
      const job = await a.start('mine');
      await a.waitFor(job, ['Completed']);
      const result = await alice.call('GET', `${job}get_results`);
      const [[value]] = await a.keys.decrypt(result.bytes);
      assert.ok(Math.abs(value - TINY_RESULT) < 1e-4);

      for (const stranger of [owner, mallory]) {
        for (const [method, path, code] of [
          ['GET', `${job}check_status`, 'JOB_NOT_FOUND'],
          ['GET', `${job}get_results`, 'JOB_NOT_FOUND'],
          ['GET', job, 'JOB_NOT_FOUND'],
          ['DELETE', job, 'JOB_NOT_FOUND'],
          ['GET', `${url}get_profile`, 'NOT_REGISTERED'],
          ['GET', `${url}get_enc_key`, 'NOT_REGISTERED'],
          ['GET', `${url}get_enc_seed`, 'NOT_REGISTERED'],
          ['GET', `${url}get_iop`, 'NOT_REGISTERED'],
          ['POST', `${url}predict/mine`, 'NOT_REGISTERED'],
          ['POST', `${url}mine/upload/data_url`, 'NOT_REGISTERED'],
          ['POST', `${url}upload/public_key_url`, 'NOT_REGISTERED'],
          ['DELETE', `${url}application/unregister_user`, 'NOT_REGISTERED'],
        ]) {
          const answer = await stranger.call(method, path, { any: true });
          assert.equal(answer.status, 404, `${method} ${path}`);
          assert.equal(answer.json.code, code, `${method} ${path}`);
        }
        assert.deepEqual((await stranger.call('GET', '/jobs')).json.jobs, []);
      }

      // Registered as well, a second user still sees only what is their own.
      const m = await ModelUser.enrol(mallory, url);
      assert.equal(
        (await mallory.call('POST', `${url}predict/mine`, { any: true })).json.code,
        'DATA_NOT_FOUND',
      );
      assert.notDeepEqual(
        (await mallory.call('GET', `${url}get_enc_key`)).bytes,
        (await alice.call('GET', `${url}get_enc_key`)).bytes,
      );
      await m.uploadRows('mine', [[0, 0, 0, 0]]);
      const again = await alice.call('POST', `${url}predict/mine`);
      const [[unchanged]] = await a.keys.decrypt(again.bytes);
      assert.ok(Math.abs(unchanged - TINY_RESULT) < 1e-4, 'data of the same name does not mix');

      // Undeploying somebody else's model is undeploying one's own that does not exist.
      const undeploy = await mallory.call('DELETE', '/shared-model/v1/undeploy_model', { any: true });
      assert.equal(undeploy.json.code, 'MODEL_NOT_FOUND');
      assert.equal((await mallory.call('GET', '/models/shared-model/v1', { any: true })).status, 404);
      assert.equal((await owner.call('GET', '/models/shared-model/v1')).json.users, 2);

      const usage = (await owner.call('GET', '/usage')).json;
      assert.deepEqual(usage.used, []);
      assert.equal(usage.owned[0].predictions, 2);
      assert.ok(!JSON.stringify(usage).includes(alice.id), 'owners see counts, not people');
    });

    test('two owners may use the same name and version', async () => {
      const one = await User.signUp(rig.api);
      const two = await User.signUp(rig.api);
      const first = await one.deploy('same');
      const second = await two.deploy('same');
      assert.notEqual(first, second);
      const conflict = await one.call('POST', '/same/v1/deploy_model', { any: true });
      assert.equal(conflict.json.code, 'MODEL_EXISTS');
      await two.call('DELETE', '/same/v1/undeploy_model');
      assert.equal((await one.call('GET', '/models')).json.models.length, 1);
      assert.equal(await two.deploy('same'), second, 'free again after undeploy');
    });

    test('a made-up or misplaced job address is 404', async () => {
      const owner = await User.signUp(rig.api);
      const user = await User.signUp(rig.api);
      const a = await ModelUser.enrol(user, await owner.deploy('m'));
      await a.uploadRows('d', [TINY_ROW]);
      const job = await a.start('d');
      await a.waitFor(job, ['Completed']);
      const id = job.split('/').at(-2) as string;
      for (const path of [
        `/${user.serviceId}/${id}/check_status`,
        `/${owner.serviceId}/00000000-0000-4000-8000-000000000000/check_status`,
        `/x/y/check_status`,
        `/${owner.serviceId}/${'a'.repeat(150)}/check_status`,
      ]) {
        const answer = await user.call('GET', path, { any: true });
        assert.equal(answer.status, 404, path);
      }
    });
  });
}
