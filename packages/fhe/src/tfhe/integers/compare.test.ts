import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { CarryMode } from './propagate.ts';
import { agrees, agreesClear, allTypes, valuesOf, written } from './testing.ts';
import { type EncryptedInteger, UINT8, UINT16, UINT32, UINT64 } from './types.ts';

const one = (truth: boolean): bigint => (truth ? 1n : 0n);

test('lt, le, gt, ge agree in every width, both carry modes', () => {
  for (const type of allTypes()) {
    for (const carry of ['chain', 'parallel'] as CarryMode[]) {
      const order = written(
        [type, type],
        (i, a, b) => [i.lt(a, b), i.le(a, b), i.gt(a, b), i.ge(a, b)],
        carry,
      );
      agrees('order', order, type, (a, b) => [one(a < b), one(a <= b), one(a > b), one(a >= b)]);
    }
  }
});

test('lt, le, gt, ge with a clear number agree in every width', () => {
  for (const type of allTypes()) {
    agreesClear(
      'order',
      (i, a, b) => [i.lt(a, b), i.le(a, b), i.gt(a, b), i.ge(a, b)],
      type,
      (a, b) => [one(a < b), one(a <= b), one(a > b), one(a >= b)],
    );
  }
});

test('equal, notEqual, isZero agree in every width', () => {
  for (const type of allTypes()) {
    const equal = written([type, type], (i, a, b) => [i.equal(a, b), i.notEqual(a, b), i.isZero(a)]);
    agrees('equal', equal, type, (a, b) => [one(a === b), one(a !== b), one(a === 0n)]);
    agreesClear(
      'equal',
      (i, a, b) => [i.equal(a, b), i.notEqual(a, b)],
      type,
      (a, b) => [one(a === b), one(a !== b)],
    );
  }
});

test('equal finds a difference in any single bit', () => {
  const equal = written([UINT32, UINT32], (i, a, b) => i.equal(a, b));
  for (let bit = 0; bit < 32; bit++)
    assert.deepEqual(equal.run(0x5a5a1234n, 0x5a5a1234n ^ (1n << BigInt(bit))), [0n]);
  assert.deepEqual(equal.run(0x5a5a1234n, 0x5a5a1234n), [1n]);
});

test('min, max, minMax and select agree in every width', () => {
  for (const type of allTypes()) {
    const ordered = written([type, type], (i, a, b) => {
      const { min, max } = i.minMax(a, b);
      return [min, max, i.select(i.gt(a, b), b, a), i.masked(i.lt(a, b), a)];
    });
    agrees('minMax', ordered, type, (a, b) => {
      const min = a < b ? a : b;
      return [min, a < b ? b : a, min, a < b ? a : 0n];
    });
    agreesClear(
      'minMax',
      (i, a, b) => [i.min(a, b), i.max(a, b), i.select(i.isZero(a), a, b)],
      type,
      (a, b) => [a < b ? a : b, a < b ? b : a, a === 0n ? a : b],
    );
  }
});

test('a tournament of many rounds stays within the noise limit', () => {
  const rounds = (
    values: EncryptedInteger[],
    i: { min(a: EncryptedInteger, b: EncryptedInteger): EncryptedInteger },
  ): EncryptedInteger => {
    let left = values;
    while (left.length > 1) {
      const next: EncryptedInteger[] = [];
      for (let k = 0; k < left.length; k += 2)
        next.push(k + 1 < left.length ? i.min(left[k], left[k + 1]) : left[k]);
      left = next;
    }
    return left[0];
  };
  const types = new Array(40).fill(UINT16);
  const min = written(types, (i, ...values) => rounds(values, i));
  fc.assert(
    fc.property(fc.array(valuesOf(UINT16), { minLength: 40, maxLength: 40 }), (values) => {
      assert.deepEqual(min.run(...values), [values.reduce((a, b) => (a < b ? a : b))]);
    }),
    { numRuns: 30 },
  );
});

test('comparisons cost what the documentation says', () => {
  const count = (type: typeof UINT8, carry: CarryMode = 'auto'): number[] =>
    [
      written([type, type], (i, a, b) => i.lt(a, b), carry),
      written([type, type], (i, a, b) => i.equal(a, b), carry),
      written(
        [type, type],
        (i, a, b) => {
          const { min, max } = i.minMax(a, b);
          return [min, max];
        },
        carry,
      ),
      written([type], (i, a) => i.isZero(a), carry),
    ].map(({ circuit }) => circuit.steps.length);
  assert.deepEqual(count(UINT8), [2, 3, 6, 1]);
  assert.deepEqual(count(UINT16), [5, 5, 13, 2]);
  assert.deepEqual(count(UINT16, 'chain'), [4, 5, 12, 2]);
  assert.deepEqual(count(UINT32), [10, 9, 26, 4]);
  assert.deepEqual(count(UINT64), [21, 17, 53, 7]);
});
