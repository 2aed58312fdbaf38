/** The `velum` command in its own process against a real server, as a script would use it. @module */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  assertClose,
  demoFile,
  demoModel,
  type TestServer,
  temporaryDirectory,
  testServer,
  VELUM,
  velum,
} from './harness.ts';

const PASSWORD = 'a long enough password';
const { rows, plain } = await demoModel();
let server: TestServer;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let env: Record<string, string>;
let modelUrl: string;

/** A fresh configuration directory, signed in as a new user. */
async function signedIn(username: string): Promise<Record<string, string>> {
  const own = { VELUM_URL: server.url, VELUM_CONFIG_DIR: join(directory.path, username) };
  const args = [
    'signup',
    '--username',
    username,
    '--email',
    `${username}@example.org`,
    '--password',
    PASSWORD,
    '--json',
  ];
  const run = await velum(args, own);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  return own;
}

before(async () => {
  server = await testServer();
  directory = await temporaryDirectory();
  env = await signedIn('ada');
  const run = await velum(
    [
      'deploy',
      'bc',
      'v1',
      '--file',
      demoFile('lr.json'),
      '--hyperparams',
      demoFile('hyperparams.json'),
      '--json',
    ],
    env,
  );
  assert.equal(run.code, 0, run.stdout + run.stderr);
  modelUrl = run.json().model_url;
});
after(async () => {
  await server.close();
  await directory.remove();
});

test('signup stores a token in a private file, login and logout replace and remove it', async () => {
  const own = await signedIn('bob');
  const path = join(own['VELUM_CONFIG_DIR'], 'config.json');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const stored = async () =>
    Object.values(JSON.parse(await readFile(path, 'utf8')).servers as Record<string, { token: string }>);
  const [{ token }] = await stored();
  assert.match(token, /^velum_/);
  const login = await velum(
    ['login', '--username', 'bob', '--password', '-', '--json'],
    own,
    `${PASSWORD}\n`,
  );
  assert.equal(login.code, 0, login.stdout + login.stderr);
  assert.notEqual((await stored())[0].token, token);
  const withoutUrl = await velum(['models', '--json'], { VELUM_CONFIG_DIR: own['VELUM_CONFIG_DIR'] });
  assert.deepEqual(withoutUrl.json(), { models: [] });
  assert.equal((await velum(['models'], { ...own, VELUM_TOKEN: 'velum_wrong' })).code, 3);
  const logout = await velum(['logout', '--json'], own);
  assert.equal(logout.json().revoked, true);
  assert.deepEqual(await stored(), []);
  const out = await velum(['models', '--json'], own);
  assert.equal(out.code, 3);
  assert.equal(out.json().error.code, 'NOT_SIGNED_IN');
});

test('a wrong password, a taken name, and nothing to ask on', async () => {
  const wrong = await velum(['login', '--username', 'ada', '--password', 'wrong password', '--json'], env);
  assert.equal(wrong.code, 3);
  assert.equal(wrong.json().error.code, 'SIGN_IN_FAILED');
  assert.ok(wrong.json().error.hint.length > 0);
  const taken = await velum(
    ['signup', '--username', 'ada', '--email', 'other@example.org', '--password', PASSWORD, '--json'],
    env,
  );
  assert.equal(taken.code, 7);
  const silent = await velum(['login', '--username', 'ada'], env);
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /--password/);
});

test('predict, waiting and as a job, prints predictions, bytes and times', async () => {
  for (const more of [[], ['--async']]) {
    const run = await velum(
      ['predict', modelUrl, '--input', demoFile('test.csv'), '--rows', '2:6', ...more, '--json'],
      env,
    );
    assert.equal(run.code, 0, run.stdout + run.stderr);
    const { predictions, warnings, bytes, times } = run.json();
    assert.equal(predictions.length, 4);
    assertClose(predictions, plain, 2);
    assert.ok(Array.isArray(warnings));
    assert.ok(bytes.up > 0 && bytes.down > 0 && bytes.keys > 0);
    assert.ok(times.total > 0);
  }
});

test('the table for people', async () => {
  const run = await velum(['predict', 'bc/v1', '--input', demoFile('test.csv'), '--rows', '3'], env);
  assert.equal(run.code, 0, run.stderr);
  const [head, line, row] = run.stdout.split('\n');
  assert.match(head, /^row +prediction +label$/);
  assert.match(line, /^[- ]+$/);
  const [number, value] = row.trim().split(/ +/);
  assert.equal(number, '3');
  assertClose([[Number(value)]], plain, 3);
  assert.match(run.stderr, /up, .* down, keys/);
});

test('a detached job is fetched later, with the stored keys', async () => {
  const start = await velum(
    ['predict', modelUrl, '--input', demoFile('test.csv'), '--rows', '0:2', '--detach', '--json'],
    env,
  );
  const { job_url: job } = start.json();
  const result = await velum(['job', 'result', job, '--json'], env);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  assertClose(result.json().predictions, plain);
  assert.equal((await velum(['job', 'status', job, '--json'], env)).json().state, 'Completed');
  assert.ok((await velum(['jobs', '--json'], env)).json().jobs.length >= 1);
  const stranger = await velum(['job', 'status', job, '--json'], await signedIn('mallory'));
  assert.equal(stranger.code, 4);
  assert.equal((await velum(['job', 'cancel', job, '--json'], env)).code, 7);
});

test('warnings about strange values', async () => {
  const strange = join(directory.path, 'strange.csv');
  await writeFile(strange, `${rows[0].map((value, k) => (k === 0 ? 1e6 : value)).join(',')}\n`);
  const run = await velum(['predict', modelUrl, '--input', strange, '--json'], env);
  assert.equal(run.json().warnings[0].code, 'OUT_OF_RANGE');
  assert.match((await velum(['predict', modelUrl, '--input', strange], env)).stderr, /OUT_OF_RANGE/);
});

test('the secret key is stored in the clear only without a passphrase', async () => {
  const own = await signedIn('carol');
  const passphrase = join(directory.path, 'passphrase');
  await writeFile(passphrase, 'correct horse battery\n');
  const args = ['predict', modelUrl, '--input', demoFile('test.csv'), '--rows', '0', '--json'];
  const files = async () =>
    (await readdir(join(own['VELUM_CONFIG_DIR'], 'keys'), { recursive: true })).filter((name) =>
      name.includes('secret'),
    );
  assert.equal((await velum(args, own)).code, 0);
  assert.match((await files()).join(), /secret\.velum$/);
  assert.equal((await velum([...args, '--passphrase-file', passphrase], own)).code, 0);
  assert.match((await files()).join(), /secret\.wrapped\.velum$/);
  const locked = await velum(args, own);
  assert.equal(locked.json().error.code, 'PASSPHRASE_NEEDED');
  assert.equal(locked.code, 5);
  await writeFile(passphrase, 'wrong horse battery\n');
  assert.equal(
    (await velum([...args, '--passphrase-file', passphrase], own)).json().error.code,
    'PASSPHRASE_WRONG',
  );
  assert.equal((await velum(['unregister', modelUrl, '--json'], own)).code, 0);
  assert.deepEqual(await files(), []);
});

test('bad input has a code, a hint and its exit code', async () => {
  const text = join(directory.path, 'notes.txt');
  await writeFile(text, 'not a model\n');
  const cases: [string[], number, string][] = [
    [['deploy', 'x', '1', '--file', text], 5, 'MODEL_UNRECOGNISED'],
    [['deploy', 'x y', '1', '--file', demoFile('lr.json')], 5, 'MODEL_REF_INVALID'],
    [['deploy', 'bc', 'v1', '--file', demoFile('lr.json')], 7, 'MODEL_EXISTS'],
    [['deploy', 'x', '1', '--file', join(directory.path, 'none')], 5, 'FILE_UNREADABLE'],
    [['undeploy', 'x', '1'], 4, 'MODEL_NOT_FOUND'],
    [['predict', modelUrl, '--input', demoFile('labels.csv')], 5, 'FEATURE_COUNT'],
    [['predict', modelUrl, '--input', demoFile('test.csv'), '--rows', 'x'], 2, 'ROWS_INVALID'],
    [['predict', 'no/model', '--input', demoFile('test.csv')], 4, 'MODEL_UNKNOWN'],
    [['predict', modelUrl.replace('bc', 'none'), '--input', demoFile('test.csv')], 4, 'MODEL_NOT_FOUND'],
    [['models', '--url', 'nonsense'], 5, 'URL_INVALID'],
    [['deploy', 'x'], 2, 'USAGE'],
    [['nonsense'], 2, 'USAGE'],
    [['predict', modelUrl, '--input', 'x', '--batch', '-1'], 2, 'USAGE'],
  ];
  for (const [args, code, name] of cases) {
    const run = await velum([...args, '--json'], env);
    assert.equal(run.code, code, `${args.join(' ')}: ${run.stdout}${run.stderr}`);
    assert.equal(run.json().error.code, name, args.join(' '));
  }
  const findings = await velum(['deploy', 'x', '1', '--file', text], env);
  assert.match(findings.stderr, /^error: .*\[MODEL_UNRECOGNISED\]\n( {2}- .*\n)+hint: /);
});

test('no server is exit code 6', async () => {
  const run = await velum(['models', '--json'], {
    ...env,
    VELUM_URL: 'http://127.0.0.1:9',
    VELUM_TOKEN: 'velum_x',
  });
  assert.equal(run.code, 6);
  assert.equal(run.json().error.code, 'NETWORK');
});

test('tokens', async () => {
  const made = (await velum(['token', 'create', 'ci', '--days', '7', '--json'], env)).json();
  const named = {
    VELUM_URL: server.url,
    VELUM_TOKEN: made.token,
    VELUM_CONFIG_DIR: join(directory.path, 'none'),
  };
  assert.equal((await velum(['models', '--json'], named)).json().models[0].model_url, modelUrl);
  assert.match((await velum(['token', 'list'], env)).stdout, /\bci\b/);
  assert.equal((await velum(['token', 'revoke', made.id], env)).code, 0);
  assert.equal((await velum(['models', '--json'], named)).code, 3);
});

test('deploy, predict and undeploy without --json', async () => {
  const deploy = await velum(['deploy', 'second', '1.0', '--file', demoFile('lr.json')], env);
  assert.equal(deploy.stdout.split('\n')[0], modelUrl.replace('/bc/v1/', '/second/1.0/'));
  assert.match((await velum(['models'], env)).stdout, /second +1\.0/);
  assert.equal((await velum(['undeploy', 'second', '1.0'], env)).code, 0);
  assert.doesNotMatch((await velum(['models'], env)).stdout, /second/);
});

test('plan', async () => {
  const explain = await velum(['plan', demoFile('lr.json'), '--explain']);
  assert.equal(explain.code, 0, explain.stderr);
  assert.match(explain.stdout, /level/i);
  const json = (await velum(['plan', demoFile('lr.json'), '--explain', '--batch', '64', '--json'])).json();
  assert.equal(json.profile.input.features, 30);
  assert.ok(json.profile.estimate.inputBytes > 0);
  assert.equal(
    (await velum(['plan', demoFile('test.csv'), '--json'])).json().error.code,
    'MODEL_UNRECOGNISED',
  );
});

test('an older Node hands over to the installed one', async (t) => {
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    if (!existsSync(path)) return false;
    const [major, minor] = execFileSync(path, ['--version'], { encoding: 'utf8' })
      .slice(1)
      .split('.')
      .map(Number);
    return major < 22 || (major === 22 && minor < 18);
  });
  if (old === undefined)
    t.diagnostic('no older Node on this machine: the launcher ran on the current one only');
  const out = execFileSync(old ?? process.execPath, [VELUM, '--version'], { encoding: 'utf8' });
  assert.equal(out, '0.1.0\n');
});
