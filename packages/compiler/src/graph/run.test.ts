import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erf } from './erf.ts';
import type { ElementwiseFunction, Graph } from './graph.ts';
import { evaluateFunction, runGraph } from './run.ts';
import { identity, selection } from './sparse.ts';

test('erf agrees with tabulated values to double precision', () => {
  // Abramowitz and Stegun, table 7.1, and published values beyond it.
  const table: [number, number][] = [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.499, 0.99959132796],
    [2.501, 0.99959521895],
    [3, 0.9999779095030014],
    [30, 1],
  ];
  for (const [x, y] of table) {
    const tolerance = y.toString().length > 13 || y === 1 ? 3e-16 : 3e-6;
    assert.ok(Math.abs(erf(x) - y) <= tolerance, `erf(${x}) = ${erf(x)}`);
    assert.equal(erf(-x) + erf(x), 0);
  }
  // The series and the continued fraction meet; the slope there is 2 / sqrt(pi) exp(-6.25).
  const step = erf(2.5) - erf(2.5 - 1e-9);
  assert.ok(Math.abs(step - 1e-9 * (2 / Math.sqrt(Math.PI)) * Math.exp(-6.25)) < 1e-15);
});

test('every function at a point', () => {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const cases: [ElementwiseFunction, number, number][] = [
    [{ type: 'polynomial', coefficients: [1, -2, 3] }, 2, 9],
    [{ type: 'polynomial', coefficients: [] }, 2, 0],
    // T_2(u) = 2 u^2 - 1 at u = 1/2, where [0, 4] maps 3 to 1/2.
    [{ type: 'chebyshev', coefficients: [1, 2, 4], domain: [0, 4] }, 3, 1 + 1 - 2],
    [{ type: 'relu' }, -1, 0],
    [{ type: 'sigmoid' }, 0.3, sigmoid(0.3)],
    [{ type: 'tanh' }, 0.3, Math.tanh(0.3)],
    [{ type: 'gelu' }, 1, 0.8413447460685429],
    [{ type: 'erf' }, 1, 0.8427007929497149],
    [{ type: 'softplus' }, 1000, 1000],
    [{ type: 'softplus' }, 0, Math.LN2],
    [{ type: 'silu' }, 2, 2 * sigmoid(2)],
    [{ type: 'hardswish' }, 1, 2 / 3],
    [{ type: 'exp' }, 1, Math.E],
    [{ type: 'sqrt' }, 9, 3],
    [{ type: 'abs' }, -2, 2],
    [{ type: 'leakyrelu', alpha: 0.1 }, -2, -0.2],
    [{ type: 'elu', alpha: 2 }, -1, 2 * (Math.exp(-1) - 1)],
    [{ type: 'hardsigmoid', alpha: 0.2, beta: 0.5 }, 10, 1],
    [{ type: 'clip', min: -1, max: 2 }, 3, 2],
    [{ type: 'prelu', slopes: Float64Array.of(1, 0.25) }, -4, -1],
  ];
  for (const [fn, x, y] of cases) {
    const found = evaluateFunction(fn, x, 1);
    assert.ok(Math.abs(found - y) < 1e-14, `${fn.type}(${x}) = ${found}, not ${y}`);
  }
});

const graph: Graph = {
  name: 'g',
  input: { name: 'x', shape: [1, 2] },
  output: { name: 'y', shape: [2], value: 3 },
  nodes: [
    { kind: 'function', name: 'f', value: 0, fn: { type: 'relu' } },
    { kind: 'product', name: 'p', left: 0, right: 1 },
    {
      kind: 'affine',
      name: 'a',
      terms: [
        { value: 2, matrix: selection([1, 0], 2) },
        { value: 0, matrix: identity(2, 10) },
      ],
      bias: Float64Array.of(0.5, 0.25),
    },
  ],
  final: 'none',
  warnings: [],
};

test('runGraph gives every value, and takes functions in place of the graph’s', () => {
  const values = runGraph(graph, [-1, 3]);
  assert.deepEqual(
    values.map((v) => [...v]),
    [
      [-1, 3],
      [0, 3],
      [-0, 9],
      [9 - 10 + 0.5, 0 + 30 + 0.25],
    ],
  );
  const functions = new Map<number, ElementwiseFunction>([[0, { type: 'polynomial', coefficients: [1] }]]);
  assert.deepEqual([...runGraph(graph, [-1, 3], { functions })[2]], [-1, 3]);
});

test('an input of another length is refused', () => {
  assert.throws(() => runGraph(graph, [1, 2, 3]), { code: 'GRAPH_INPUT_LENGTH' });
});
