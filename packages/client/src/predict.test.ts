/** The parts of a prediction that need no keys. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Profile } from '@velum/runtime';
import { labelsOf } from './labels.ts';
import { computeOf } from './predict.ts';

const profile = (output: Partial<Profile['output']>) =>
  ({ output: { values: 1, activation: 'none', ...output } }) as Profile;

test('Server-Timing', () => {
  assert.equal(computeOf('queue;dur=0.4, compute;dur=12.25'), 12.25);
  assert.equal(computeOf('compute;desc="x";dur=3'), 3);
  assert.equal(computeOf('precompute;dur=3'), 0);
  assert.equal(computeOf(null), 0);
});

test('labels by threshold, by the largest value, by index', () => {
  const labels = ['no', 'yes'];
  assert.deepEqual(labelsOf(profile({ labels }), [[-1], [1]]), labels);
  assert.deepEqual(labelsOf(profile({ labels, activation: 'sigmoid' }), [[0.4], [0.6]]), labels);
  assert.deepEqual(
    labelsOf(profile({ labels, activation: 'sigmoid', threshold: 0.3 }), [[0.2], [0.4]]),
    labels,
  );
  assert.deepEqual(
    labelsOf(profile({ labels, values: 2, activation: 'softmax' }), [
      [0.9, 0.1],
      [0.2, 0.8],
    ]),
    labels,
  );
  assert.deepEqual(labelsOf(profile({ labels, activation: 'argmax' }), [[0], [1]]), labels);
  assert.equal(labelsOf(profile({}), [[1]]), undefined);
});
