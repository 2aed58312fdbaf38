import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { agrees, agreesClear, allTypes, valuesOf, written } from './testing.ts';
import { type EncryptedInteger, INT8, type IntegerType, UINT8, UINT16, wrap } from './types.ts';

test('mul agrees in every width', () => {
  for (const type of allTypes()) {
    const carry = type.bits % 2 === 0 ? 'chain' : 'parallel';
    agrees(
      'mul',
      written([type, type], (i, a, b) => i.mul(a, b), carry),
      type,
      (a, b) => [wrap(a * b, type)],
      5,
    );
  }
});

test('mul of u8 is exact for every pair of a grid and its edges', () => {
  const mul = written([UINT8, UINT8], (i, a, b) => i.mul(a, b));
  for (let a = 0n; a < 256n; a += 5n) {
    for (let b = 0n; b < 256n; b += 15n) assert.deepEqual(mul.run(a, b), [(a * b) & 255n]);
  }
});

test('mul by a clear number agrees in every width', () => {
  for (const type of allTypes()) {
    agreesClear(
      'mul',
      (i, a, b) => i.mul(a, b),
      type,
      (a, b) => [wrap(a * b, type)],
      { circuits: 3, runs: 3 },
    );
  }
});

test('overflowingMul agrees in every width', () => {
  for (const type of allTypes(8)) {
    const mul = written([type, type], (i, a, b) => {
      const { result, overflow } = i.overflowingMul(a, b);
      return [result, overflow];
    });
    const flagged = (exact: bigint): bigint[] => [wrap(exact, type), wrap(exact, type) === exact ? 0n : 1n];
    agrees('overflowingMul', mul, type, (a, b) => flagged(a * b), 20);
    // Products near the width, where half of the flags differ.
    const half = { bits: Math.max(2, (type.bits >> 1) + 1), signed: type.signed };
    const close = (value: bigint): bigint => wrap(value, type);
    fc.assert(
      fc.property(valuesOf(half), valuesOf(half), (a, b) => {
        assert.deepEqual(mul.run(close(a), close(b)), flagged(close(a) * close(b)), `${a} * ${b}`);
      }),
      { numRuns: 20 },
    );
  }
});

test('overflowingMul of i8 and u8 flags exactly the products outside the type', () => {
  for (const type of [INT8, UINT8]) {
    const mul = written([type, type], (i, a, b) => i.overflowingMul(a, b).overflow);
    const values = [
      -128, -127, -64, -17, -16, -2, -1, 0, 1, 2, 3, 7, 8, 15, 16, 17, 63, 64, 85, 86, 127, 128, 255,
    ];
    const inside = values.map(BigInt).filter((value) => wrap(value, type) === value);
    for (const a of inside) {
      for (const b of inside) {
        assert.deepEqual(mul.run(a, b), [wrap(a * b, type) === a * b ? 0n : 1n], `${a} * ${b}`);
      }
    }
  }
});

test('sum of many agrees with plain sums, of any number of values', () => {
  const types: IntegerType[] = [
    UINT8,
    UINT16,
    { bits: 11, signed: false },
    INT8,
    { bits: 24, signed: false },
  ];
  for (const type of types) {
    for (const count of [1, 2, 3, 5, 8, 21]) {
      for (const carry of ['chain', 'parallel'] as const) {
        const sum = written(new Array(count).fill(type), (i, ...values) => i.sum(values, type), carry);
        fc.assert(
          fc.property(fc.array(valuesOf(type), { minLength: count, maxLength: count }), (values) => {
            assert.deepEqual(sum.run(...values), [
              wrap(
                values.reduce((a, b) => a + b),
                type,
              ),
            ]);
          }),
          { numRuns: 5 },
        );
      }
    }
  }
});

test('sums of bootstrapped values agree: the noise of deferred digits is accounted for', () => {
  const refreshed = written(new Array(12).fill(UINT8), (i, ...values) => {
    const products = values.map((value) => i.cast(i.mul(value, 77), UINT16));
    return [i.sum(products, UINT16), ...products];
  });
  fc.assert(
    fc.property(fc.array(valuesOf(UINT8), { minLength: 12, maxLength: 12 }), (values) => {
      const products = values.map((value) => (value * 77n) & 255n);
      assert.deepEqual(refreshed.run(...values), [products.reduce((a, b) => a + b), ...products]);
    }),
    { numRuns: 20 },
  );
});

test('digitSum needs no bootstrap for ten fresh integers and stays exact for more', () => {
  for (const count of [10, 11, 23, 60]) {
    const types: IntegerType[] = new Array(count).fill(UINT8);
    const type = { bits: 16, signed: false };
    const digits = written(types, (i, ...values: EncryptedInteger[]) => {
      const blocks = i.digitSum(values, 8);
      assert.ok(blocks.every((block) => block.min >= 0 && block.max <= 31));
      // Not canonical: read back through sums of one digit each.
      return i.sum(
        blocks.map((block, k) => ({ type, blocks: shifted(block, k, i) })),
        type,
      );
    });
    fc.assert(
      fc.property(fc.array(valuesOf(UINT8), { minLength: count, maxLength: count }), (values) => {
        assert.deepEqual(digits.run(...values), [values.reduce((a, b) => a + b)]);
      }),
      { numRuns: 10 },
    );
  }
  const { circuit } = written(new Array(10).fill(UINT8), (i, ...values) => {
    const blocks = i.digitSum(values, 4);
    return { type: UINT8, blocks };
  });
  assert.equal(circuit.steps.length, 0);
});

type Blocks = EncryptedInteger['blocks'];

/** A digit of up to 31 as blocks at position k: its parts of 0..15 and 16 are read by two bootstraps each. */
function shifted(
  block: Blocks[number],
  k: number,
  { builder }: { builder: import('../circuit/builder.ts').CircuitBuilder },
): Blocks {
  const zero = builder.constant(0);
  const high = builder.lut(block, (x) => (x >= 16 ? 16 : 0));
  const low = builder.assume(builder.sub(block, high), 0, 15);
  const parts = [
    builder.lut(low, (x) => x & 3),
    builder.lut(low, (x) => x >> 2),
    builder.lut(block, (x) => (x >= 16 ? 1 : 0)),
  ];
  return Array.from({ length: 8 }, (_, i) => parts[i - k] ?? zero);
}
