/** Samples that share a ciphertext: the clear, simulated and encrypted runs agree, with the network and with onnxruntime. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import {
  ClientKeys,
  decodePlan,
  encodePlan,
  gaussianSource,
  Layout,
  type Plan,
  parseProfile,
  requestShape,
  runClear,
  ServerPlan,
  simulate,
  wireSizes,
} from '@velum/runtime';
import fc from 'fast-check';
import { readCalibration } from '../approximate/index.ts';
import { compileFiles } from '../compile-files.ts';
import { constantBytes } from '../cost.ts';
import { explainPlan } from '../explain.ts';
import { type Graph, type GraphNode, identity, runGraph } from '../graph/index.ts';
import { referenceOutput } from '../onnx/testing/onnxruntime.ts';
import { convolution, denseMatrix, graphOf, squareGraph } from '../testing/graphs.ts';
import { planGraph } from './plan-graph.ts';

let kernels: Kernels;
before(async () => {
  kernels = await loadKernels();
});

type Rows = readonly ArrayLike<number>[];

const random = gaussianSource(31);
const rowsFor = (size: number, count: number, draw = random): Float64Array[] =>
  Array.from({ length: count }, () => Float64Array.from({ length: size }, () => Math.tanh(draw())));

async function plan(graph: Graph, rows: Rows, images: number | 'auto'): Promise<Plan> {
  const runs = rows.map((row) => runGraph(graph, row));
  const ranges = runs[0].map((_, v): [number, number] => {
    const all = runs.flatMap((run) => [...run[v]]);
    return [Math.min(...all), Math.max(...all)];
  });
  return decodePlan(await encodePlan(await planGraph(graph, { probes: rows, ranges, images })));
}

/** Encrypted, evaluated and decrypted in one request of all rows; checks the sizes on the way. */
async function encrypted(compiled: Plan, rows: Rows): Promise<number[][]> {
  const client = ClientKeys.generate(kernels, parseProfile(JSON.parse(JSON.stringify(compiled.profile))));
  const server = new ServerPlan(kernels, compiled);
  const keys = await server.loadKeys(await client.publicKey(), await client.evaluationKey());
  const sizes = wireSizes(compiled.profile);
  const input = await client.encrypt(rows);
  assert.equal(input.length, sizes.input(rows.length));
  assert.ok(input.length <= sizes.maxInput);
  const progress: number[] = [];
  const result = await server.predict(keys, input, { onProgress: (done, all) => progress.push(done / all) });
  assert.equal(result.length, sizes.result(rows.length));
  assert.equal(progress.at(-1), 1);
  const live = kernels.arena.liveBytes;
  await server.predict(keys, input);
  assert.equal(kernels.arena.liveBytes, live, 'memory is left behind');
  const values = await client.decrypt(result);
  for (const owner of [keys, server, client]) owner.dispose();
  return values;
}

const largestOf = (rows: Rows): number => Math.max(...rows.flatMap((row) => Array.from(row, Math.abs)));

function relativeError(got: Rows, want: Rows, largest: number): number {
  assert.equal(got.length, want.length);
  const errors = want.flatMap((row, r) => Array.from(row, (v, i) => Math.abs(v - got[r][i])));
  return Math.max(...errors) / largest;
}

const outputs = (graph: Graph, rows: Rows): Float64Array[] =>
  rows.map((row) => runGraph(graph, row)[graph.output.value]);

/** @param calibration the plan's precision is relative to the largest output of these: one of `rows` alone may be near 0 */
async function assertAgrees(
  graph: Graph,
  compiled: Plan,
  rows: Rows,
  calibration: Rows = rows,
): Promise<void> {
  const want = outputs(graph, rows);
  const largest = Math.max(largestOf(want), largestOf(outputs(graph, calibration)));
  assert.ok(relativeError(runClear(compiled, rows), want, largest) < 1e-9, 'clear');
  assert.ok(relativeError(simulate(compiled, rows), want, largest) < 1e-4, 'simulated');
  const error = relativeError(await encrypted(compiled, rows), want, largest);
  assert.ok(error < 1e-4, `encrypted: ${error}`);
}

/** A small network: dense or convolutional first, squares or a cubic, perhaps a residual sum. */
function drawGraph(seed: number, kind: number, widths: readonly number[]): Graph {
  const draw = gaussianSource(seed);
  const nodes: GraphNode[] = [];
  const affine = (name: string, terms: Extract<GraphNode, { kind: 'affine' }>['terms']): void => {
    const bias = Float64Array.from({ length: terms[0].matrix.rows }, () => 0.1 * draw());
    nodes.push({ kind: 'affine', name, terms, bias });
  };
  const first =
    kind === 0
      ? convolution({ input: [1, 9, 9], channels: 2, kernel: 3, stride: 2 }, draw).matrix
      : denseMatrix(widths[1], widths[0], draw);
  affine('first', [{ value: 0, matrix: first }]);
  if (kind === 1)
    nodes.push({
      kind: 'function',
      name: 'cubic',
      value: 1,
      fn: { type: 'polynomial', coefficients: [0.2, 0.5, 0, 0.25] },
    });
  else nodes.push({ kind: 'product', name: 'square', left: 1, right: 1 });
  if (kind === 2)
    affine('sum', [
      { value: 2, matrix: identity(first.rows) },
      { value: 1, matrix: identity(first.rows, 0.5) },
    ]);
  affine('last', [{ value: nodes.length, matrix: denseMatrix(widths[2], first.rows, draw) }]);
  return graphOf([first.columns], nodes, widths[2]);
}

describe('random networks', () => {
  for (const images of [2, 4]) {
    test(`${images} samples to a ciphertext, any number of rows`, async () => {
      const width = fc.integer({ min: 1, max: 40 });
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: 2 }),
          fc.tuple(width, width, width),
          fc.integer({ min: 1, max: 2 * images + 1 }),
          fc.nat(),
          async (kind, widths, count, seed) => {
            const graph = drawGraph(seed + 1, kind, widths);
            const size = graph.input.shape[0];
            const draw = gaussianSource(seed + 2);
            const calibration = rowsFor(size, 4, draw);
            const compiled = await plan(graph, calibration, images);
            assert.equal(compiled.profile.input.images, images);
            await assertAgrees(graph, compiled, rowsFor(size, count, draw), calibration);
          },
        ),
        { numRuns: 10 },
      );
    });
  }
});

describe('an input in several ciphertexts', () => {
  test('in its own order', async () => {
    const graph = squareGraph([300], [denseMatrix(20, 300, random), denseMatrix(7, 20, random)]);
    const rows = rowsFor(300, 5);
    const compiled = await plan(graph, rows, 64);
    const { period, images, parts } = compiled.profile.input;
    assert.equal(images, 64);
    assert.equal(parts, Math.ceil(300 / period));
    await assertAgrees(graph, compiled, rows);
    const more = rowsFor(300, 70);
    assert.equal(requestShape(compiled.profile, 70).inputs, 2 * parts!);
    await assertAgrees(graph, compiled, more);
  });

  test('gathered for a convolution, at no more of a ciphertext for each sample', async () => {
    const stride = convolution({ input: [1, 14, 14], channels: 4, kernel: 5, stride: 3 }, random);
    const graph = squareGraph([1, 14, 14], [stride.matrix, denseMatrix(10, 64, random)]);
    const rows = rowsFor(196, 9);
    const alone = await plan(graph, rows, 1);
    const compiled = await plan(graph, rows, 16);
    const { input } = compiled.profile;
    assert.ok(input.slots && input.images === 16 && input.parts! > 1 && input.parts! <= 16);
    assert.ok(wireSizes(compiled.profile).input(16) < 16 * wireSizes(alone.profile).input(1));
    const { summary } = explainPlan(compiled);
    assert.equal(summary['images per ciphertext'], 16);
    await assertAgrees(graph, compiled, rows);
    const server = new ServerPlan(kernels, compiled);
    const held = constantBytes(compiled);
    assert.ok(server.bytes >= held / 2 && server.bytes <= 4 * held + 2e6, `${server.bytes}, not ${held}`);
    server.dispose();
  });

  test('two affine readers, and a reader that keeps it whole', async () => {
    const branches: GraphNode[] = [1, 2].map((k) => ({
      kind: 'affine',
      name: `branch${k}`,
      terms: [{ value: 0, matrix: denseMatrix(6, 100, random) }],
      bias: new Float64Array(6).fill(0.1),
    }));
    const gate: GraphNode = { kind: 'product', name: 'gate', left: 1, right: 2 };
    const both = graphOf([100], [...branches, gate], 6);
    const rows = rowsFor(100, 4);
    const split = await plan(both, rows, 64);
    assert.ok(split.profile.input.parts! > 1);
    await assertAgrees(both, split, rows);
    const square: GraphNode = { kind: 'product', name: 'square', left: 0, right: 0 };
    const whole = graphOf([100], [square], 100);
    const { parts, images } = (await plan(whole, rows, 'auto')).profile.input;
    assert.equal(parts, undefined);
    assert.equal(images, 16, 'as often as 128 slots fit 2048');
  });
});

describe('the choice', () => {
  const graph = squareGraph([20], [denseMatrix(8, 20, random), denseMatrix(3, 8, random)]);
  const rows = rowsFor(20, 4);

  test('is 1 unless asked, and then the same plan', async () => {
    const usual = await plan(graph, rows, 1);
    assert.equal('images' in usual.profile.input, false);
    assert.equal('parts' in usual.profile.input, false);
    assert.equal(requestShape(usual.profile, 3).layout, Layout.slots);
    assert.ok(usual.program.steps.every((s) => s.kind !== 'affine' || s.terms.every((t) => !('part' in t))));
  });

  test('is rounded up to a power of two, and within the ring', async () => {
    assert.equal((await plan(graph, rows, 3)).profile.input.images, 4);
    const most = (await plan(graph, rows, 'auto')).profile;
    assert.ok(most.input.images! >= 32);
    assert.ok(most.input.images! * most.input.period <= 2 ** (most.parameters.logN - 1));
    assert.equal(most.batchSize, most.input.images);
    assert.equal((await plan(graph, rows, 50)).profile.batchSize, 50);
  });

  test('a file with a wrong count is refused', async () => {
    const file = { name: 'm.onnx', bytes: demo('mnist.onnx') };
    for (const batchSize of [0, 1.5, -2, 70_000])
      await assert.rejects(compileFiles([file], { batchSize }), { code: 'REQUIREMENTS_INVALID' });
  });

  test('the profile is checked', async () => {
    const { profile } = await plan(graph, rows, 4);
    const check = (change: object): unknown =>
      parseProfile({ ...profile, input: { ...profile.input, ...change } });
    assert.ok(check({}));
    for (const change of [{ images: 3 }, { images: 0 }, { images: 2 ** 20 }, { parts: 0 }, { parts: 1.5 }])
      assert.throws(() => check(change), { code: 'PROFILE_INVALID' }, JSON.stringify(change));
    assert.throws(() => check({ packing: 'slots' }), { code: 'PROFILE_INVALID' });
    assert.throws(() => check({ slots: [0] }), { code: 'PROFILE_INVALID' });
  });

  test('a client that does not know of it is refused, not misread', async () => {
    const compiled = await plan(graph, rows, 4);
    const { images: _, ...input } = compiled.profile.input;
    const old = ClientKeys.generate(kernels, { ...compiled.profile, input });
    const server = new ServerPlan(kernels, compiled);
    const keys = await server.loadKeys(await old.publicKey(), await old.evaluationKey());
    await assert.rejects(server.predict(keys, await old.encrypt(rows.slice(0, 1))), { code: 'WIRE_CONTENT' });
    for (const owner of [keys, server, old]) owner.dispose();
  });
});

const SHARED = new URL('../../../../../shared/data/he-man/mnist/', import.meta.url);
const DEMO = new URL('../../../cli/demo/mnist/', import.meta.url);
const read = (folder: URL, name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));
const demo = (name: string): Uint8Array => read(DEMO, name);

const SHAPE = [1, 1, 28, 28];
const mnist = [
  { name: 'the shipped network', folder: DEMO, calibration: 'calibration.npz' },
  ...(existsSync(new URL('mnist.onnx', SHARED))
    ? [{ name: "HE-MAN's network", folder: SHARED, calibration: 'calibration-data.zip' }]
    : []),
];

for (const { name, folder, calibration } of mnist) {
  test(`${name} on many digits agrees with onnxruntime`, async () => {
    const model = read(folder, 'mnist.onnx');
    const digits = readCalibration({ name: 'digits.npz', bytes: demo('digits.npz') }, SHAPE).samples;
    const rows = [...digits];
    const want = await Promise.all(
      rows.map(async (row) => (await referenceOutput(model, SHAPE, row)).values),
    );
    const files = [
      { name: 'mnist.onnx', bytes: model },
      { name: calibration, bytes: read(folder, calibration) },
    ];
    const compiled = (await compileFiles(files, { images: 'auto' })).plan;
    assert.equal(compiled.profile.input.images, 16);
    const got = await encrypted(compiled, rows);
    const error = relativeError(got, want, largestOf(want));
    assert.ok(error < 1e-4, `${error}`);
  });
}
