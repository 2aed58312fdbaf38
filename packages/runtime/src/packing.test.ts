/** Interleaved samples: where each lies, what fills the rest, and the way back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Layout, requestShape } from './layout.ts';
import { packSamples, unpackScores } from './packing.ts';
import type { Profile, ProfileInput } from './profile.ts';

const profile = (input: Partial<ProfileInput>): Profile =>
  ({
    parameters: { logN: 6, q: [], p: [] },
    input: { features: 3, packing: 'graph', period: 4, samplesPerRequest: 16, ...input },
    output: { values: 2, period: 4, slots: [3, 1] },
  }) as unknown as Profile;

const rows = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

test('samples lie beside each other, and the last one fills its group', () => {
  const p = profile({ images: 2 });
  const shape = requestShape(p, 3);
  assert.deepEqual(
    { ...shape, positions: shape.positions.count },
    { layout: Layout.interleaved, inputs: 2, results: 2, positions: 16, capacity: 2 },
  );
  assert.deepEqual(
    packSamples(p, rows, shape).map((v) => [...v]),
    [
      [1, 4, 2, 5, 3, 6, 0, 0],
      [7, 7, 8, 8, 9, 9, 0, 0],
    ],
  );
});

test('the parts of an input lie one after another', () => {
  const p = profile({ images: 2, parts: 2, period: 2, slots: [2, -1, 0, 0] });
  const shape = requestShape(p, 2);
  assert.equal(shape.inputs, 2);
  assert.equal(shape.results, 1);
  assert.deepEqual(
    packSamples(p, rows.slice(0, 2), shape).map((v) => [...v]),
    [
      [3, 6, 0, 0],
      [1, 4, 1, 4],
    ],
  );
});

test('scores are read from the slots of their sample', () => {
  const p = profile({ images: 2 });
  const vectors = [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [10, 11, 12, 13, 14, 15, 16, 17],
  ];
  assert.deepEqual(unpackScores(p, 3, requestShape(p, 3), vectors), [
    [6, 2],
    [7, 3],
    [16, 12],
  ]);
});
