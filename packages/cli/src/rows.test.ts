/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT } from './errors.ts';
import { parseRows } from './rows.ts';

test('ranges of rows', () => {
  assert.deepEqual(parseRows(undefined, 9), [0, 9]);
  assert.deepEqual(parseRows('2:5', 9), [2, 5]);
  assert.deepEqual(parseRows(':5', 9), [0, 5]);
  assert.deepEqual(parseRows('5:', 9), [5, 9]);
  assert.deepEqual(parseRows('0:99', 9), [0, 9]);
  assert.deepEqual(parseRows('3', 9), [3, 4]);
});

test('what is no range is a usage error, what names no rows is bad input', () => {
  for (const text of ['', 'a:b', '-1:2', '1:2:3', '1.5']) {
    assert.throws(() => parseRows(text, 9), { code: 'ROWS_INVALID', exitCode: EXIT.usage });
  }
  for (const text of ['9:', '5:5', '6:5', '9', '0:0']) {
    assert.throws(() => parseRows(text, 9), { code: 'ROWS_INVALID', exitCode: EXIT.badInput });
  }
  assert.deepEqual(parseRows(':', 9), [0, 9]);
});
