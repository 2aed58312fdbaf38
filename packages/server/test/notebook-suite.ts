import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importModel, predictPlain, readSamples } from '@velum/compiler';
import { openWire, sealWire } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys, parseProfile } from '@velum/runtime';
import { put, type Rig, request, startRig, TINY_MODEL, TINY_ROW, User } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

const SHARED = fileURLToPath(
  new URL('../../../../shared/data/he4cloud/lr_fraud_inference/', import.meta.url),
);

/** The fraud model of the notebook, or the tiny one where the shared data is absent. */
async function notebookFiles() {
  if (!existsSync(SHARED)) {
    return { model: JSON.stringify(TINY_MODEL), requirements: '{"setContext":"seal"}', rows: [TINY_ROW] };
  }
  const samples = { name: 'x.h5', bytes: new Uint8Array(readFileSync(`${SHARED}x_test_short.h5`)) };
  return {
    model: readFileSync(`${SHARED}model.json`, 'utf8'),
    requirements: readFileSync(`${SHARED}requirements`, 'utf8'),
    rows: (await readSamples(samples)).rows,
  };
}

export function notebookSuite(fresh: FreshDatabase): void {
  describe('notebook', () => {
    let rig: Rig;
    before(async () => {
      rig = await startRig(await fresh());
    });
    after(() => rig.close());

    test('notebook: every step in order', async () => {
      const { model, requirements, rows } = await notebookFiles();
      // 1, 2: sign up, token and URL.
      const owner = await User.signUp(rig.api);
      const headers = { authorization: `Bearer ${owner.token}` };
      const post = (url: string, extra: object = {}) => request('POST', url, { headers, ...extra });
      const get = (url: string) => request('GET', url, { headers });

      // 3: version.
      const version = (await get(`${rig.api}/info/version`)).json;
      assert.equal(typeof version['pyhelayers version'], 'string');
      assert.equal(version['server version'], 'v0.1');
      assert.equal((await request('GET', `${rig.api}/info/version`)).json.wire, 1);

      // 4: deploy, as requests_toolbelt encodes it: composite twice, octet-stream parts, respond-async.
      const boundary = '3f2a51b2c6e04a5b';
      const part = (name: string, content: string, file?: string) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file ? `; filename="${file}"\r\nContent-Type: application/octet-stream` : ''}\r\n\r\n${content}\r\n`;
      const body = `${part('model_file_1', model, 'lr_fraud_inference/model.json')}${part('composite', 'NONE')}${part('model_requirements', requirements, 'lr_fraud_inference/requirements')}${part('composite', 'NONE')}--${boundary}--\r\n`;
      const deployed = await request('POST', `${rig.api}/my_lr_fraud_model_inference/v2/deploy_model`, {
        headers: {
          ...headers,
          prefer: 'respond-async',
          'content-type': `multipart/form-data; boundary=${boundary}`,
        },
        body,
      });
      assert.equal(deployed.status, 200, deployed.text);
      const modelUrl = deployed.text;
      assert.equal(modelUrl, `${rig.api}/${owner.serviceId}/my_lr_fraud_model_inference/v2/`);

      // 5: register, profile.
      const registered = await post(`${modelUrl}application/register_user`);
      assert.equal(registered.text, `${owner.id} was registered as for service ${owner.serviceId}. \n`);
      assert.equal((await post(`${modelUrl}application/register_user`)).status, 200, 'idempotent');
      const profileUuid = (await post(`${modelUrl}add_profile`)).text;
      assert.match(profileUuid, /^[0-9a-f-]{36}$/);
      const profileAnswer = (await get(`${modelUrl}get_profile`)).json;
      const { he4cloud, ...profileJson } = profileAnswer;
      assert.equal(he4cloud.he_conf_req.security_level, '128');
      const profile = parseProfile(profileJson);

      // 6: keys. 7: upload them.
      const keys = ClientKeys.generate(await loadKernels(), profile);
      const upload = async (path: string, bytes: Uint8Array) => {
        const link = await post(modelUrl + path);
        assert.equal(link.status, 200, link.text);
        const answer = await put(link.text, bytes);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.bytes.length, 0);
      };
      const publicKey = await keys.publicKey();
      await upload('upload/evaluation_key_url', await keys.evaluationKey());
      await upload('upload/public_key_url', publicKey);
      const wrapped = await sealWire('wrapped-secret', profile.id, new Uint8Array(200).fill(7));
      await upload('upload/encryption_seed_url', wrapped);
      const iop = await get(`${modelUrl}get_iop`);
      const fromIop = await openWire(iop.bytes, { kind: 'io-encoder', profileId: profile.id });
      assert.equal(parseProfile(JSON.parse(new TextDecoder().decode(fromIop))).id, profile.id);

      // 8: encrypt.
      assert.deepEqual((await get(`${modelUrl}get_enc_key`)).bytes, new Uint8Array(publicKey));
      const input = await keys.encrypt(rows.slice(0, 1));

      // 9: upload the data.
      const data = (await post(`${modelUrl}my_data/upload/data_url`)).json;
      assert.deepEqual(data.trainDataUrl, []);
      assert.equal((await put(data.predictDataUrl, input)).status, 200);

      // 10: predict, waiting and not.
      const sync = await post(`${modelUrl}predict/my_data`);
      assert.equal(sync.status, 200, sync.text);
      assert.match(sync.headers.get('server-timing') ?? '', /^compute;dur=[\d.]+, queue;dur=\d+$/);
      const job = await post(`${modelUrl}predict/my_data?sync=False`);
      assert.match(job.text, new RegExp(`^${rig.api}/${owner.serviceId}/[0-9a-f-]{36}/$`));
      let status = 'Running';
      while (status === 'Running') status = (await get(`${job.text}check_status`)).text;
      assert.equal(status, 'Completed');
      const results = await get(`${job.text}get_results`);

      // 11: decrypt.
      assert.deepEqual((await get(`${modelUrl}get_enc_seed`)).bytes, new Uint8Array(wrapped));
      const wanted = predictPlain(
        await importModel([{ name: 'model.json', bytes: new TextEncoder().encode(model) }]),
        rows[0],
      );
      for (const result of [sync.bytes, results.bytes]) {
        const [values] = await keys.decrypt(result);
        assert.ok(Math.abs(values[0] - wanted[0]) < 1e-4, `${values[0]} and ${wanted[0]}`);
      }

      // 12, 13: unregister, undeploy.
      const left = await request('DELETE', `${modelUrl}application/unregister_user`, { headers });
      assert.equal(left.text, 'Unregistered user');
      const gone = await request('DELETE', `${rig.api}/my_lr_fraud_model_inference/v2/undeploy_model`, {
        headers,
      });
      assert.equal(gone.text, 'Success');
      assert.equal((await get(`${modelUrl}get_profile`)).json.code, 'MODEL_NOT_FOUND');
    });

    test('notebook of 2022: model_json and model_type, batchSize in add_profile, a bare data link', async () => {
      const user = await User.signUp(rig.api);
      const form = new FormData();
      form.append('model_json', new Blob([JSON.stringify(TINY_MODEL)]), 'model.json');
      form.append('model_type', new Blob(['Logistic Regression']), 'model.type');
      form.append('composite', 'NONE');
      const modelUrl = (await user.call('POST', '/old/1.0/deploy_model', { body: form })).text;
      await user.call('POST', `${modelUrl}application/register_user/`);
      const add = await user.call('POST', `${modelUrl}add_profile`, {
        body: new TextEncoder().encode('{"batchSize": 16}'),
      });
      assert.match(add.text, /^[0-9a-f-]{36}$/);
      const profile = (await user.call('GET', `${modelUrl}get_profile/`)).json;
      assert.equal(profile.batchSize, 16);
      assert.equal(profile.he4cloud.optimal_batch_size, '16');
      const link = await user.call('POST', `${modelUrl}my_data/upload/data_url`, {
        headers: { accept: 'text/plain' },
      });
      assert.match(link.text, /^http:.*\/blobs\/.*signature=/);
    });
  });
}
