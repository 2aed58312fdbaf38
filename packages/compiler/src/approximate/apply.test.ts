import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElementwiseFunction, Graph } from '../graph/graph.ts';
import { runGraph } from '../graph/run.ts';
import { identity } from '../graph/sparse.ts';
import { applyApproximations, depthOf, graphDepth } from './apply.ts';
import { type Approximation, approximate } from './choose.ts';
import { fittedFunction } from './functions.ts';
import { dense, sequential, uniform } from './testing/networks.ts';

function replaced(graph: Graph, range: readonly [number, number], degree: number) {
  const found = new Map<number, Approximation>();
  graph.nodes.forEach((node, k) => {
    if (node.kind === 'function') found.set(k, approximate(fittedFunction(node.fn), { range, degree }));
  });
  return applyApproximations(graph, found);
}

const output = (graph: Graph, x: number[]) => runGraph(graph, x)[graph.output.value];
const single = (fn: ElementwiseFunction, size: number) =>
  sequential([1, size], [{ matrix: identity(size), fn }, { matrix: identity(size) }]);

test('functions become Chebyshev series, and nothing else changes', () => {
  const random = uniform(1);
  const graph = sequential(
    [1, 4],
    [
      { matrix: dense(5, 4, random), fn: { type: 'relu' } },
      { matrix: dense(3, 5, random), fn: { type: 'sigmoid' } },
      { matrix: dense(2, 3, random) },
    ],
  );
  const before = structuredClone(graph);
  const applied = replaced(graph, [-6, 6], 31);
  assert.deepEqual(graph, before);
  assert.deepEqual(
    applied.nodes.map((n) => (n.kind === 'function' ? n.fn.type : n.kind)),
    ['affine', 'chebyshev', 'affine', 'chebyshev', 'affine'],
  );
  const x = [0.3, -1, 0.5, 0.9];
  output(applied, x).forEach((y, i) => {
    assert.ok(Math.abs(y - output(graph, x)[i]) < 0.3);
  });
  assert.equal(graphDepth(applied), 3 + 2 * 5);
});

test('lines become affine nodes: a relu that is never negative, and one that is dead', () => {
  for (const [range, wanted] of [
    [
      [0.5, 3],
      [1, 2, 2.5],
    ],
    [
      [-3, -0.5],
      [0, 0, 0],
    ],
  ] as const) {
    const applied = replaced(single({ type: 'relu' }, 3), range, 7);
    assert.ok(applied.nodes.every((n) => n.kind === 'affine'));
    assert.deepEqual([...output(applied, [1, 2, 2.5])], wanted);
  }
  const line = applyApproximations(
    single({ type: 'tanh' }, 2),
    new Map([[1, approximate({ type: 'tanh' }, { range: [-1, 3], degree: 1 })]]),
  );
  assert.ok(line.nodes.every((n) => n.kind === 'affine'));
  const p = approximate({ type: 'tanh' }, { range: [-1, 3], degree: 1 });
  assert.ok(Math.abs(output(line, [-1, 3])[1] - Math.tanh(3)) <= p.maxError * 1.001);
});

test('a prelu takes its slopes around one polynomial, and later values are renumbered', () => {
  const slopes = Float64Array.of(0.1, 0.5, -0.25);
  const graph = single({ type: 'prelu', slopes }, 3);
  graph.nodes.push({ kind: 'product', name: 'square', left: graph.output.value, right: graph.output.value });
  graph.output.value++;
  const applied = replaced(graph, [-2, 2], 63);
  assert.equal(applied.nodes.length, graph.nodes.length + 1);
  assert.equal(applied.output.value, applied.nodes.length);
  for (const x of [
    [1, 1, 1],
    [-1, -1.5, -2],
  ])
    output(applied, x).forEach((y, i) => {
      assert.ok(Math.abs(y - output(graph, x)[i]) < 0.03, `${y} is not ${output(graph, x)[i]}`);
    });
});

test('equal slopes are a leaky relu, with one function node', () => {
  const graph = single({ type: 'prelu', slopes: Float64Array.of(0.2, 0.2) }, 2);
  assert.equal(replaced(graph, [-2, 2], 15).nodes.length, graph.nodes.length);
});

test('depth follows the longest path', () => {
  const size = 2;
  const graph = single({ type: 'relu' }, size);
  // A branch around the function does not add to it.
  graph.nodes[2] = {
    kind: 'affine',
    name: 'residual',
    terms: [
      { value: 1, matrix: identity(size) },
      { value: 2, matrix: identity(size) },
    ],
    bias: new Float64Array(size),
  };
  assert.equal(graphDepth(graph), 2);
  assert.equal(graphDepth(graph, new Map([[1, 3]])), 5);
  assert.equal(graphDepth(replaced(graph, [-1, 2], 7)), 5);
  // A scaling is free after an affine node, not after the input.
  const scalings = sequential(
    [1, 2],
    [{ matrix: identity(2, 3) }, { matrix: identity(2, 5) }, { matrix: identity(2) }],
  );
  assert.equal(graphDepth(scalings), 1);
  const full = sequential([1, 2], [{ matrix: dense(2, 2, uniform(1)) }, { matrix: dense(2, 2, uniform(2)) }]);
  assert.equal(graphDepth(full), 2);
  assert.equal(depthOf({ basis: 'power', coefficients: [0, 0, 1] }), 1);
  assert.equal(depthOf({ basis: 'chebyshev', coefficients: [0, 0, 1], domain: [-1, 1] }), 2);
  assert.equal(depthOf({ basis: 'power', coefficients: [3, 1] }), 0);
});
