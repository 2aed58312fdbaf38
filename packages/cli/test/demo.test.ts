/** `velum demo`, as data and as text. @module */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { velum } from './harness.ts';

const leftovers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('velum-demo-'));

test('velum demo --json agrees with the plain model and cleans up', async () => {
  const before = await leftovers();
  const run = await velum(['demo', '--json']);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  const report = run.json();
  assert.ok(report.agrees && report.maxDifference < 1e-4);
  assert.equal(report.patients.length, 8);
  for (const { encrypted, plain } of report.patients) assert.ok(Math.abs(encrypted - plain) < 1e-4);
  assert.deepEqual(
    report.serverSaw.map(({ kind }: { kind: string }) => kind),
    ['input', 'result'],
  );
  // what the server holds is noise to it
  assert.ok(report.serverSaw[0].entropy > 7.9, `${report.serverSaw[0].entropy} bits/byte`);
  const requests = report.steps.map(({ request }: { request?: string }) => request ?? '').join('\n');
  for (const route of [
    'info/version',
    'deploy_model',
    'register_user',
    'add_profile',
    'get_profile',
    'evaluation_key_url',
    'public_key_url',
    'encryption_seed_url',
    'PUT /blobs',
    'data_url',
    'predict/',
    'check_status',
    'get_results',
    'get_enc_key',
    'get_enc_seed',
    'unregister_user',
    'undeploy_model',
  ]) {
    assert.ok(requests.includes(route), `${route} is not among the steps`);
  }
  assert.ok(report.bytes.up > 0 && report.bytes.down > 0 && report.bytes.keys > 0);
  assert.deepEqual(await leftovers(), before);
});

test('velum demo tells a person the same', async () => {
  const run = await velum(['demo']);
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /What the server saw/);
  assert.match(run.stdout, /malignant/);
  assert.match(run.stdout, /Largest difference \S+ \(within 0\.0001\)/);
  assert.equal(run.stderr, '');
});
