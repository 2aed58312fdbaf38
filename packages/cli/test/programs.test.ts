/** `velum program`, `task` and `key`: the whole round in one process, and against a real server. @module */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '@velum/client/node';
import { exportXml, sleep, weight } from '../src/health/testing.ts';
import { type Run, type TestServer, temporaryDirectory, testServer, VELUM, velum } from './harness.ts';

interface Vectors {
  weight_stats: { weights_kg: number[]; min: number; max: number; avg: number }[];
  sleep_quality: { name: string; records: number[][]; score: number }[];
}

/** Facts of the public demo's own tests, where that data is; else the smaller ones of them. */
function vectors(): Vectors {
  const shared = fileURLToPath(new URL('../../../../shared/data/fhe-server/vectors.json', import.meta.url));
  if (existsSync(shared)) return JSON.parse(readFileSync(shared, 'utf8'));
  const bad = [
    [0, 0, 120],
    [3, 120, 150],
    [0, 150, 210],
    [4, 210, 240],
    [0, 240, 300],
  ];
  return {
    weight_stats: [{ weights_kg: [68, 65, 69, 70, 70.5], min: 650, max: 705, avg: 685 }],
    sleep_quality: [{ name: 'bad night', records: bad, score: 5 }],
  };
}

const PROFILE = {
  profile: { gender: 'female', age: 35, language: 'english', country: 'FR', interests: ['health', 'nature'] },
};
let server: TestServer;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let env: Record<string, string>;
const at = (name: string): string => join(directory.path, name);

before(async () => {
  server = await testServer();
  directory = await temporaryDirectory();
  env = { VELUM_CONFIG_DIR: at('config') };
});
after(async () => {
  await server?.close();
  await directory?.remove();
});

async function run(name: string, input: unknown, ...args: string[]): Promise<Run> {
  return velum(['program', 'run', name, '--input', '-', '--json', ...args], env, JSON.stringify(input));
}

/** A round that worked, and what it reports beside its result. */
function checked(round: Run, program: string): Record<string, unknown> {
  assert.equal(round.code, 0, round.stdout + round.stderr);
  const { program: name, clear, agrees, bootstraps, times_ms, bytes, task_id, ...result } = round.json();
  assert.equal(name, program);
  assert.equal(agrees, true);
  const { scores: _, ...shown } = result;
  assert.deepEqual(clear, shown);
  assert.ok(bootstraps > 0 === (program !== 'ad_targeting'));
  assert.ok(times_ms.total > 0 && times_ms.encrypt > 0 && times_ms.decrypt > 0);
  assert.ok(bytes.input > 0 && bytes.result > 0);
  return result;
}

const keyFiles = (): string[] => readdirSync(join(env['VELUM_CONFIG_DIR'], 'keys', 'programs'));

test('the vectors in one process', async () => {
  const { weight_stats, sleep_quality } = vectors();
  for (const { weights_kg, min, max, avg } of weight_stats) {
    const result = checked(await run('weight_stats', { weights_kg }), 'weight_stats');
    assert.deepEqual(result, { min: min / 10, max: max / 10, avg: avg / 10 });
  }
  for (const { name, records, score } of sleep_quality)
    assert.deepEqual(checked(await run('sleep_quality', { records }), 'sleep_quality'), { score }, name);
  const { top } = checked(await run('ad_targeting', PROFILE), 'ad_targeting') as { top: unknown[] };
  assert.equal(top.length, 5);
  const [key, ...more] = keyFiles();
  assert.deepEqual(more, [], 'one key for all runs');
  assert.equal(statSync(join(env['VELUM_CONFIG_DIR'], 'keys', 'programs', key)).mode & 0o777, 0o600);
});

test('the same on a server: the key travels once, and again when the server has forgotten it', async () => {
  const [{ weights_kg, min, max, avg }] = vectors().weight_stats;
  const remote = ['--url', server.url];
  const sizes: number[] = [];
  for (const forget of [false, true, false]) {
    const round = await run('weight_stats', { weights_kg }, ...remote);
    assert.deepEqual(checked(round, 'weight_stats'), { min: min / 10, max: max / 10, avg: avg / 10 });
    const { bytes, times_ms, task_id } = round.json();
    assert.match(task_id, /^[0-9a-f-]{36}$/);
    assert.ok(times_ms.compute > 0);
    sizes.push(bytes.server_key);
    if (!forget) continue;
    const { keys } = (await velum(['key', 'list', '--json', ...remote], env)).json();
    assert.equal(keys.length, 1);
    assert.equal((await velum(['key', 'delete', keys[0].uid, ...remote], env)).code, 0);
    assert.deepEqual((await velum(['key', 'list', '--json', ...remote], env)).json(), { keys: [] });
  }
  assert.ok(sizes[0] > 20e6 && sizes[0] <= 32e6, `${sizes[0]} bytes`);
  assert.deepEqual(sizes, [sizes[0], 0, sizes[0]]);
  const night = vectors().sleep_quality.find(({ name }) => name === 'bad night')!;
  const round = await run('sleep_quality', { records: night.records }, ...remote);
  assert.deepEqual(checked(round, 'sleep_quality'), { score: night.score });
  assert.equal(keyFiles().length, 2, 'one key for the server, one for runs without');
});

test('an account has keys and tasks of its own', async () => {
  const own = { VELUM_CONFIG_DIR: at('ada'), VELUM_URL: server.url };
  const account = ['--username', 'ada', '--email', 'ada@example.org', '--password', 'a long enough password'];
  assert.equal((await velum(['signup', ...account], own)).code, 0);
  const keys = async (where: Record<string, string>) =>
    (await velum(['key', 'list', '--json', '--url', server.url], where)).json().keys;
  const others = await keys(env);
  assert.deepEqual(await keys(own), []);
  const args = ['program', 'run', 'weight_stats', '--input', '-', '--json']; // VELUM_URL names the server
  const round = await velum(args, own, '{"weights_kg": [70, 71]}');
  assert.deepEqual(checked(round, 'weight_stats'), { min: 70, max: 71, avg: 70.5 });
  const { task_id } = round.json();
  assert.equal((await keys(own)).length, 1);
  assert.deepEqual(await keys(env), others);
  assert.equal((await velum(['task', 'status', task_id], own)).code, 0);
  assert.equal((await velum(['task', 'status', task_id, '--url', server.url], env)).code, 4);
  assert.equal((await velum(['key', 'delete', '--local'], own)).code, 0);
  assert.deepEqual(readdirSync(join(own.VELUM_CONFIG_DIR, 'keys', 'programs')), []);
});

test('what people see', async () => {
  await writeFile(at('profile.json'), JSON.stringify(PROFILE));
  for (const more of [[], ['--url', server.url]]) {
    const args = ['program', 'run', 'ad_targeting', '--input', at('profile.json'), ...more];
    const { code, stdout, stderr } = await velum(args, env);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /result +encrypted +in the clear/);
    const scores = [...stdout.matchAll(/^#(\d) .* score (\d+) +score (\d+)$/gm)];
    assert.deepEqual(
      scores.map(([, rank]) => rank),
      ['1', '2', '3', '4', '5'],
    );
    for (const [, , encrypted, clear] of scores) assert.equal(encrypted, clear);
    assert.match(stderr, /is the clear one\.\nencrypt|is the clear one\.\nkeys/);
    assert.match(stderr, /kB up, .* down/);
  }
});

test('from Apple Health and tables, one night or all', async () => {
  const day = (date: number, time: string) => `2024-03-${String(date).padStart(2, '0')} ${time}:00 +0100`;
  const nights = [1, 2].flatMap((date) => [
    sleep('InBed', day(date, '22:00'), day(date + 1, '06:00')),
    sleep('AsleepCore', day(date, '22:10'), day(date + 1, '05:55')),
  ]);
  const weights = [weight('70', day(1, '07:00')), weight('71.5', day(2, '07:00'))];
  await writeFile(at('export.xml'), exportXml(...weights, ...nights));
  const from = (name: string, ...more: string[]) =>
    velum(['program', 'run', name, '--input', at('export.xml'), '--json', ...more], env);
  assert.deepEqual(checked(await from('weight_stats'), 'weight_stats'), { min: 70, max: 71.5, avg: 70.7 });
  const last = await from('sleep_quality', '--night', 'last');
  const { night, score } = last.json();
  assert.deepEqual({ night, score }, { night: '2024-03-03', score: 1 }, last.stderr);
  const all = (await from('sleep_quality', '--night', 'all')).json();
  assert.deepEqual(
    all.nights.map(({ night, score, agrees }: Record<string, unknown>) => [night, score, agrees]),
    [
      ['2024-03-02', 1, true],
      ['2024-03-03', 1, true],
    ],
  );
  assert.equal((await from('ad_targeting')).json().error.code, 'INPUT_NOT_JSON');
});

test('tasks: list, watch, status, result, cancel', async () => {
  const remote = ['--url', server.url];
  const programs = connect(server.url, undefined).programs;
  const sample = (await velum(['program', 'run', 'weight_stats', '--sample'], env)).json();
  const many = { weights_kg: Array.from({ length: 200 }, (_, i) => 60 + i / 10) };
  await writeFile(at('many.json'), JSON.stringify(many));
  const made = (
    await velum(['program', 'keygen', '-o', at('keys'), '--no-passphrase', '--json'], env)
  ).json();
  const uid = await programs.addKey(await readFile(made.files.server));
  const key = ['-k', made.files.client];
  const start = async (input: unknown): Promise<string> => {
    const encrypt = ['program', 'encrypt', 'weight_stats', ...key, '--input', '-', '-o', at('input')];
    assert.equal((await velum(encrypt, env, JSON.stringify(input))).code, 0);
    return (await programs.start('weight_stats', await readFile(at('input')), { uid })).task.id;
  };
  const long = await start(many);
  const short = await start(sample);
  const { tasks } = (await velum(['task', 'list', '--json', ...remote], env)).json();
  assert.deepEqual(
    tasks.map((task: { task_id: string }) => task.task_id),
    [long, short],
  );
  const early = await velum(['task', 'result', short, '--no-wait', '--json', ...remote], env);
  assert.equal(early.json().error.code, 'TASK_NOT_READY');
  assert.equal(early.code, 7);
  const cancelled = await velum(['task', 'cancel', long, '--json', ...remote], env);
  assert.equal(cancelled.json().status, 'revoked', cancelled.stderr);
  const watch = await velum(['task', 'watch', short, '--json', ...remote], env);
  assert.equal(watch.code, 0, watch.stderr);
  const seen = watch.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(seen.at(-1).status, 'success');
  assert.ok(seen.some(({ status, progress }) => status === 'started' && progress.total > 0));
  const result = await velum(['task', 'result', short, ...key, '--json', ...remote], env);
  assert.deepEqual(result.json(), { min: 65, max: 70.5, avg: 68.5 });
  assert.match((await velum(['task', 'status', short, ...remote], env)).stdout, /^completed: /);
  assert.equal(
    (await velum(['task', 'cancel', short, '--json', ...remote], env)).json().error.code,
    'TASK_FINISHED',
  );
  const gone = await velum(['task', 'result', long, ...key, '--json', ...remote], env);
  assert.equal(gone.json().error.code, 'TASK_CANCELLED');
  assert.equal(gone.code, 1);
  const unknown = await velum(['task', 'status', 'no-such-task', '--json', ...remote], env);
  assert.deepEqual([unknown.code, unknown.json().error.code], [4, 'TASK_NOT_FOUND']);
  const cancelling = await velum(['task', 'cancel', 'no-such-task', '--json', ...remote], env);
  assert.deepEqual([cancelling.code, cancelling.json().error.code], [4, 'TASK_NOT_FOUND']);
  assert.equal(cancelling.json().error.hint, unknown.json().error.hint);
  assert.match(cancelling.json().error.hint, /`velum task list`/);
  const raw = ['task', 'result', short, '-o', at('result.json'), ...remote];
  assert.equal((await velum(raw, env)).code, 0);
  const decrypt = ['program', 'decrypt', 'weight_stats', ...key, '--json', at('result.json')];
  assert.deepEqual((await velum(decrypt, env)).json(), { min: 65, max: 70.5, avg: 68.5 });
});

test('Ctrl-C cancels the task on the server', async () => {
  const many = { weights_kg: Array.from({ length: 400 }, (_, i) => 60 + i / 10) };
  await writeFile(at('many.json'), JSON.stringify(many));
  const args = ['program', 'run', 'weight_stats', '--input', at('many.json'), '--url', server.url, '--json'];
  const child = spawn(process.execPath, [VELUM, ...args], { env: { ...process.env, ...env } });
  let stdout = '';
  child.stdout.on('data', (part) => (stdout += part));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const { programs } = connect(server.url, undefined);
  let running: string | undefined;
  while (running === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    running = (await programs.tasks()).find(({ state }) => state === 'started')?.taskId;
    assert.equal(child.exitCode, null, stdout);
  }
  child.kill('SIGINT');
  assert.equal(await ended, 130);
  const { error } = JSON.parse(stdout);
  assert.equal(error.code, 'ABORTED');
  assert.equal(error.message, `aborted; task ${running} was cancelled on the server`);
  assert.equal((await programs.task(running).status()).state, 'revoked');
});

test('bad input has a code, a hint and its exit code', async () => {
  await writeFile(at('text'), 'neither\nnor\n');
  await writeFile(at('w.json'), '{"weights_kg": [68');
  await writeFile(at('one.json'), '{"weights_kg": [68, 70]}');
  const here = async (name: string, input: unknown) => run(name, input);
  const cases: [Promise<Run>, number, string][] = [
    [here('weight_stats', { weights_kg: [] }), 5, 'INPUT_INVALID'],
    [here('weight_stats', { weights_kg: [68, -1] }), 5, 'VALUE_RANGE'],
    [here('weight_stats', { weights: [68] }), 5, 'INPUT_INVALID'],
    [here('weight_stats', { weights_kg: Array(501).fill(70) }), 5, 'TOO_MANY_VALUES'],
    [here('sleep_quality', { records: [[0, 0]] }), 5, 'RECORDS_NOT_TRIPLES'],
    [here('sleep_quality', { records: [[0, 10, 5]] }), 5, 'START_AFTER_END'],
    [here('sleep_quality', { nights: [] }), 5, 'HEALTH_EMPTY'],
    [here('sleep_quality', null), 5, 'INPUT_INVALID'],
    [run('weight_stats', { weights_kg: [68] }, '--scores'), 2, 'USAGE'],
    [run('ad_targeting', PROFILE, '--catalogue', at('text'), '--url', server.url), 2, 'USAGE'],
    [run('ad_targeting', PROFILE, '--catalogue', at('text')), 5, 'NPY_INVALID'],
    [here('no_such_program', {}), 4, 'UNKNOWN_PROGRAM'],
    [velum(['program', 'run', 'weight_stats', '--input', at('w.json'), '--json'], env), 5, 'INPUT_NOT_JSON'],
    [velum(['program', 'run', 'weight_stats', '--input', at('text'), '--json'], env), 5, 'CSV_INVALID'],
    [velum(['program', 'run', 'weight_stats', '--input', at('none'), '--json'], env), 5, 'FILE_UNREADABLE'],
    [velum(['program', 'run', 'weight_stats', '--json'], env), 2, 'USAGE'],
    [
      velum(
        ['program', 'run', 'weight_stats', '--input', at('one.json'), '--keys', at('text'), '--json'],
        env,
      ),
      5,
      'WRONG_FILE',
    ],
    [velum(['key', 'delete', '--json', '--url', server.url], env), 2, 'USAGE'],
    [velum(['key', 'delete', 'x', '--json', '--url', server.url], env), 4, 'SERVER_KEY_NOT_FOUND'],
    [velum(['task', 'list', '--json', '--url', 'http://127.0.0.1:9'], env), 6, 'NETWORK'],
  ];
  for (const [pending, exit, code] of cases) {
    const { code: status, stdout, stderr, json } = await pending;
    assert.equal(json().error?.code, code, stdout + stderr);
    assert.equal(status, exit, `${code}: ${stdout}`);
  }
});

test("ad_targeting on a catalogue of one's own", async () => {
  const shared = fileURLToPath(new URL('../../../../shared/data/fhe-server/', import.meta.url));
  const matrix = join(shared, 'ad_weights_4954x62_u8.npy');
  const rows = [[0, 3], [7], [4, 0]].flatMap((row) => Array.from({ length: 62 }, (_, i) => row[i] ?? 0));
  const head = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 62), }".padEnd(117);
  const npy = [0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0, ...Buffer.from(`${head}\n`), ...rows];
  await writeFile(at('small.npy'), Uint8Array.from(npy));
  const small = await run('ad_targeting', { ones_at: [0, 1] }, '--catalogue', at('small.npy'), '--scores');
  const { top, scores } = checked(small, 'ad_targeting') as { top: { index: number }[]; scores: number[] };
  assert.deepEqual(scores, [3, 7, 4]);
  assert.deepEqual(
    top.map(({ index }) => index),
    [1, 2, 0],
  );
  if (!existsSync(matrix)) return;
  const ones_at = [0, 4, 8, 21, 44, 48, 56, 60];
  const big = await run('ad_targeting', { ones_at }, '--catalogue', matrix, '--scores');
  const demo = checked(big, 'ad_targeting') as { top: { index: number }[]; scores: number[] };
  assert.deepEqual(demo.scores.slice(0, 10), [34, 34, 24, 24, 34, 24, 34, 34, 34, 24]);
  assert.equal(
    demo.scores.reduce((a, b) => a + b),
    112830,
  );
  assert.deepEqual(
    demo.top.slice(0, 3).map(({ index }) => index),
    [1070, 1087, 1104],
  );
});

test('text that begins with a byte order mark', async () => {
  const round = await velum(
    ['program', 'run', 'weight_stats', '--input', '-', '--json'],
    env,
    '\ufeff{"weights_kg": [68, 70]}',
  );
  assert.equal(checked(round, 'weight_stats')['avg'], 69);
});

test('keys under a passphrase, and files in the place of others', async () => {
  const secret = at('passphrase');
  await writeFile(secret, 'correct horse battery\n');
  const made = await velum(
    ['program', 'keygen', '-o', at('locked'), '--passphrase-file', secret, '--json'],
    env,
  );
  assert.equal(made.code, 0, made.stdout + made.stderr);
  const { files } = made.json();
  assert.equal(statSync(files.client).mode & 0o777, 0o600);
  await writeFile(at('one.json'), '{"weights_kg": [68, 70]}');
  const encrypt = [
    'program',
    'encrypt',
    'weight_stats',
    '-k',
    files.client,
    '--input',
    at('one.json'),
    '-o',
    at('x'),
  ];
  assert.equal((await velum([...encrypt, '--json'], env)).json().error.code, 'PASSPHRASE_NEEDED');
  const done = await velum([...encrypt, '--passphrase-file', secret, '--json'], env);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.equal(done.json().values, 2);
  await writeFile(at('wrong'), 'wrong horse battery\n');
  const wrong = await velum([...encrypt, '--passphrase-file', at('wrong'), '--json'], env);
  assert.equal(wrong.json().error.code, 'PASSPHRASE_WRONG');
  const swapped = encrypt.map((arg) => (arg === files.client ? files.server : arg));
  assert.equal((await velum([...swapped, '--json'], env)).json().error.code, 'WRONG_FILE');
  const decrypt = [
    'program',
    'decrypt',
    'weight_stats',
    '-k',
    files.client,
    '--passphrase-file',
    secret,
    '--json',
  ];
  assert.equal((await velum([...decrypt, at('x')], env)).json().error.code, 'WRONG_FILE');
  const problem = { status: 404, code: 'TASK_NOT_FOUND', title: 'No', detail: 'no task x', hint: 'Try y.' };
  await writeFile(at('problem.json'), JSON.stringify(problem));
  const saved = (await velum([...decrypt, at('problem.json')], env)).json().error;
  assert.deepEqual([saved.code, saved.hint], ['TASK_NOT_FOUND', 'Try y.']);
  assert.match(saved.message, /problem\.json holds no result but an error of the server: no task x$/);
  await writeFile(at('state.json'), '{"status": "queued", "details": "It waits."}');
  assert.equal((await velum([...decrypt, at('state.json')], env)).json().error.code, 'TASK_NOT_READY');
});
