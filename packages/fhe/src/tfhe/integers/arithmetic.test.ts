import assert from 'node:assert/strict';
import test from 'node:test';
import { circuitDepth } from '../circuit/ir.ts';
import type { CarryMode } from './propagate.ts';
import { agrees, agreesClear, allTypes, written } from './testing.ts';
import { INT8, typeName, UINT8, UINT16, UINT32, wrap } from './types.ts';

const MODES: CarryMode[] = ['chain', 'parallel'];

test('add, sub and neg agree with plain arithmetic in every width, both carry modes', () => {
  for (const type of allTypes()) {
    for (const carry of MODES) {
      const both = [type, type];
      agrees(
        'add',
        written(both, (i, a, b) => i.add(a, b), carry),
        type,
        (a, b) => [wrap(a + b, type)],
      );
      agrees(
        'sub',
        written(both, (i, a, b) => i.sub(a, b), carry),
        type,
        (a, b) => [wrap(a - b, type)],
      );
      agrees(
        'neg',
        written(both, (i, a) => i.neg(a), carry),
        type,
        (a) => [wrap(-a, type)],
      );
    }
  }
});

test('add and sub of a clear number agree in every width', () => {
  for (const type of allTypes()) {
    agreesClear(
      'add',
      (i, a, b) => i.add(a, b),
      type,
      (a, b) => [wrap(a + b, type)],
    );
    agreesClear(
      'sub',
      (i, a, b) => i.sub(a, b),
      type,
      (a, b) => [wrap(a - b, type)],
      { carry: 'chain' },
    );
  }
});

test('overflow flags of add and sub agree in every width', () => {
  for (const type of allTypes()) {
    const flagged = (exact: bigint): bigint[] => [wrap(exact, type), wrap(exact, type) === exact ? 0n : 1n];
    for (const carry of MODES) {
      const add = written(
        [type, type],
        (i, a, b) => {
          const { result, overflow } = i.overflowingAdd(a, b);
          return [result, overflow];
        },
        carry,
      );
      agrees('overflowingAdd', add, type, (a, b) => flagged(a + b));
      const sub = written(
        [type, type],
        (i, a, b) => {
          const { result, overflow } = i.overflowingSub(a, b);
          return [result, overflow];
        },
        carry,
      );
      agrees('overflowingSub', sub, type, (a, b) => flagged(a - b));
    }
    agreesClear(
      'overflowingAdd',
      (i, a, b) => {
        const { result, overflow } = i.overflowingAdd(a, b);
        return [result, overflow];
      },
      type,
      (a, b) => flagged(a + b),
    );
  }
});

test('abs agrees in every signed width', () => {
  for (const type of allTypes()) {
    agrees(
      'abs',
      written([type, type], (i, a) => i.abs(a)),
      type,
      (a) => [wrap(a < 0n ? -a : a, type)],
    );
  }
});

test('operations compose: results of operations are operands of others, without noise errors', () => {
  for (const carry of MODES) {
    const mixed = written(
      [UINT16, UINT16],
      (i, a, b) => {
        const sum = i.add(i.add(a, b), i.sub(a, b));
        const product = i.mul(sum, i.add(b, 1));
        const { min, max } = i.minMax(product, i.xor(sum, a));
        return i.sub(i.add(i.shiftLeft(max, 1), min), i.select(i.lt(min, a), max, sum));
      },
      carry,
    );
    agrees(
      'mixed',
      mixed,
      UINT16,
      (a, b) => {
        const u = (x: bigint): bigint => BigInt.asUintN(16, x);
        const sum = u(2n * a);
        const product = u(sum * (b + 1n));
        const other = sum ^ a;
        const [min, max] = product < other ? [product, other] : [other, product];
        return [u(u(max << 1n) + min - (min < a ? max : sum))];
      },
      40,
    );
  }
});

test('a chain costs one bootstrap a block, a tree is shallower', () => {
  const count = (bits: number, carry: CarryMode): [number, number] => {
    const type = { bits, signed: false };
    const { circuit } = written([type, type], (i, a, b) => i.add(a, b), carry);
    return [circuit.steps.length, circuitDepth(circuit)];
  };
  assert.deepEqual(count(8, 'auto'), [4, 4]);
  assert.deepEqual(count(16, 'chain'), [8, 8]);
  assert.deepEqual(count(32, 'chain'), [16, 16]);
  assert.deepEqual(count(16, 'auto'), [13, 4]);
  assert.deepEqual(count(32, 'auto'), [29, 5]);
  assert.deepEqual(count(64, 'auto'), [61, 7]);
});

test('a tree of sums whose operands have no room in their tables still builds', () => {
  // Each sum's tables hold message and carry, so a pair of digits would need second bootstraps.
  const tree = written([UINT32, UINT32], (i, a, b) => i.add(i.add(a, b), i.add(b, b)), 'parallel');
  agrees('a + 3 b', tree, UINT32, (a, b) => [wrap(a + 3n * b, UINT32)], 50);
});

test('operands of different types are refused', () => {
  assert.throws(() => written([UINT8, INT8], (i, a, b) => i.add(a, b)), {
    code: 'INTEGER_ARGUMENT',
    message: new RegExp(`${typeName(UINT8)} and ${typeName(INT8)}`),
  });
  assert.throws(() => written([{ bits: 65, signed: false }], (i, a) => i.neg(a)), { code: 'INTEGER_TYPE' });
  assert.throws(() => written([UINT8], (i, a) => i.add(a, 0.5)), { code: 'INTEGER_VALUE' });
});
