/** Simplified graphs compute the same and have the nodes they should. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AffineNode, ElementwiseFunction, Graph, GraphNode } from './graph.ts';
import { runGraph } from './run.ts';
import { simplify } from './simplify.ts';
import { diagonal, entryCount, identity, SparseBuilder, type SparseMatrix } from './sparse.ts';

const SIZE = 4;

function graphOf(nodes: GraphNode[], value = nodes.length): Graph {
  return {
    name: 'g',
    input: { name: 'x', shape: [SIZE] },
    output: { name: 'y', shape: [SIZE], value },
    nodes,
    final: 'none',
    warnings: [],
  };
}

const affine = (value: number, matrix: SparseMatrix, bias = new Float64Array(matrix.rows)): AffineNode => ({
  kind: 'affine',
  name: `a${value}`,
  terms: [{ value, matrix }],
  bias,
});
const fn = (value: number, f: ElementwiseFunction): GraphNode => ({
  kind: 'function',
  name: 'f',
  value,
  fn: f,
});
const product = (left: number, right: number): GraphNode => ({ kind: 'product', name: 'p', left, right });

/** A matrix without structure, of small numbers. */
function mixed(rows = SIZE, columns = SIZE, seed = 1): SparseMatrix {
  const builder = new SparseBuilder(rows, columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) builder.add(r, c, Math.sin(seed + 3 * r + 7 * c) / columns);
  return builder.build();
}

const scaling = diagonal([2, 0.5, 3, 1]);
const relu: ElementwiseFunction = { type: 'relu' };

function assertSame(graph: Graph, simple: Graph): void {
  for (let seed = 0; seed < 5; seed++) {
    const x = Float64Array.from({ length: SIZE }, (_, i) => 2 * Math.sin(11 * seed + i));
    const [a, b] = [graph, simple].map((g) => runGraph(g, x)[g.output.value]);
    assert.equal(a.length, b.length);
    a.forEach((v, i) => {
      assert.ok(Math.abs(v - b[i]) <= 1e-9 * Math.max(1, Math.abs(v)), `${v} became ${b[i]}`);
    });
  }
}

const kinds = (graph: Graph) =>
  graph.nodes.map((n) => (n.kind === 'function' ? n.fn.type : n.kind)).join(' ');

const table: [string, GraphNode[], string][] = [
  ['affine after affine', [affine(0, mixed()), affine(1, mixed(), Float64Array.of(1, 2, 3, 4))], 'affine'],
  ['identities', [affine(0, identity(SIZE)), fn(1, relu), affine(2, identity(SIZE))], 'relu'],
  ['a scaling before relu', [affine(0, scaling), fn(1, relu), affine(2, mixed())], 'relu affine'],
  [
    'a negative scaling before abs',
    [affine(0, identity(SIZE, -2)), fn(1, { type: 'abs' }), affine(2, mixed())],
    'abs affine',
  ],
  [
    'a negative scaling before relu stays',
    [affine(0, identity(SIZE, -2)), fn(1, relu), affine(2, mixed())],
    'affine relu affine',
  ],
  ['a scaling before a square', [affine(0, scaling), product(1, 1), affine(2, mixed())], 'product affine'],
  ['a scaling of one factor', [affine(0, scaling), product(0, 1), affine(2, mixed())], 'product affine'],
  ['a scaling after a square', [affine(0, mixed()), product(1, 1), affine(2, scaling)], 'affine product'],
  [
    'scalings around a polynomial',
    [
      affine(0, identity(SIZE, 2), new Float64Array(SIZE).fill(1)),
      fn(1, { type: 'polynomial', coefficients: [1, 2, 3] }),
      affine(2, identity(SIZE, 5), new Float64Array(SIZE).fill(-1)),
    ],
    'polynomial',
  ],
  [
    'a polynomial of a layer stays',
    [affine(0, mixed()), fn(1, { type: 'polynomial', coefficients: [1, 2, 3] })],
    'affine polynomial',
  ],
  [
    'a residual connection',
    [
      affine(0, mixed()),
      fn(1, relu),
      affine(2, mixed(SIZE, SIZE, 2)),
      { ...affine(3, identity(SIZE)), terms: [3, 2].map((value) => ({ value, matrix: identity(SIZE) })) },
    ],
    'affine relu affine',
  ],
  [
    'x - x and dead nodes',
    [
      fn(0, { type: 'exp' }),
      {
        ...affine(0, identity(SIZE)),
        terms: [1, -1].map((f) => ({ value: 0, matrix: identity(SIZE, f) })),
        bias: Float64Array.of(1, 2, 3, 4),
      },
      affine(2, mixed()),
    ],
    'affine',
  ],
];

for (const [what, nodes, expected] of table) {
  test(what, () => {
    const graph = graphOf(nodes);
    const before = structuredClone(graph);
    const simple = simplify(graph);
    assert.equal(kinds(simple), expected);
    assertSame(graph, simple);
    assert.deepEqual(graph, before, 'the graph that was given is unchanged');
  });
}

test('a value that is also read elsewhere is kept', () => {
  const nodes = [affine(0, mixed()), fn(1, relu), affine(1, mixed(SIZE, SIZE, 2)), product(2, 3)];
  const graph = graphOf(nodes);
  const simple = simplify(graph);
  assert.equal(simple.nodes.length, 4);
  assertSame(graph, simple);
});

test('a bottleneck is not multiplied out beyond the limits', () => {
  const graph = graphOf([affine(0, mixed(1, SIZE)), affine(1, mixed(SIZE, 1))]);
  assert.equal(simplify(graph).nodes.length, 1);
  const kept = simplify(graph, { entryLimit: 10 });
  assert.equal(kept.nodes.length, 2);
  assertSame(graph, kept);
  // 100 x 1 by 1 x 100: 10,000 entries out of 200, more than four times as many.
  const wide = graphOf([affine(0, mixed(100, SIZE)), affine(1, mixed(1, 100)), affine(2, mixed(100, 1))], 3);
  const narrow = simplify(wide, { smallMatrix: 300 });
  assert.deepEqual(
    narrow.nodes.map((n) => n.kind === 'affine' && entryCount(n.terms[0].matrix)),
    [4 * 100],
  );
});

test('names of fused nodes are kept, the middle of long lists is not', () => {
  const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
  const nodes = names.map((name, i): GraphNode => ({ ...affine(i, mixed()), name }));
  const [node] = simplify(graphOf(nodes)).nodes;
  assert.match(node.name, /^n0 \+ n1 .* \.\.\. .* n11$/);
  assert.ok(node.name.length < 60);
});

test('random graphs compute the same after simplification, and simplifying again changes nothing', () => {
  const step = fc.record({
    kind: fc.constantFrom('mixed', 'scaling', 'identity', 'relu', 'square', 'product', 'polynomial', 'sum'),
    a: fc.nat(),
    b: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(), (steps, pick) => {
      const nodes: GraphNode[] = [];
      for (const { kind, a, b } of steps) {
        const [left, right] = [a % (nodes.length + 1), b % (nodes.length + 1)];
        const bias = Float64Array.of(0.1, -0.2, 0.3, 0);
        if (kind === 'mixed') nodes.push(affine(left, mixed(SIZE, SIZE, b % 9), bias));
        else if (kind === 'scaling') nodes.push(affine(left, diagonal([0.5, 0.7, 0.9, 0.2])));
        else if (kind === 'identity') nodes.push(affine(left, identity(SIZE, b % 2 ? 1 : -0.5)));
        else if (kind === 'relu') nodes.push(fn(left, relu));
        else if (kind === 'square') nodes.push(product(left, left));
        else if (kind === 'product') nodes.push(product(left, right));
        else if (kind === 'polynomial')
          nodes.push(
            fn(left, { type: 'tanh' }),
            fn(nodes.length + 1, { type: 'polynomial', coefficients: [0.1, 0.5, -0.3] }),
          );
        else
          nodes.push({
            ...affine(left, identity(SIZE)),
            terms: [left, right].map((value) => ({ value, matrix: identity(SIZE) })),
          });
      }
      const graph = graphOf(nodes, 1 + (pick % nodes.length));
      const simple = simplify(graph);
      assertSame(graph, simple);
      assert.ok(simple.nodes.length <= graph.nodes.length);
      assert.equal(simplify(simple).nodes.length, simple.nodes.length);
    }),
    { numRuns: 400 },
  );
});
