/** Server keys: what is refused, life time, deletion. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MESSAGE_1_CARRY_1, NO_PROFILE, sealWire, TfheClientKey, TINY_2_2, tfheParameters } from '@velum/fhe';
import { file, form, manyWeights, ProgramUser, sharedKeys } from '../test/program-rig.ts';
import { blobKeys, type Rig, startRig, until } from '../test/rig.ts';
import { expire } from './models/maintenance.ts';

let rig: Rig;
let user: ProgramUser;

before(async () => {
  rig = await startRig({ limits: { programKeys: 2 } });
  user = await ProgramUser.local(rig.url);
});
after(() => rig.close());

const upload = (bytes: Uint8Array) => user.call('POST', '/add_key', { body: form({ key: file(bytes) }) });

test('what is no server key is refused as it comes, and nothing is kept', async () => {
  const { keys, kernels, serverKey } = await sharedKeys();
  const flipped = serverKey.slice();
  flipped[flipped.length - 1] ^= 1;
  const header = serverKey.slice();
  header[20] ^= 1;
  const client = keys.client;
  const tiny = TfheClientKey.generate(kernels, tfheParameters(TINY_2_2, { insecure: true }));
  const cases: [Uint8Array, number, string, string?][] = [
    [new Uint8Array(0), 422, 'SERVER_KEY_INVALID', 'TRUNCATED'],
    [
      new TextEncoder().encode('hello, I am no key but long enough to be one'),
      422,
      'SERVER_KEY_INVALID',
      'NOT_TFHE',
    ],
    [serverKey.slice(0, 39), 422, 'SERVER_KEY_INVALID', 'TRUNCATED'],
    [serverKey.slice(0, -1), 422, 'SERVER_KEY_INVALID', 'TRUNCATED'],
    [Buffer.concat([serverKey, Buffer.alloc(1)]), 422, 'SERVER_KEY_INVALID', 'TRAILING_BYTES'],
    [flipped, 422, 'SERVER_KEY_INVALID', 'DAMAGED'],
    [header, 422, 'SERVER_KEY_INVALID', 'DAMAGED'],
    [client.publicKey(), 422, 'SERVER_KEY_INVALID', 'WRONG_KIND'],
    [client.encrypt([1, 2]), 422, 'SERVER_KEY_INVALID', 'WRONG_KIND'],
    [client.toBytes(), 422, 'SECRET_KEY_SENT'],
    [await sealWire('secret', NO_PROFILE, keys.toBytes()), 422, 'SECRET_KEY_SENT'],
    [await sealWire('wrapped-secret', NO_PROFILE, keys.toBytes()), 422, 'SECRET_KEY_SENT'],
    [tiny.serverKey(), 422, 'SERVER_KEY_INVALID', 'PARAMETERS_INSECURE'],
    [new Uint8Array(70 * 2 ** 20).fill(1), 413, 'BODY_TOO_LARGE'],
  ];
  for (const [bytes, status, code, reason] of cases) {
    const answer = await upload(bytes);
    const wanted = [status, code, reason].join();
    const got = [answer.status, answer.json.code, answer.json.reason?.code].join();
    assert.equal(got, wanted);
  }
  const missing = await user.call('POST', '/add_key', { body: form({ other: 'x' }) });
  assert.deepEqual([missing.status, missing.json.code], [422, 'FIELD_MISSING']);
  const sent = await user.tryStart('ad_targeting', await sealWire('secret', NO_PROFILE, keys.toBytes()));
  assert.deepEqual([sent.status, sent.json.code], [422, 'SECRET_KEY_SENT']);
  assert.match(sent.json.hint, /make new keys/);
  const asText = await user.call('POST', '/add_key', { body: form({ key: 'server.key' }) });
  assert.match(asText.json.detail, /-F key=@FILE/);
  assert.deepEqual(await blobKeys(rig), []);
});

test('the same key again is the same uid; a quota bounds the others', async () => {
  const uid = await user.addKey();
  const again = await Promise.all([user.addKey(), user.addKey()]);
  assert.deepEqual(again, [uid, uid]);
  assert.equal((await blobKeys(rig)).length, 1);
  const { kernels, keys } = await sharedKeys();
  assert.equal((await upload(keys.serverKey())).status, 200, 'another key of the same pair');
  const third = TfheClientKey.generate(kernels, tfheParameters(MESSAGE_1_CARRY_1)).serverKey();
  assert.deepEqual(await upload(third).then(({ json }) => [json.code, json.quota]), [
    'QUOTA_EXCEEDED',
    'programKeys',
  ]);
  const listed = (await user.ok('GET', '/keys')).json.keys;
  assert.equal(listed.length, 2);
  assert.ok(listed.every((key: { key_id: string }) => key.key_id === keys.id));
  for (const key of listed) await user.ok('DELETE', `/keys/${key.uid}`);
  assert.deepEqual(await blobKeys(rig), []);
});

test('a key of another parameter set fails the task with a reason, not the worker', async () => {
  const { kernels } = await sharedKeys();
  const other = TfheClientKey.generate(kernels, tfheParameters(MESSAGE_1_CARRY_1));
  const { uid } = (await upload(other.serverKey())).json;
  // As if the input's key id had been forged to fit.
  await rig.services.db
    .updateTable('program_keys')
    .set({ key_id: user.keys.id })
    .where('id', '=', uid)
    .execute();
  const pids = rig.services.pool.pids;
  const task = await user.start('weight_stats', manyWeights(2), uid);
  const status = await user.waitFor(task, ['failure']);
  assert.equal(status.reason.code, 'KEY_MISMATCH');
  const answer = await user.result(task);
  assert.deepEqual(
    [answer.status, answer.json.code, answer.json.reason.code],
    [422, 'TASK_FAILED', 'KEY_MISMATCH'],
  );
  assert.deepEqual(rig.services.pool.pids, pids);
  await user.ok('DELETE', `/keys/${uid}`);
});

test('deleting a key stops what computes with it; its life ends, but not under a running task', async () => {
  const uid = await user.addKey();
  const task = await user.start('weight_stats', manyWeights(60), uid);
  await user.waitFor(task, ['started']);
  await rig.services.db.updateTable('program_keys').set({ expires_at: 1 }).execute();
  await expire(rig.services);
  assert.equal((await blobKeys(rig)).filter((name) => name.startsWith('keys/')).length, 1);
  // Expired all the same for everything new.
  const late = await user.tryStart('weight_stats', user.encode('weight_stats', manyWeights(2)), uid);
  assert.equal(late.json.code, 'SERVER_KEY_NOT_FOUND');
  assert.deepEqual((await user.ok('GET', '/keys')).json.keys, []);
  const deleted = await user.ok('POST', '/delete_key', { body: form({ uid }) });
  assert.deepEqual(deleted.json, { uid, deleted: true, cancelled_tasks: 1 });
  assert.equal((await user.status(task)).status, 'revoked');
  assert.equal((await user.call('DELETE', `/keys/${uid}`)).json.code, 'SERVER_KEY_NOT_FOUND');
  await until(async () => (await blobKeys(rig)).length === 0, 'the store to be empty');

  const second = await user.addKey();
  await rig.services.db.updateTable('program_keys').set({ expires_at: 1 }).where('id', '=', second).execute();
  await expire(rig.services);
  assert.deepEqual(await blobKeys(rig), []);
});

test('an upload that breaks off leaves nothing', async () => {
  const { serverKey } = await sharedKeys();
  const abort = new AbortController();
  async function* half() {
    yield Buffer.from('--b\r\ncontent-disposition: form-data; name="key"; filename="k"\r\n\r\n');
    yield serverKey.subarray(0, 1_000_000);
    await delay(100);
    abort.abort();
  }
  const sent = fetch(`${rig.url}/add_key`, {
    method: 'POST',
    body: half() as unknown as BodyInit,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    signal: abort.signal,
    duplex: 'half',
  } as RequestInit);
  await assert.rejects(sent);
  await delay(200);
  assert.deepEqual(await blobKeys(rig), []);
  assert.equal((await fetch(`${rig.url}/ready`)).status, 200);
});
