import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { allTypes, valuesOf } from './testing.ts';
import {
  blockCount,
  blockMax,
  decodeInteger,
  encodeInteger,
  INT8,
  maxValue,
  minValue,
  UINT8,
  UINT64,
} from './types.ts';

test('encode and decode are inverse in every width and blocks are canonical', () => {
  for (const type of allTypes()) {
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        const blocks = encodeInteger(value, type);
        assert.equal(blocks.length, blockCount(type));
        blocks.forEach((block, i) => {
          assert.ok(block >= 0 && block <= blockMax(type, i));
        });
        assert.equal(decodeInteger(blocks, type), value);
      }),
      { numRuns: 20 },
    );
  }
});

test('digits are base 4, least significant first, two complement', () => {
  assert.deepEqual(encodeInteger(0b11_00_10_01, UINT8), [1, 2, 0, 3]);
  assert.deepEqual(encodeInteger(-1, INT8), [3, 3, 3, 3]);
  assert.deepEqual(encodeInteger(-1, { bits: 5, signed: true }), [3, 3, 1]);
  assert.equal(decodeInteger([31, 31], UINT64), 31n + 124n);
});

test('values outside the type and widths outside 2..64 are refused', () => {
  for (const type of [UINT8, INT8, UINT64]) {
    assert.throws(() => encodeInteger(maxValue(type) + 1n, type), { code: 'INTEGER_VALUE' });
    assert.throws(() => encodeInteger(minValue(type) - 1n, type), { code: 'INTEGER_VALUE' });
  }
  assert.throws(() => encodeInteger(1.5, UINT8), { code: 'INTEGER_VALUE' });
  assert.throws(() => encodeInteger(Number.NaN, UINT8), { code: 'INTEGER_VALUE' });
  assert.throws(() => encodeInteger(2 ** 60, UINT64), { code: 'INTEGER_VALUE' });
  for (const bits of [1, 65, 2.5]) {
    assert.throws(() => encodeInteger(0, { bits, signed: false }), { code: 'INTEGER_TYPE' });
  }
});
