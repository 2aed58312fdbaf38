/**
 * Random programs: results of any operation are operands of any other, whatever their noise.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Integers } from './integers.ts';
import { valuesOf, written } from './testing.ts';
import { type EncryptedInteger, type IntegerType, wrap } from './types.ts';

interface Operation {
  readonly write: (i: Integers, a: EncryptedInteger, b: EncryptedInteger) => EncryptedInteger;
  readonly plain: (a: bigint, b: bigint, type: IntegerType) => bigint;
}

const quotient = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? 1n : -1n) : a / b);

const OPERATIONS: Record<string, Operation> = {
  add: { write: (i, a, b) => i.add(a, b), plain: (a, b) => a + b },
  sub: { write: (i, a, b) => i.sub(a, b), plain: (a, b) => a - b },
  neg: { write: (i, a) => i.neg(a), plain: (a) => -a },
  abs: { write: (i, a) => i.abs(a), plain: (a) => (a < 0n ? -a : a) },
  mul: { write: (i, a, b) => i.mul(a, b), plain: (a, b) => a * b },
  mulClear: { write: (i, a) => i.mul(a, 11), plain: (a) => a * 11n },
  min: { write: (i, a, b) => i.min(a, b), plain: (a, b) => (a < b ? a : b) },
  max: { write: (i, a, b) => i.max(a, b), plain: (a, b) => (a < b ? b : a) },
  select: { write: (i, a, b) => i.select(i.equal(a, b), a, i.not(b)), plain: (a, b) => (a === b ? a : ~b) },
  masked: { write: (i, a, b) => i.masked(i.ge(a, b), b), plain: (a, b) => (a >= b ? b : 0n) },
  and: { write: (i, a, b) => i.and(a, b), plain: (a, b) => a & b },
  xor: { write: (i, a, b) => i.xor(a, b), plain: (a, b) => a ^ b },
  shift: { write: (i, a) => i.shiftLeft(a, 1), plain: (a) => a << 1n },
  shiftRight: { write: (i, a) => i.shiftRight(a, 2), plain: (a) => a >> 2n },
  half: { write: (i, a) => i.shiftRight(a, 1), plain: (a) => a >> 1n },
  divide: { write: (i, a, b) => i.div(a, b), plain: quotient },
  divideClear: { write: (i, a) => i.div(a, 5), plain: (a) => a / 5n },
  remainder: { write: (i, a, b) => i.rem(a, b), plain: (a, b) => (b === 0n ? a : a % b) },
  remainderClear: { write: (i, a) => i.rem(a, 7), plain: (a) => a % 7n },
  sum: { write: (i, a, b) => i.sum([a, b, a, a], a.type), plain: (a, b) => 3n * a + b },
  checked: {
    write: (i, a, b) => {
      const { result, overflow } = i.overflowingAdd(a, b);
      return i.select(overflow, a, result);
    },
    plain: (a, b, type) => (wrap(a + b, type) === a + b ? a + b : a),
  },
  shiftBy: {
    write: (i, a, b) => i.shiftRight(a, i.cast(b, { bits: 2, signed: false })),
    plain: (a, b) => a >> (b & 3n),
  },
};

const TYPES: IntegerType[] = [
  { bits: 5, signed: true },
  { bits: 8, signed: false },
  { bits: 8, signed: true },
  { bits: 9, signed: false },
  { bits: 12, signed: true },
];

for (const carry of ['auto', 'chain', 'parallel'] as const) {
  test(`random programs agree with plain arithmetic, ${carry}`, () => {
    const line = fc.tuple(fc.constantFrom(...Object.keys(OPERATIONS)), fc.nat(), fc.nat());
    const program = fc.array(line, { minLength: 3, maxLength: 9 });
    fc.assert(
      fc.property(
        fc
          .constantFrom(...TYPES)
          .chain((type) =>
            fc.tuple(fc.constant(type), fc.array(valuesOf(type), { minLength: 6, maxLength: 6 })),
          ),
        program,
        ([type, values], lines) => {
          const operation = written(
            [type, type],
            (i, ...inputs) => {
              const pool = [...inputs];
              for (const [name, a, b] of lines) {
                pool.push(OPERATIONS[name].write(i, pool[pool.length - 1 - (a % 2)], pool[b % pool.length]));
              }
              return pool.slice(2);
            },
            carry,
          );
          for (let at = 0; at < values.length; at += 2) {
            const pool = values.slice(at, at + 2);
            for (const [name, a, b] of lines) {
              const exact = OPERATIONS[name].plain(
                pool[pool.length - 1 - (a % 2)],
                pool[b % pool.length],
                type,
              );
              pool.push(wrap(exact, type));
            }
            assert.deepEqual(operation.run(values[at], values[at + 1]), pool.slice(2));
          }
        },
      ),
      { numRuns: 80 },
    );
  });
}

test('an integer that turns out clear is multiplied and divided like any other', () => {
  const type = { bits: 9, signed: false };
  const operation = written(
    [type],
    (i, a) => {
      const ones = i.div(i.sub(a, a), i.sub(a, a));
      return [i.mul(ones, 11), i.div(ones, 5)];
    },
    'parallel',
  );
  assert.deepEqual(operation.run(7n), [wrap(511n * 11n, type), 511n / 5n]);
});
