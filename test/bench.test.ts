/** The benchmarks run and say what the README's table needs; how fast this machine is, no test says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { measure, quantile, table, timing } from '../bench/measure.ts';
import { type Report, replaceBenchBlock, summarize } from '../bench/summary.ts';
import { root } from './repository.ts';

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'bench/index.ts'), ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });

test('timings: median, deviation and quantiles; repeats stop at the limit', async () => {
  assert.deepEqual(timing([5, 1, 3, 100]), { median: 4, mad: 2, min: 1, runs: 4 });
  assert.equal(quantile([1, 2, 3, 4, 5], 0.95), 4.8);
  let calls = 0;
  const { runs } = await measure(
    () => {
      calls++;
      const until = performance.now() + 5;
      while (performance.now() < until);
    },
    { runs: 1000, warmup: 1, limitMs: 10 },
  );
  assert.equal(runs, 3);
  assert.equal(calls, 4);
  assert.equal(table(['a', 'bc'], [['def', '1']]), 'a    bc\n---  --\ndef   1');
});

test('a quick run of the predictions gives every figure as JSON', () => {
  const { status, stdout, stderr } = bench('--quick', '--only', 'predict', '--json');
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout) as Report;
  assert.equal(report.quick, true);
  assert.match(report.build, /^wasm-(wide|fma|portable)$/);
  for (const key of ['date', 'cpu', 'node', 'platform'] as const) assert.ok(report[key].length > 0, key);
  assert.deepEqual(Object.keys(report.benches), ['predict']);
  const { cases } = report.benches.predict!;
  assert.deepEqual(
    cases.map((entry) => entry.id),
    ['lr-1', 'lr-batch', 'lr-server-1', 'lr-server-batch', 'nn-1'],
  );
  for (const { id, velum, peers, samples } of cases) {
    assert.ok(samples >= 1);
    for (const bytes of [velum.up, velum.down, velum.keys])
      assert.ok(Number.isInteger(bytes) && bytes! > 0, id);
    for (const time of [velum.keygen, velum.encrypt, velum.compute, velum.decrypt])
      assert.ok(time!.median > 0 && time!.min <= time!.median && time!.runs >= 1, id);
    // Encrypted and plain agree, on both sides: a peer that computes something else is no peer. The polynomial
    // grows fast at the ends of its range; 0.1 is what data.ts asks of it for the shipped model.
    assert.ok(velum.error! < (id.startsWith('lr-server') ? 0.1 : 1e-4), `${id}: ${velum.error}`);
    assert.ok(peers.length >= 1, id);
    for (const peer of peers) {
      assert.ok(peer.compute!.median > 0 && peer.up! > 0 && peer.down! > 0 && peer.keys! >= 0, id);
      assert.ok(peer.error! < 1e-2, `${id} ${peer.name}: ${peer.error}`);
    }
  }
  assert.ok(report.summary.every((row) => row.what && row.velum));
  assert.equal(report.summary.filter((row) => row.reached !== undefined).length, 9);
});

test('a quick run of the ONNX networks gives every figure, and the encrypted network is the one in the clear', () => {
  const { status, stdout, stderr } = bench('--quick', '--only', 'onnx', '--json');
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout) as Report;
  const { cases } = report.benches.onnx!;
  assert.deepEqual(
    cases.map((entry) => entry.id),
    ['mnist', 'cryptonets'],
  );
  for (const { id, compile, keys, infer, decrypt, together } of cases) {
    assert.ok(together && together.compile.images > 1, id);
    assert.equal(together.decrypt.samples, 2);
    assert.ok(together.decrypt.error < 1e-3 && together.infer.constantBytes > infer.constantBytes, id);
    assert.ok(compile.milliseconds > 0 && keys.keygen > 0 && infer.compute.median > 0, id);
    for (const bytes of [keys.evaluationKeyBytes, keys.up, infer.down, infer.peakMemory])
      assert.ok(Number.isInteger(bytes) && bytes > 0, id);
    assert.equal(decrypt.samples, 2);
    assert.ok(decrypt.error < 1e-3 && decrypt.exactError < 1e-3, `${id}: ${decrypt.error}`);
  }
  assert.ok(report.summary.every((row) => row.what && row.velum));
  assert.equal(report.summary.filter((row) => row.what.includes('images per second')).length, 2);
  const agreement = report.summary.find((row) => row.what.includes('argmax agree'));
  assert.equal(agreement?.reached, undefined, 'two images are not the 200 that a verdict takes');
});

test('the summary of kernels and CKKS compares with the target', () => {
  const kernels = { sealNttUs: 135, results: { 'wasm-fma': [{ name: 'ntt_forward', us: 27 }] } };
  const results = { velum: { rotate: 1000, multiply: 500 }, 'node-seal': { rotate: 7000, multiply: 4000 } };
  const rows = summarize({ kernels, ckks: { build: 'wasm-fma', results } });
  assert.deepEqual(
    rows.map(({ velum, ratio, reached }) => [velum, ratio, reached]),
    [
      ['27.0 us', 5, true],
      ['1.00 ms', 7, false],
      ['500 us', 8, true],
    ],
  );
  assert.throws(() => summarize({ kernels: { sealNttUs: 135, results: {} } }), /lacks ntt_forward/);
});

test('the block of the README is replaced, and nothing else', () => {
  const report: Report = {
    date: '2026-01-02T03:04:05Z',
    cpu: 'a CPU',
    cores: 2,
    node: 'v24.0.0',
    platform: 'linux x64',
    build: 'wasm-fma',
    quick: false,
    benches: {},
    summary: [{ what: 'x', velum: '1 ms', peer: '2 ms (y)', ratio: 2, target: '<= 3 ms', reached: true }],
  };
  const text = 'before\n<!-- bench:start -->\nold $& text\n<!-- bench:end -->\nafter\n';
  const renewed = replaceBenchBlock(text, report);
  assert.match(renewed, /^before\n<!-- bench:start -->\n/);
  assert.match(renewed, /\n<!-- bench:end -->\nafter\n$/);
  assert.ok(!renewed.includes('old'));
  assert.ok(renewed.includes('| x | 1 ms | 2 ms (y) | 2.00 x | ≤ 3 ms, reached |'));
  assert.equal(replaceBenchBlock(renewed, report), renewed);
  assert.throws(() => replaceBenchBlock('no block', report), /0 blocks/);
  assert.throws(() => replaceBenchBlock(text + text, report), /2 blocks/);
});

test('a wrong option ends with code 2 and the usage', () => {
  for (const args of [['--only', 'nothing'], ['--fast'], ['--readme-file', '/nowhere/README.md']]) {
    const { status, stderr } = bench(...args);
    assert.equal(status, 2);
    assert.match(stderr, /^bench: .*\n\nusage: /);
  }
});
