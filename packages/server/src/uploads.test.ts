/** Bad uploads: each a coded error, nothing half-written, the service up. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sealWire } from '@velum/fhe';
import fc from 'fast-check';
import {
  blobKeys,
  ModelUser,
  put,
  type Rig,
  startRig,
  TINY_RESULT,
  TINY_ROW,
  User,
  until,
} from '../test/rig.ts';

let rig: Rig;
let user: ModelUser;
let url: string;

before(async () => {
  rig = await startRig();
  url = await (await User.signUp(rig.api)).deploy('uploads');
  user = await ModelUser.enrol(await User.signUp(rig.api), url);
  await user.uploadRows('good', [TINY_ROW]);
});
after(() => rig.close());

const temporaryFiles = () => readdir(join(rig.dataDir, 'blobs', 'tmp'));

/** PUTs and expects a problem; checks that nothing was kept and the service is up. */
async function refused(link: string, bytes: Uint8Array, code: string, headers?: Record<string, string>) {
  const before = await blobKeys(rig);
  const answer = await put(link, bytes, headers);
  assert.equal(answer.json?.code, code, answer.text);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.ok(answer.json.hint.length > 10);
  assert.deepEqual(await temporaryFiles(), []);
  assert.deepEqual(await blobKeys(rig), before);
  assert.equal((await fetch(`${rig.url}/healthz`)).status, 200);
  return answer;
}

test('wrong kind, other profile, no container', async () => {
  const publicKey = await user.keys.publicKey();
  const evaluationKey = await user.keys.evaluationKey();
  const input = await user.keys.encrypt([TINY_ROW]);
  await refused(await user.link('upload/public_key_url'), evaluationKey, 'UPLOAD_SIZE');
  await refused(await user.link('d/upload/data_url'), publicKey, 'UPLOAD_KIND');
  await refused(await user.link('upload/encryption_seed_url'), input.subarray(0, 3000), 'UPLOAD_KIND');
  await refused(await user.link('d/upload/data_url'), randomBytes(4000), 'NOT_A_CONTAINER');
  await refused(await user.link('d/upload/data_url'), new Uint8Array(3), 'UPLOAD_TRUNCATED');
  await refused(await user.link('d/upload/data_url'), new Uint8Array(0), 'UPLOAD_TRUNCATED');

  const elsewhere = await sealWire('input', 'ab'.repeat(32), input.subarray(80));
  const answer = await refused(await user.link('d/upload/data_url'), elsewhere, 'KEY_PROFILE_MISMATCH');
  assert.equal(answer.status, 409);
});

test('an unwrapped secret is refused on every link, and so is anything else on the secret link', async () => {
  const secret = await user.keys.exportSecret();
  for (const path of ['upload/encryption_seed_url', 'd/upload/data_url']) {
    const answer = await refused(await user.link(path), secret, 'SECRET_NOT_WRAPPED');
    assert.equal(answer.status, 422);
  }
  await refused(await user.link('upload/encryption_seed_url'), randomBytes(500), 'SECRET_NOT_WRAPPED');
});

test('truncated, prolonged, oversized', async () => {
  const input = await user.keys.encrypt([TINY_ROW]);
  const link = await user.link('d/upload/data_url');
  await refused(link, input.subarray(0, input.length - 1), 'UPLOAD_TRUNCATED');
  await refused(link, input.subarray(0, 81), 'UPLOAD_TRUNCATED');
  await refused(link, new Uint8Array([...input, 0]), 'UPLOAD_SIZE');
  const max = Number(new URL(link).searchParams.get('max'));
  await refused(link, new Uint8Array(max + 1), 'UPLOAD_TOO_LARGE');
  const key = await user.keys.publicKey();
  await refused(await user.link('upload/public_key_url'), key.subarray(0, key.length - 8), 'UPLOAD_SIZE');
  // The link is still good for the whole thing.
  assert.equal((await put(link, input)).status, 200);
});

test('a size that is not declared is counted as it streams', async () => {
  const link = await user.link('d/upload/data_url');
  const max = Number(new URL(link).searchParams.get('max'));
  const head = (await user.keys.encrypt([TINY_ROW])).subarray(0, 80);
  const endless = new ReadableStream({
    start(controller) {
      controller.enqueue(head);
    },
    pull(controller) {
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const answer = await fetch(link, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: endless,
    duplex: 'half',
    signal: AbortSignal.timeout(10_000),
  } as RequestInit).then(
    (response) => response.json() as Promise<{ code: string }>,
    () => ({ code: 'CONNECTION_CUT' }),
  );
  assert.ok(['UPLOAD_SIZE', 'UPLOAD_TOO_LARGE', 'CONNECTION_CUT'].includes(answer.code), answer.code);
  assert.ok(max > 0);
  await until(async () => (await temporaryFiles()).length === 0, 'the temporary file to go');
});

test('any flipped bit is refused at upload', async () => {
  const input = await user.keys.encrypt([TINY_ROW]);
  await fc.assert(
    fc.asyncProperty(fc.nat(input.length * 8 - 1), async (bit) => {
      const bad = new Uint8Array(input);
      bad[bit >> 3] ^= 1 << (bit & 7);
      const answer = await put(await user.link('flip/upload/data_url'), bad);
      assert.ok(answer.status >= 400 && answer.status < 500, `bit ${bit}: ${answer.status}`);
      assert.ok(answer.json.code !== 'INTERNAL');
    }),
    { numRuns: 60, examples: [[0], [48], [64], [8 * 40], [8 * 48], [input.length * 8 - 1]] },
  );
  const predict = await user.user.call('POST', `${url}predict/flip`, { any: true });
  assert.equal(predict.json.code, 'DATA_NOT_FOUND');
});

test('a well-formed container with hostile content fails the job with a code, not the worker', async () => {
  const input = await user.keys.encrypt([TINY_ROW]);
  const pids = rig.services.pool.pids;
  for (const payload of [new Uint8Array(0), randomBytes(100), new Uint8Array(input.length - 80).fill(255)]) {
    await user.upload('hostile/upload/data_url', await sealWire('input', user.profile.id, payload));
    const answer = await user.user.call('POST', `${url}predict/hostile`, { any: true });
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.json.code, 'JOB_FAILED');
    assert.match(answer.json.reason.code, /^(WIRE|INPUT)_[A-Z]+$/);
    const job = await user.user.call('GET', answer.json.job_url);
    assert.equal(job.json.state, 'Failed');
    assert.equal(job.json.reason.code, answer.json.reason.code);
    const results = await user.user.call('GET', `${answer.json.job_url}get_results`, { any: true });
    assert.equal(results.json.code, 'JOB_FAILED');
  }
  assert.deepEqual(rig.services.pool.pids, pids);
});

test('links: reused, expired, tampered, wrong content type', async () => {
  const input = await user.keys.encrypt([TINY_ROW]);
  const link = await user.link('links/upload/data_url');
  await refused(link, input, 'MEDIA_TYPE_UNSUPPORTED', { 'content-type': 'text/plain' });
  for (const [from, to] of [
    [/signature=../, 'signature=00'],
    [/max=\d+/, 'max=999999999'],
    [/expires=\d+/, 'expires=99999999999'],
    [/blobs\/[0-9a-f-]+/, 'blobs/00000000-0000-4000-8000-000000000000'],
    [/&signature=.*/, ''],
  ] as const) {
    const tampered = link.replace(from, to);
    assert.notEqual(tampered, link);
    assert.equal((await refused(tampered, input, 'LINK_INVALID')).status, 403);
  }
  assert.equal((await put(link, input)).status, 200);
  assert.equal((await refused(link, input, 'LINK_USED')).status, 409);

  const now = Date.now;
  const late = await user.link('links/upload/data_url');
  try {
    Date.now = () => now() + 61_000;
    assert.equal((await refused(late, input, 'LINK_EXPIRED')).status, 403);
  } finally {
    Date.now = now;
  }
});

test('of many who use one link at once, one stores', async () => {
  const link = await user.link('race/upload/data_url');
  const input = await user.keys.encrypt([TINY_ROW]);
  const before = (await blobKeys(rig)).length;
  const answers = await Promise.all(Array.from({ length: 6 }, () => put(link, input)));
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
  for (const answer of answers.filter((a) => a.status !== 200)) {
    assert.ok(['LINK_BUSY', 'LINK_USED'].includes(answer.json.code));
  }
  assert.equal((await blobKeys(rig)).length, before + 1);
  assert.deepEqual(await temporaryFiles(), []);
});

test('a client that disconnects leaves nothing, and may try again through the same link', async () => {
  const link = await user.link('gone/upload/data_url');
  const input = await user.keys.encrypt([TINY_ROW]);
  const { hostname, port, pathname, search } = new URL(link);
  const before = await blobKeys(rig);
  const socket = connect(Number(port), hostname);
  socket.write(
    `PUT ${pathname}${search} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: ${input.length}\r\n\r\n`,
  );
  socket.write(input.subarray(0, input.length >> 1));
  await until(async () => (await temporaryFiles()).length > 0, 'the upload to begin');
  socket.destroy();
  await until(async () => (await temporaryFiles()).length === 0, 'the temporary file to go');
  assert.deepEqual(await blobKeys(rig), before);
  await until(async () => (await put(link, input)).status === 200, 'the link to be open again');
});

test('after all that, the service still predicts', async () => {
  const result = await user.user.call('POST', `${url}predict/good`);
  const [[value]] = await user.keys.decrypt(result.bytes);
  assert.ok(Math.abs(value - TINY_RESULT) < 1e-4);
  const stored = await rig.services.db.selectFrom('objects').selectAll().where('name', '=', 'good').execute();
  const bytes = await rig.services.blobs.read(stored[0].blob);
  assert.equal(createHash('sha256').update(bytes).digest('hex'), stored[0].sha256);
});
