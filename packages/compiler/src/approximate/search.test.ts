import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Graph } from '../graph/graph.ts';
import { identity } from '../graph/sparse.ts';
import { forward } from './forward.ts';
import { checkOptions } from './options.ts';
import { searchDegrees } from './search.ts';
import { uniform } from './testing/networks.ts';

const SIZE = 8;

/** y = relu(x + 0.001 relu(x)): node 0 hardly matters, node 2 is all there is. */
const graph: Graph = {
  name: 'faint and loud',
  input: { name: 'x', shape: [1, SIZE] },
  output: { name: 'y', shape: [1, SIZE], value: 3 },
  nodes: [
    { kind: 'function', name: 'faint', value: 0, fn: { type: 'relu' } },
    {
      kind: 'affine',
      name: 'sum',
      terms: [
        { value: 0, matrix: identity(SIZE) },
        { value: 1, matrix: identity(SIZE, 0.001) },
      ],
      bias: new Float64Array(SIZE),
    },
    { kind: 'function', name: 'loud', value: 2, fn: { type: 'relu' } },
  ],
  final: 'none',
  warnings: [],
};
const random = uniform(8);
const inputs = Array.from({ length: 60 }, () => Float64Array.from({ length: SIZE }, random));
const data = { inputs, outputs: forward(graph, [inputs]) };
const degrees = (faint: number, loud: number) =>
  new Map([
    [0, faint],
    [2, loud],
  ]);
const target = { outputError: 0.06 };

test('a budget of one more level goes to the function that the output depends on', () => {
  const options = checkOptions({ maxDepth: 2 + 1 + 3 });
  const found = searchDegrees(graph, degrees(3, 3), data, options, target);
  assert.deepEqual(found, { degrees: degrees(3, 7), reached: false, stopped: 'depth' });
});

test('levels that the target does not need are taken back', () => {
  const options = checkOptions({});
  const upward = searchDegrees(graph, degrees(3, 3), data, options, target);
  assert.ok(upward.reached && upward.degrees.get(0) === 3 && upward.degrees.get(2)! > 7);
  const downward = searchDegrees(graph, degrees(31, 31), data, options, target);
  assert.deepEqual(downward, upward);
});

test('a target out of reach ends with the best degrees that were seen', () => {
  const options = checkOptions({ maxDegree: 15 });
  const found = searchDegrees(graph, degrees(3, 3), data, options, { outputError: 1e-9 });
  assert.deepEqual([found.reached, found.stopped, found.degrees.get(2)], [false, 'degree', 15]);
});

test('out of reach, levels that gain next to nothing are not taken', () => {
  const options = checkOptions({ maxDegree: 15 });
  const found = searchDegrees(graph, degrees(3, 3), data, options, { outputError: 1e-9 });
  assert.equal(found.degrees.get(0), 3);
});
