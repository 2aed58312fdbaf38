import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { agrees, agreesClear, allTypes, valuesOf, written } from './testing.ts';
import { blockCount, INT16, type IntegerType, maxValue, typeName, UINT8, UINT16, wrap } from './types.ts';

/** Reference rotation to the left by 0 <= amount < bits. */
function rotated(value: bigint, amount: bigint, type: IntegerType): bigint {
  const bits = BigInt(type.bits);
  const plain = BigInt.asUintN(type.bits, value);
  return wrap((plain << amount) | (plain >> (bits - amount)), type);
}

test('and, or, xor, not agree in every width, encrypted and clear', () => {
  for (const type of allTypes()) {
    const logic = written([type, type], (i, a, b) => [i.and(a, b), i.or(a, b), i.xor(a, b), i.not(a)]);
    agrees('logic', logic, type, (a, b) => [a & b, a | b, a ^ b, wrap(~a, type)]);
    agreesClear(
      'logic',
      (i, a, b) => [i.and(a, b), i.or(a, b), i.xor(a, b)],
      type,
      (a, b) => [a & b, a | b, a ^ b],
    );
  }
});

test('shifts and rotations by clear amounts agree in every width', () => {
  for (const type of allTypes()) {
    const bits = BigInt(type.bits);
    agreesClear(
      'move',
      (i, a, s) => [i.shiftLeft(a, s), i.shiftRight(a, s), i.rotateLeft(a, s), i.rotateRight(a, s)],
      type,
      (a, s) => [
        wrap(a << s, type),
        wrap(a >> s, type),
        rotated(a, s % bits, type),
        rotated(a, (bits - (s % bits)) % bits, type),
      ],
      { clears: fc.bigInt({ min: 0n, max: bits + 3n }), circuits: 6, runs: 4 },
    );
  }
});

test('shifts and rotations by encrypted amounts agree in every width', () => {
  for (const type of allTypes()) {
    const bits = BigInt(type.bits);
    const stages = Math.ceil(Math.log2(type.bits));
    const moves = written([type, UINT8], (i, a, s) => [
      i.shiftLeft(a, s),
      i.shiftRight(a, s),
      i.rotateLeft(a, s),
      i.rotateRight(a, s),
    ]);
    fc.assert(
      fc.property(valuesOf(type), fc.bigInt({ min: 0n, max: 255n }), (a, amount) => {
        const s = amount & ((1n << BigInt(stages)) - 1n);
        const left = rotated(a, s % bits, type);
        const right = rotated(a, (bits - (s % bits)) % bits, type);
        assert.deepEqual(
          moves.run(a, amount),
          [wrap(a << s, type), wrap(a >> s, type), left, right],
          `${typeName(type)} ${a} by ${amount}`,
        );
      }),
      { numRuns: 10 },
    );
  }
});

test('casts between any two widths keep the value modulo the new width', () => {
  const widths = [2, 3, 5, 8, 9, 16, 31, 64];
  const types = widths.flatMap((bits): IntegerType[] => [
    { bits, signed: false },
    { bits, signed: true },
  ]);
  for (const from of types) {
    const all = written([from], (i, a) => types.map((to) => i.cast(a, to)));
    fc.assert(
      fc.property(valuesOf(from), (a) => {
        assert.deepEqual(
          all.run(a),
          types.map((to) => wrap(a, to)),
          `${a} from ${typeName(from)}`,
        );
      }),
      { numRuns: 10 },
    );
  }
});

test('bits are read one by one', () => {
  const bits = written([UINT16], (i, a) => Array.from({ length: 16 }, (_, k) => i.bit(a, k)));
  assert.deepEqual(bits.run(0xa5c3n), [...'1010010111000011'].reverse().map(BigInt));
  assert.equal(bits.circuit.steps.length, 8);
});

test('even shifts, casts and rotations are free, odd ones cost a bootstrap a block', () => {
  const steps = (amount: number): number =>
    written([UINT16], (i, a) => i.rotateLeft(a, amount)).circuit.steps.length;
  assert.equal(steps(6), 0);
  assert.equal(steps(5), 8);
  assert.equal(written([UINT8], (i, a) => i.cast(a, UINT16)).circuit.steps.length, 0);
  assert.equal(written([UINT16], (i, a) => i.cast(a, UINT8)).circuit.steps.length, 0);
  assert.equal(written([{ bits: 8, signed: true }], (i, a) => i.cast(a, INT16)).circuit.steps.length, 1);
});

test('bad amounts and bits are refused', () => {
  assert.throws(() => written([UINT8], (i, a) => i.shiftLeft(a, -1)), { code: 'INTEGER_ARGUMENT' });
  assert.throws(() => written([UINT8], (i, a) => i.shiftLeft(a, 1.5)), { code: 'INTEGER_ARGUMENT' });
  assert.throws(() => written([UINT8, INT16], (i, a, s) => i.shiftLeft(a, s)), { code: 'INTEGER_ARGUMENT' });
  assert.throws(() => written([UINT8], (i, a) => i.bit(a, 8)), { code: 'INTEGER_ARGUMENT' });
  assert.equal(blockCount(UINT8), 4);
  assert.equal(maxValue(UINT8), 255n);
});
