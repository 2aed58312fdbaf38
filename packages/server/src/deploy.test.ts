/** Deploying what is not right: coded, explained, nothing kept. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { blobKeys, deployForm, ModelUser, type Rig, startRig, TINY_MODEL, User } from '../test/rig.ts';

let rig: Rig;
let owner: User;

before(async () => {
  rig = await startRig({ limits: { modelBytes: 200_000 } });
  owner = await User.signUp(rig.api);
});
after(() => rig.close());

async function refused(body: BodyInit | undefined, code: string, headers?: Record<string, string>) {
  const answer = await owner.call('POST', '/bad/v1/deploy_model', { any: true, body, headers });
  assert.equal(answer.json?.code, code, answer.text);
  assert.deepEqual(await blobKeys(rig), []);
  assert.deepEqual((await owner.call('GET', '/models')).json.models, []);
  return answer;
}

const form = (parts: Record<string, string | Uint8Array>) => {
  const data = new FormData();
  for (const [name, value] of Object.entries(parts)) {
    data.append(name, new Blob([value as Uint8Array<ArrayBuffer>]), name);
  }
  return data;
};

test('files that are no model: what each importer found', async () => {
  for (const content of ['{"hello": 1}', 'no json', '\u0080\u0004\u0095 pickle', '[[[[', '{"coef_": "x"}']) {
    const answer = await owner.call('POST', '/bad/v1/deploy_model', { any: true, body: deployForm(content) });
    assert.equal(answer.status, 422, answer.text);
    if (answer.json.code === 'MODEL_UNRECOGNISED') {
      assert.ok(answer.json.findings.length >= 3);
      for (const { importer, reason } of answer.json.findings) assert.ok(importer && reason);
    } else {
      assert.equal(answer.json.code, 'MODEL_REFUSED');
      assert.match(answer.json.reason.code, /^[A-Z_]+$/);
    }
  }
  assert.equal((await refused(deployForm('{"hello": 1}'), 'MODEL_UNRECOGNISED')).status, 422);
});

test('forms that are not right', async () => {
  await refused(undefined, 'MODEL_MISSING');
  await refused('{}', 'MEDIA_TYPE_UNSUPPORTED', { 'content-type': 'application/json' });
  await refused(form({ model_requirements: '{}' }), 'MODEL_MISSING');
  await refused(form({ model_file_1: '' }), 'MODEL_MISSING');
  await refused(form({ model_file_1: '{}', model_file_9: '{}' }), 'PART_UNKNOWN');
  await refused(form({ model_file_1: new Uint8Array(200_001) }), 'BODY_TOO_LARGE');
  const composite = deployForm(TINY_MODEL);
  composite.set('composite', 'a,b');
  await refused(composite, 'COMPOSITE_UNSUPPORTED');
  await refused('--x\r\nbroken', 'REQUEST_INVALID', { 'content-type': 'multipart/form-data; boundary=x' });
  await refused('no boundary', 'REQUEST_INVALID', { 'content-type': 'multipart/form-data' });
  await refused(deployForm(TINY_MODEL, { model_requirements: 'not json' }), 'MODEL_REFUSED');
});

test('names that are not allowed', async () => {
  for (const name of ['a b', 'a%2Fb', '...', 'x'.repeat(65), 'ä', '%00']) {
    const answer = await owner.call('POST', `/${name}/v1/deploy_model`, { any: true });
    assert.equal(answer.json.code, 'NAME_INVALID', name);
  }
});

test('JSON when asked for; requirements and hyperparams are used', async () => {
  const body = deployForm(TINY_MODEL, {
    model_requirements: { setContext: 'seal', batchSize: 32 },
    model_hyperparams: {
      featureRanges: [
        [-1, 1],
        [-1, 1],
        [-1, 1],
        [-1, 1],
      ],
    },
  });
  const answer = await owner.call('POST', '/good/1.0/deploy_model', {
    body,
    headers: { accept: 'application/json' },
  });
  assert.match(answer.json.model_url, /\/good\/1\.0\/$/);
  assert.equal(answer.json.profile.batchSize, 32);
  assert.deepEqual(answer.json.profile.input.ranges?.[0], [-1, 1]);
  const looked = (await owner.call('GET', '/models/good/1.0')).json;
  assert.equal(looked.model_url, answer.json.model_url);
  assert.equal(looked.source, 'sklearn-logistic');
  assert.equal(looked.inputs, 4);

  const bad = async (body: string) => {
    const add = await owner.call('POST', `${looked.model_url}add_profile`, { any: true, body });
    assert.equal(add.json.code, 'PROFILE_OPTIONS_INVALID', body);
  };
  await owner.call('POST', `${looked.model_url}application/register_user`);
  for (const body of [
    '{"batchSize":0}',
    '{"batchSize":1.5}',
    '{"batchSize":1e9}',
    '{"activation":"x"}',
    '[]',
    '{',
  ]) {
    await bad(body);
  }
  const user = await ModelUser.enrol(owner, looked.model_url, { batchSize: '8', unknown: true });
  assert.equal(user.profile.batchSize, 8);
  await owner.call('DELETE', '/good/1.0/undeploy_model');
});
