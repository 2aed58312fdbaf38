/** The SDK against a real server: accounts, enrolment, predictions, keys on several machines, errors. @module */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type ConnectOptions,
  connect,
  FileKeyStore,
  MemoryKeyStore,
  signIn,
  signUp,
  type Velum,
} from '@velum/client/node';
import {
  assertClose,
  demoFile,
  demoModel,
  type TestServer,
  temporaryDirectory,
  testServer,
} from './harness.ts';

const PASSWORD = 'a long enough password';
const PASSPHRASE = 'correct horse battery';
const { rows, plain } = await demoModel();
let server: TestServer;
let owner: Velum;
let modelUrl: string;

before(async () => {
  server = await testServer();
  owner = (await account('owner')).velum;
  ({ modelUrl } = await owner.deploy({
    name: 'breast-cancer',
    version: 'v1',
    files: [{ name: 'model.json', bytes: await bytesOf('lr.json') }],
    hyperparams: await bytesOf('hyperparams.json'),
  }));
});
after(() => server.close());

const bytesOf = async (name: string) => new Uint8Array(await readFile(demoFile(name)));

async function account(username: string, options?: ConnectOptions) {
  const signedIn = await signUp(server.url, {
    username,
    email: `${username}@example.org`,
    password: PASSWORD,
  });
  return { ...signedIn, velum: connect(server.url, signedIn.token, options) };
}

test('accounts and tokens', async () => {
  const { username, velum } = await account('ada');
  assert.equal(username, 'ada');
  await assert.rejects(signIn(server.url, { username: 'ada', password: 'wrong password' }), { status: 401 });
  const again = await signIn(server.url, { username: 'ada', password: PASSWORD });
  const made = await velum.tokens.create('ci', 30);
  assert.ok(made.expiresAt !== null && Date.parse(made.expiresAt) > Date.now() + 29 * 86_400_000);
  const listed = (await velum.tokens.list()).find(({ id }) => id === made.id);
  assert.equal(listed?.name, 'ci');
  assert.ok(made.token.startsWith(made.prefix) && !JSON.stringify(listed).includes(made.token));
  assert.deepEqual(await connect(server.url, made.token).models(), []);
  await velum.tokens.revoke(made.id);
  await assert.rejects(connect(server.url, made.token).models(), { status: 401 });
  assert.deepEqual(await connect(server.url, again.token).models(), []);
});

test('enrol and predict, waiting and as a job', async () => {
  const { velum } = await account('bob');
  const steps = new Set<string>();
  const model = await velum.model(modelUrl).enroll({ onProgress: (step) => steps.add(step) });
  assert.ok(steps.has('upload evaluation key') && steps.has('upload public key'));
  for (const sync of [true, false]) {
    const seen: string[] = [];
    const { predictions, labels, warnings, bytes, times } = await model.predict(rows.slice(0, 3), {
      sync,
      onProgress: (step) => seen.push(step),
    });
    assert.equal(predictions.length, 3);
    assertClose(predictions, plain);
    assert.deepEqual(
      labels,
      plain.slice(0, 3).map((p) => (p > 0.5 ? 1 : 0)),
    );
    assert.deepEqual(warnings, []);
    assert.ok(bytes.up > 80 && bytes.down > 80 && bytes.keys > 80, JSON.stringify(bytes));
    assert.ok(times.encrypt > 0 && times.compute > 0 && times.total > times.compute, JSON.stringify(times));
    assert.deepEqual([...new Set(seen)], ['encrypt', 'upload', 'compute', 'decrypt']);
  }
  assert.ok((await velum.jobs()).length >= 1);
  model.dispose();
});

test('more rows than a request holds go in several', async () => {
  const { velum } = await account('many');
  const model = await velum.model(modelUrl).enroll({ batchSize: 1 });
  const perRequest = model.profile!.input.samplesPerRequest;
  const count = Math.min(perRequest + 2, 400);
  const many = Array.from({ length: count }, (_, k) => rows[k % rows.length]);
  const { predictions } = await model.predict(many);
  assert.equal(predictions.length, count);
  assertClose(predictions, plain);
  model.dispose();
});

test('warnings come before anything is encrypted, bad samples are refused', async () => {
  const sent: string[] = [];
  const { token } = await account('warned');
  const velum = connect(server.url, token, { onStep: ({ what }) => sent.push(what) });
  const model = await velum.model(modelUrl).enroll();
  const strange = rows[0].map((value, k) => (k === 3 ? 9999 : value));
  sent.length = 0;
  await assert.rejects(
    model.predict([rows[0], strange], {
      onWarning: (warnings) => {
        assert.deepEqual(
          warnings.map(({ code, row, feature }) => ({ code, row, feature })),
          [{ code: 'OUT_OF_RANGE', row: 1, feature: 3 }],
        );
        throw new Error('no');
      },
    }),
    { message: 'no' },
  );
  await assert.rejects(model.predict([]), { code: 'NO_SAMPLES' });
  await assert.rejects(model.predict([[1, 2]]), { code: 'FEATURE_COUNT' });
  await assert.rejects(model.predict([rows[0].with(2, Number.NaN)]), { code: 'NOT_FINITE' });
  assert.deepEqual(sent, []);
  model.dispose();
});

test('keys are used again while they match, and made anew when another machine replaced them', async () => {
  const directory = await temporaryDirectory();
  const { token } = await account('carol');
  const here = () =>
    connect(server.url, token, { keyStore: new FileKeyStore(join(directory.path, 'here')) }).model(modelUrl);
  const there = () =>
    connect(server.url, token, { keyStore: new FileKeyStore(join(directory.path, 'there')) }).model(modelUrl);
  try {
    assert.equal((await here().enroll()).reusedKeys, false);
    const again = await here().enroll();
    assert.equal(again.reusedKeys, true);
    assertClose((await again.predict(rows.slice(0, 1))).predictions, plain);
    assert.equal((await here().enroll({ batchSize: 16 })).reusedKeys, false);
    assert.equal((await here().enroll({ batchSize: 16 })).reusedKeys, true);
    const other = await there().enroll({ batchSize: 16 });
    assert.equal(other.reusedKeys, false);
    assertClose((await other.predict(rows.slice(0, 1))).predictions, plain);
    const back = await here().enroll({ batchSize: 16 });
    assert.equal(back.reusedKeys, false);
    assertClose((await back.predict(rows.slice(0, 1))).predictions, plain);
  } finally {
    await directory.remove();
  }
});

test('a secret under a passphrase is restored on another machine', async () => {
  const { token } = await account('dave');
  const keyStore = new MemoryKeyStore();
  const first = await connect(server.url, token, { keyStore })
    .model(modelUrl)
    .enroll({ passphrase: PASSPHRASE });
  const job = await first.submit(rows.slice(0, 2));
  const elsewhere = connect(server.url, token).model(modelUrl);
  await assert.rejects(elsewhere.restore('another passphrase'), { code: 'PASSPHRASE_WRONG' });
  await elsewhere.restore(PASSPHRASE);
  await job.wait();
  assertClose((await elsewhere.open(await job.results())).predictions, plain);
  assertClose((await elsewhere.predict(rows.slice(0, 1))).predictions, plain);
  const locked = connect(server.url, token, { keyStore }).model(modelUrl);
  await assert.rejects(locked.enroll(), { code: 'PASSPHRASE_NEEDED' });
  assert.equal((await locked.enroll({ passphrase: PASSPHRASE })).reusedKeys, true);
});

test('unregistering deletes the keys here and there', async () => {
  const { token } = await account('erin');
  const keyStore = new MemoryKeyStore();
  const model = await connect(server.url, token, { keyStore }).model(modelUrl).enroll();
  await model.unregister();
  await assert.rejects(model.predict(rows.slice(0, 1)), { code: 'NOT_ENROLLED' });
  await assert.rejects(model.resume(), { code: 'NOT_ENROLLED' });
  await assert.rejects(model.restore(PASSPHRASE), { status: 404 });
});

test('models by name, of strangers, and gone', async () => {
  const { velum } = await account('frank');
  assert.equal(await owner.model('breast-cancer/v1').url(), modelUrl);
  await assert.rejects(velum.model('breast-cancer/v1').enroll(), { code: 'MODEL_UNKNOWN' });
  assert.throws(() => velum.model('http://evil.example/api/v0.1/a/b/c/'), { code: 'MODEL_ON_OTHER_SERVER' });
  await assert.rejects(velum.undeploy('breast-cancer', 'v1'), { status: 404 });
  const bytes = await bytesOf('lr.json');
  await velum.deploy({ name: 'mine', version: '1', files: [{ name: 'm', bytes }] });
  await assert.rejects(velum.deploy({ name: 'mine', version: '1', files: [{ name: 'm', bytes }] }), {
    code: 'MODEL_EXISTS',
  });
  const model = await velum.model('mine/1').enroll();
  await velum.undeploy('mine', '1');
  await assert.rejects(model.predict(rows.slice(0, 1)), { status: 404 });
  model.dispose();
});

test('a file that is no model says what each importer found', async () => {
  const { velum } = await account('grace');
  const files = [{ name: 'notes.txt', bytes: new TextEncoder().encode('not a model') }];
  await assert.rejects(
    velum.deploy({ name: 'x', version: '1', files }),
    (error: { code: string; details: { findings: unknown[] } }) => {
      assert.equal(error.code, 'MODEL_UNRECOGNISED');
      assert.ok(error.details.findings.length >= 2);
      return true;
    },
  );
});

test('an aborted prediction is cancelled on the server', async () => {
  const { velum } = await account('heidi');
  const model = await velum.model(modelUrl).enroll();
  const controller = new AbortController();
  await assert.rejects(
    model.predict(rows, {
      sync: false,
      signal: controller.signal,
      onProgress: (step) => {
        if (step === 'compute') controller.abort();
      },
    }),
    { code: 'ABORTED' },
  );
  for (const job of await velum.jobs()) assert.notEqual(job['state'], 'Running');
  model.dispose();
});
