/** Networks as graphs: the encrypted run agrees with the floats, layouts save rotations, keys are only those needed. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import {
  ClientKeys,
  decodePlan,
  encodePlan,
  gaussianSource,
  graphSteps,
  type Plan,
  parseProfile,
  runClear,
  ServerPlan,
  simulate,
} from '@velum/runtime';
import { explainPlan } from '../explain.ts';
import { type Graph, type GraphNode, identity, runGraph } from '../graph/index.ts';
import { convolution, denseMatrix, graphOf, squareGraph } from '../testing/graphs.ts';
import { naturalLayout, offsetsOf, outputLayout } from './layout.ts';
import { planGraph } from './plan-graph.ts';

let kernels: Kernels;
before(async () => {
  kernels = await loadKernels();
});

const random = gaussianSource(23);
const rowsFor = (size: number, count = 2): Float64Array[] =>
  Array.from({ length: count }, () => Float64Array.from({ length: size }, () => Math.tanh(random())));

async function plan(graph: Graph, rows: readonly Float64Array[], relativeError?: number): Promise<Plan> {
  const runs = rows.map((row) => runGraph(graph, row));
  const ranges = runs[0].map((_, v): [number, number] => {
    const all = runs.flatMap((run) => [...run[v]]);
    return [Math.min(...all), Math.max(...all)];
  });
  return decodePlan(await encodePlan(await planGraph(graph, { probes: rows, ranges, relativeError })));
}

async function encrypted(compiled: Plan, rows: readonly Float64Array[]): Promise<number[][]> {
  const client = ClientKeys.generate(kernels, parseProfile(JSON.parse(JSON.stringify(compiled.profile))));
  const server = new ServerPlan(kernels, compiled);
  const keys = await server.loadKeys(await client.publicKey(), await client.evaluationKey());
  const result = await client.decrypt(await server.predict(keys, await client.encrypt(rows)));
  for (const owner of [keys, server, client]) owner.dispose();
  return result;
}

/** Largest difference relative to the largest output. */
function relativeError(
  got: readonly (readonly number[])[],
  graph: Graph,
  rows: readonly Float64Array[],
): number {
  const want = rows.map((row) => runGraph(graph, row)[graph.output.value]);
  const largest = Math.max(...want.flatMap((row) => [...row].map(Math.abs)));
  return Math.max(...want.flatMap((row, r) => [...row].map((v, i) => Math.abs(v - got[r][i])))) / largest;
}

const stride = convolution({ input: [1, 14, 14], channels: 4, kernel: 5, stride: 3 }, random);
const padded = convolution({ input: [2, 8, 8], channels: 3, kernel: 3, pad: 1 }, random);
const deeper = convolution({ input: padded.output, channels: 4, kernel: 4, stride: 2 }, random);

const residual: GraphNode[] = [
  {
    kind: 'affine',
    name: 'a',
    terms: [{ value: 0, matrix: denseMatrix(12, 10, random) }],
    bias: new Float64Array(12).fill(0.1),
  },
  { kind: 'function', name: 'p', value: 1, fn: { type: 'polynomial', coefficients: [0.2, 0.5, 0, 0.25] } },
  {
    kind: 'affine',
    name: 'sum',
    terms: [
      { value: 2, matrix: identity(12) },
      { value: 1, matrix: identity(12, 0.5) },
    ],
    bias: new Float64Array(12),
  },
  {
    kind: 'affine',
    name: 'b',
    terms: [{ value: 3, matrix: denseMatrix(5, 12, random) }],
    bias: new Float64Array(5),
  },
];
const branches: GraphNode[] = [
  {
    kind: 'affine',
    name: 'left',
    terms: [{ value: 0, matrix: padded.matrix }],
    bias: new Float64Array(padded.matrix.rows),
  },
  {
    kind: 'affine',
    name: 'right',
    terms: [{ value: 0, matrix: denseMatrix(padded.matrix.rows, 128, random) }],
    bias: new Float64Array(padded.matrix.rows),
  },
  { kind: 'product', name: 'gate', left: 1, right: 2 },
  {
    kind: 'affine',
    name: 'out',
    terms: [{ value: 3, matrix: denseMatrix(3, padded.matrix.rows, random) }],
    bias: new Float64Array(3),
  },
];

const networks: { name: string; graph: Graph; input: number }[] = [
  {
    name: 'strided convolution, squares, dense',
    graph: squareGraph([1, 14, 14], [stride.matrix, denseMatrix(10, 64, random)]),
    input: 196,
  },
  {
    name: 'padded convolution, then a strided one',
    graph: squareGraph([2, 8, 8], [padded.matrix, deeper.matrix, denseMatrix(4, deeper.matrix.rows, random)]),
    input: 128,
  },
  {
    name: 'one dense layer, wide input',
    graph: squareGraph([300], [denseMatrix(7, 300, random)]),
    input: 300,
  },
  { name: 'a residual sum and a cubic', graph: graphOf([10], residual, 5), input: 10 },
  { name: 'a product of two branches', graph: graphOf([2, 8, 8], branches, 3), input: 128 },
  {
    name: 'a polynomial first, a Chebyshev one last',
    graph: graphOf(
      [6],
      [
        { kind: 'product', name: 'square', left: 0, right: 0 },
        {
          kind: 'affine',
          name: 'dense',
          terms: [{ value: 1, matrix: denseMatrix(6, 6, random) }],
          bias: new Float64Array(6),
        },
        {
          kind: 'function',
          name: 'cheb',
          value: 2,
          fn: { type: 'chebyshev', coefficients: [0.1, 0.4, 0.2, 0.05, 0, 0.02], domain: [-2, 3] },
        },
      ],
      6,
    ),
    input: 6,
  },
];

describe('networks', () => {
  for (const { name, graph, input } of networks) {
    test(name, async () => {
      const rows = rowsFor(input);
      const compiled = await plan(graph, rows);
      assert.ok(relativeError(runClear(compiled, rows), graph, rows) < 1e-9, 'clear');
      assert.ok(relativeError(simulate(compiled, rows), graph, rows) < 1e-4, 'simulated');
      const error = relativeError(await encrypted(compiled, rows), graph, rows);
      assert.ok(error < 1e-4, `encrypted: ${error}`);
      assert.equal(explainPlan(compiled).rows.length, graphSteps(compiled).length);
    });
  }
});

describe('layouts', () => {
  test("a convolution's outputs lie where its pattern repeats", () => {
    const { matrix } = convolution({ input: [1, 16, 16], channels: 4, kernel: 3, stride: 2 }, random);
    const input = naturalLayout(256);
    const layout = outputLayout(matrix, input, 4096);
    const offsets = offsetsOf(matrix, input, layout).length;
    const natural = offsetsOf(matrix, input, naturalLayout(matrix.rows)).length;
    assert.ok(offsets <= 36, `${offsets} offsets`);
    assert.ok(offsets < natural / 3);
    assert.equal(new Set(layout.slots).size, matrix.rows, 'every output has a slot of its own');
  });

  test('channels lie a period apart, where they share their offsets', () => {
    const { matrix } = convolution({ input: [1, 16, 16], channels: 6, kernel: 5 }, random);
    const input = naturalLayout(256);
    const layout = outputLayout(matrix, input, 4096);
    assert.equal(offsetsOf(matrix, input, layout).length, 25);
    assert.equal(new Set(layout.slots).size, matrix.rows);
    assert.ok(layout.slots.every((slot) => slot >= 0 && slot < layout.period));
    const deep = convolution({ input: [6, 12, 12], channels: 8, kernel: 4, stride: 2 }, random);
    const after = outputLayout(deep.matrix, layout, 4096);
    const offsets = offsetsOf(deep.matrix, layout, after).length;
    assert.ok(offsets <= 100, `${offsets} offsets, where the output in order takes 256`);
    assert.equal(new Set(after.slots).size, deep.matrix.rows);
  });

  test('the client gathers the input of a strided first convolution', async () => {
    const compiled = await plan(networks[0].graph, rowsFor(196));
    assert.ok(compiled.profile.input.slots, 'no gathered layout');
    assert.equal(explainPlan(compiled).rows[0].multiplications <= 4, true);
  });
});

test('the plan that is taken has the wanted error, not only one like it', async () => {
  const weights = gaussianSource(104);
  const layers = Array.from({ length: 4 }, () => denseMatrix(32, 32, weights));
  const graph = squareGraph([32], [...layers, denseMatrix(4, 32, weights)]);
  const rows = rowsFor(32);
  const largest = Math.max(...rows.flatMap((row) => [...runGraph(graph, row).at(-1)!].map(Math.abs)));
  for (const wanted of [1e-3, 1e-5]) {
    const { estimate } = (await plan(graph, rows, wanted)).profile;
    assert.ok(estimate.error <= 1.01 * wanted * largest, `${estimate.error} for ${wanted * largest}`);
  }
});

test('a smaller relative error takes more bits', async () => {
  const graph = squareGraph([20], [denseMatrix(8, 20, random), denseMatrix(3, 8, random)]);
  const rows = rowsFor(20);
  const bits = (p: Plan): number => p.profile.parameters.q.reduce((s, q) => s + Math.log2(q), 0);
  assert.ok(bits(await plan(graph, rows, 1e-6)) > bits(await plan(graph, rows, 1e-3)));
});

test('a network that does nothing still takes its round', async () => {
  const graph = graphOf([5], [], 5);
  const rows = rowsFor(5);
  assert.ok(relativeError(await encrypted(await plan(graph, rows), rows), graph, rows) < 1e-4);
});

test('the error of a polynomial of high degree is estimated within a small factor of the encrypted run', async () => {
  // The even Chebyshev series of |x| on [-3, 3].
  const coefficients = Array.from({ length: 32 }, (_, i) =>
    i % 2 === 1 ? 0 : ((i === 0 ? 0.5 : 1) * 12 * (-1) ** (i / 2 + 1)) / (Math.PI * (i * i - 1)),
  );
  const nodes: GraphNode[] = [
    {
      kind: 'affine',
      name: 'in',
      terms: [{ value: 0, matrix: denseMatrix(64, 16, random) }],
      bias: new Float64Array(64),
    },
    { kind: 'function', name: 'abs', value: 1, fn: { type: 'chebyshev', coefficients, domain: [-3, 3] } },
    {
      kind: 'affine',
      name: 'out',
      terms: [{ value: 2, matrix: denseMatrix(8, 64, random) }],
      bias: new Float64Array(8),
    },
  ];
  const graph = graphOf([16], nodes, 8);
  const rows = rowsFor(16, 4);
  const compiled = await plan(graph, rows);
  const clear = runClear(compiled, rows, { scores: true });
  const got = await encrypted(compiled, rows);
  const error = Math.max(...got.flatMap((row, r) => row.map((v, i) => Math.abs(v - clear[r][i]))));
  const { estimate } = compiled.profile;
  assert.ok(error <= estimate.error && estimate.error <= 30 * error, `${error} against ${estimate.error}`);
});

test('what does not fit is refused by name', async () => {
  const deep = squareGraph(
    [4],
    Array.from({ length: 40 }, () => denseMatrix(4, 4, random)),
  );
  await assert.rejects(plan(deep, rowsFor(4)), { code: 'MODEL_TOO_DEEP' });
  const relu = graphOf([4], [{ kind: 'function', name: 'relu_1', value: 0, fn: { type: 'relu' } }], 4);
  const constant = graphOf([4], [{ kind: 'affine', name: 'c', terms: [], bias: new Float64Array(4) }], 4);
  await assert.rejects(plan(constant, rowsFor(4)), { code: 'CONSTANT_TENSOR', argument: 'c' });
  await assert.rejects(plan(relu, rowsFor(4)), { code: 'APPROXIMATE_FIRST', argument: 'relu_1' });
});
