/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, millisecondsText, scoreText, table } from './output.ts';

test('bytes and times for people', () => {
  assert.deepEqual([0, 999, 1000, 65_536, 27_526_935, 3e12].map(bytesText), [
    '0 B',
    '999 B',
    '1.00 kB',
    '65.5 kB',
    '27.5 MB',
    '3.00e+3 GB',
  ]);
  assert.deepEqual([0.1234, 12.34, 1234].map(millisecondsText), ['0.12 ms', '12.3 ms', '1.23 s']);
  assert.equal(scoreText(-0.0452843817), '-0.04528438');
});

test('tables align numbers to the right and text to the left', () => {
  const text = table(
    ['row', 'label'],
    [
      [9, 'yes'],
      [10, 'no'],
    ],
  );
  assert.equal(text, ['row  label', '---  -----', '  9  yes', ' 10  no'].join('\n'));
  assert.equal(table(['a'], []), 'a\n-');
});
