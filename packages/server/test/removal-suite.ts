import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { expire, sweepOrphans } from '../src/models/maintenance.ts';
import { blobKeys, jsonBody, ModelUser, PASSWORD, type Rig, startRig, TINY_ROW, User } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

export function removalSuite(fresh: FreshDatabase): void {
  describe('removal', () => {
    let rig: Rig;
    before(async () => {
      rig = await startRig(await fresh());
    });
    after(() => rig.close());

    async function userWithResult(url: string): Promise<ModelUser> {
      const user = await ModelUser.enrol(await User.signUp(rig.api), url);
      await user.uploadRows('d', [TINY_ROW]);
      await user.waitFor(await user.start('d'), ['Completed']);
      return user;
    }

    test('unregister deletes keys, data, jobs and results of that user and model, and nothing else', async () => {
      const owner = await User.signUp(rig.api);
      const url = await owner.deploy('unregister');
      const before = await blobKeys(rig);
      const leaving = await userWithResult(url);
      const between = await blobKeys(rig);
      assert.equal(between.length, before.length + 4, 'two keys, an input and a result');
      const staying = await userWithResult(url);
      await leaving.user.call('DELETE', `${url}application/unregister_user`);
      const left = await blobKeys(rig);
      assert.equal(left.length, before.length + 4);
      assert.ok(between.filter((key) => !before.includes(key)).every((key) => !left.includes(key)));
      assert.deepEqual((await leaving.user.call('GET', '/jobs')).json.jobs, []);
      assert.equal((await staying.user.call('POST', `${url}predict/d`)).status, 200);
      await leaving.user.call('POST', `${url}application/register_user`);
      const fresh = await leaving.user.call('GET', `${url}get_enc_key`, { any: true });
      assert.equal(fresh.json.code, 'PROFILE_MISSING', 'coming back starts from nothing');
      await owner.call('DELETE', '/unregister/v1/undeploy_model');
    });

    test('undeploy deletes everything of the model for every user', async () => {
      const owner = await User.signUp(rig.api);
      const before = await blobKeys(rig);
      const url = await owner.deploy('undeploy');
      const one = await userWithResult(url);
      await ModelUser.enrol(await User.signUp(rig.api), url, { batchSize: 8 });
      assert.ok((await blobKeys(rig)).length >= before.length + 4 + 2 + 3);
      await owner.call('DELETE', '/undeploy/v1/undeploy_model');
      assert.deepEqual(await blobKeys(rig), before);
      for (const table of ['enrolments', 'objects', 'uploads', 'jobs', 'variants'] as const) {
        const { count } = await rig.services.db
          .selectFrom(table)
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        assert.equal(Number(count), 0, table);
      }
      assert.equal(
        (await one.user.call('GET', `${url}get_profile`, { any: true })).json.code,
        'MODEL_NOT_FOUND',
      );
    });

    test('a new profile deletes keys and data of the old one, and its unused plan', async () => {
      const owner = await User.signUp(rig.api);
      const url = await owner.deploy('profiles');
      const before = await blobKeys(rig);
      const user = await ModelUser.enrol(await User.signUp(rig.api), url, { batchSize: 4 });
      await user.uploadRows('d', [TINY_ROW]);
      const link = await user.link('d/upload/data_url');
      await user.user.call('POST', `${url}add_profile`, { body: '{}' });
      assert.deepEqual(await blobKeys(rig), before);
      const predict = await user.user.call('POST', `${url}predict/d`, { any: true });
      assert.equal(predict.json.code, 'KEYS_MISSING');
      const late = await fetch(link, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: new Uint8Array(100),
      });
      assert.equal(((await late.json()) as { code: string }).code, 'LINK_INVALID');
      await owner.call('DELETE', '/profiles/v1/undeploy_model');
    });

    test('replacing data deletes the old blob; a running job would keep it', async () => {
      const owner = await User.signUp(rig.api);
      const url = await owner.deploy('replace');
      const user = await ModelUser.enrol(owner, url);
      await user.uploadRows('d', [TINY_ROW]);
      const once = await blobKeys(rig);
      await user.uploadRows('d', [TINY_ROW]);
      const twice = await blobKeys(rig);
      assert.equal(twice.length, once.length);
      assert.notDeepEqual(twice, once);
      await owner.call('DELETE', '/replace/v1/undeploy_model');
    });

    test('retention: inputs and results expire, the job row says so', async () => {
      const owner = await User.signUp(rig.api);
      const url = await owner.deploy('expire');
      const user = await ModelUser.enrol(owner, url);
      await user.uploadRows('d', [TINY_ROW]);
      const job = await user.start('d');
      await user.waitFor(job, ['Completed']);
      // The user comes back with a token that outlives the month.
      await rig.services.db.updateTable('tokens').set({ expires_at: null }).execute();
      const day = 86_400_000;
      await expire(rig.services, Date.now() + 29 * day);
      assert.equal((await owner.call('GET', `${job}get_results`)).status, 200);
      await expire(rig.services, Date.now() + 31 * day);
      assert.equal((await owner.call('GET', `${job}get_results`, { any: true })).json.code, 'RESULT_EXPIRED');
      assert.equal((await owner.call('POST', `${url}predict/d`, { any: true })).json.code, 'DATA_NOT_FOUND');
      assert.equal((await owner.call('GET', `${url}get_enc_key`)).status, 200, 'keys stay');
      await owner.call('DELETE', '/expire/v1/undeploy_model');
    });

    test('orphans are swept, what is referred to stays', async () => {
      const owner = await User.signUp(rig.api);
      await userWithResult(await owner.deploy('sweep'));
      const before = await blobKeys(rig);
      const id = '11111111-1111-4111-8111-111111111111';
      for (const area of ['keys', 'inputs', 'results', 'plans', 'models']) {
        await rig.services.blobs.put(`${area}/11/${id}`, [new Uint8Array(3)]);
      }
      assert.equal(await sweepOrphans(rig.services), 5);
      assert.deepEqual(await blobKeys(rig), before);
      await owner.call('DELETE', '/sweep/v1/undeploy_model');
    });

    test('deleting the account takes its models, keys and data along; it needs the password', async () => {
      const before = await blobKeys(rig);
      const owner = await User.signUp(rig.api);
      const url = await owner.deploy('account');
      const user = await userWithResult(url);
      const wrong = await owner.call('DELETE', '/account', {
        any: true,
        ...jsonBody({ password: 'wrong one' }),
      });
      assert.equal(wrong.json.code, 'PASSWORD_WRONG');
      await user.user.call('DELETE', '/account', jsonBody({ password: PASSWORD }));
      assert.equal((await user.user.call('GET', '/account', { any: true })).status, 401);
      await owner.call('DELETE', '/account', jsonBody({ password: PASSWORD }));
      assert.deepEqual(await blobKeys(rig), before);
    });
  });
}
