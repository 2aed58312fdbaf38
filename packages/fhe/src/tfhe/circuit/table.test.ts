import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ValueRange } from './ir.ts';
import { fillBoxes, fitTable, rangeValues, tableRoom } from './table.ts';

/** What a bootstrap reads for v when the tables were filled, at an offset of noise in boxes. */
function read(boxes: readonly number[], v: number): number {
  const at = ((v % 32) + 32) % 32;
  return at < 16 ? boxes[at] : -boxes[at - 16];
}

const range = (min: number, max: number, spacing = 1): ValueRange => ({ min, max, spacing });

test('any function of 16 neighbouring values fits, wherever the range lies', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -40, max: 40 }),
      fc.array(fc.integer(), { minLength: 16, maxLength: 16 }),
      (min, results) => {
        const input = range(min, min + 15);
        const { table, constant } = fitTable(input, results);
        const boxes = fillBoxes(input, [table], 1);
        rangeValues(input).forEach((value, i) => {
          assert.equal(read(boxes, value) + constant, results[i]);
        });
      },
    ),
  );
});

test('functions with f(v + 16) = c - f(v) fit ranges up to 32: thresholds, signs, tests for zero', () => {
  const cases: [ValueRange, (x: number) => number][] = [
    [range(-16, 15), (x) => (x >= 0 ? 1 : 0)],
    [range(0, 31), (x) => (x >= 16 ? 3 : -5)],
    [range(-15, 15), Math.sign],
    [range(-15, 15), (x) => (x === 0 ? 1 : 0)],
    [range(0, 16), (x) => (x === 0 ? 1 : 0)],
    [range(0, 30), (x) => (x < 15 ? 0 : x === 15 ? 1 : 2)],
    [range(0, 48, 16), (x) => (x % 32 === 16 ? 1 : 0)],
  ];
  for (const [input, f] of cases) {
    const results = rangeValues(input).map(f);
    const { table, constant } = fitTable(input, results);
    const boxes = fillBoxes(input, [table], 1);
    rangeValues(input).forEach((value, i) => {
      assert.equal(read(boxes, value) + constant, results[i], `${f} at ${value}`);
    });
  }
});

test('functions that contradict the negacyclic wrap are refused', () => {
  const refused = (input: ValueRange, f: (x: number) => number): void => {
    assert.throws(() => fitTable(input, rangeValues(input).map(f)), { code: 'CIRCUIT_TABLE' });
  };
  refused(range(0, 31), (x) => x & 3);
  refused(range(0, 20), (x) => x >> 2);
  refused(range(-16, 16), (x) => (x >= 0 ? 1 : 0));
  refused(range(0, 32), (x) => x);
});

test('tables of several outputs stand side by side', () => {
  for (const outputs of [2, 4, 8]) {
    const width = 16 / outputs;
    const input = range(0, width - 1);
    const tables = Array.from({ length: outputs }, (_, t) => rangeValues(input).map((x) => 100 * t + x));
    const boxes = fillBoxes(input, tables, outputs);
    tables.forEach((table, t) => {
      rangeValues(input).forEach((value, i) => {
        assert.equal(read(boxes, value + t * width), table[i]);
      });
    });
    assert.equal(tableRoom(input, outputs), 0);
    assert.equal(tableRoom(range(0, width), outputs), -1);
  }
});

test('spaced values leave room for noise on both sides', () => {
  assert.equal(tableRoom(range(0, 15), 1), 0);
  assert.equal(tableRoom(range(0, 24, 8), 1), 3);
  assert.equal(tableRoom(range(0, 16, 16), 1), 7);
  // 0 and 15 are neighbours on the circle: -1 reads the box of 15.
  assert.equal(tableRoom(range(0, 15, 3), 1), 0);
  assert.equal(tableRoom(range(0, 12, 3), 1), 1);
  const input = range(0, 9, 3);
  const boxes = fillBoxes(input, [[5, 6, 7, 8]], 1);
  for (const offset of [-1, 0, 1]) {
    rangeValues(input).forEach((value, i) => {
      assert.equal(read(boxes, value + offset), 5 + i);
    });
  }
});
