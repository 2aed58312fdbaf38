/**
 * What operations cost, counted on their circuits: the table of the documentation and of the benchmarks.
 * @module
 */

import { type Block, CircuitBuilder } from '../circuit/builder.ts';
import { circuitDepth } from '../circuit/ir.ts';
import { Integers } from './integers.ts';
import type { CarryMode } from './propagate.ts';
import {
  type EncryptedInteger,
  type IntegerType,
  maxValue,
  typeName,
  UINT8,
  UINT16,
  UINT32,
} from './types.ts';

export interface OperationCost {
  readonly operation: string;
  readonly type: string;
  readonly carry: CarryMode;
  /** Bootstraps, and how many of them come one after the other. */
  readonly bootstraps: number;
  readonly depth: number;
}

type Result = EncryptedInteger | Block;
type Write = (
  integers: Integers,
  a: EncryptedInteger,
  b: EncryptedInteger,
  clear: bigint,
) => Result | Result[];

/** `clear` is a number with digits of all kinds, about 0.6 of the largest. */
const OPERATIONS: Readonly<Record<string, Write>> = {
  add: (i, a, b) => i.add(a, b),
  'add clear': (i, a, _, clear) => i.add(a, clear),
  sub: (i, a, b) => i.sub(a, b),
  neg: (i, a) => i.neg(a),
  overflowingAdd: (i, a, b) => flagged(i.overflowingAdd(a, b)),
  overflowingSub: (i, a, b) => flagged(i.overflowingSub(a, b)),
  mul: (i, a, b) => i.mul(a, b),
  'mul clear': (i, a, _, clear) => i.mul(a, clear),
  'mul by 10': (i, a) => i.mul(a, 10),
  overflowingMul: (i, a, b) => flagged(i.overflowingMul(a, b)),
  'lt, le, gt, ge': (i, a, b) => i.lt(a, b),
  'lt clear': (i, a, _, clear) => i.lt(a, clear),
  equal: (i, a, b) => i.equal(a, b),
  'equal clear': (i, a, _, clear) => i.equal(a, clear),
  isZero: (i, a) => i.isZero(a),
  'min or max': (i, a, b) => i.min(a, b),
  'min and max': (i, a, b) => {
    const { min, max } = i.minMax(a, b);
    return [min, max];
  },
  select: (i, a, b) => i.select(i.builder.input(0, 1), a, b),
  'and, or, xor': (i, a, b) => i.and(a, b),
  not: (i, a) => i.not(a),
  'shift clear, even': (i, a) => i.shiftLeft(a, 2),
  'shift clear, odd': (i, a) => i.shiftLeft(a, 3),
  shift: (i, a, b) => i.shiftLeft(a, retyped(b, false)),
  rotate: (i, a, b) => i.rotateLeft(a, retyped(b, false)),
  'div and rem': (i, a, b) => {
    const { quotient, remainder } = i.divRem(a, b);
    return [quotient, remainder];
  },
  'div by 3': (i, a) => i.div(a, 3),
  'div by 10': (i, a) => i.div(a, 10),
  'rem by 10': (i, a) => i.rem(a, 10),
  'div clear': (i, a, _, clear) => i.div(a, clear),
  'sum of 5': (i, a, b) => i.sum([a, b, i.input(a.type), i.input(a.type), i.input(a.type)], a.type),
  'sum of 20': (i, a, b) => i.sum([a, b, ...Array.from({ length: 18 }, () => i.input(a.type))], a.type),
  'abs (signed)': (i, a) => i.abs(retyped(a, true)),
  'lt, le, gt, ge (signed)': (i, a, b) => i.lt(retyped(a, true), retyped(b, true)),
  'overflowingAdd (signed)': (i, a, b) => flagged(i.overflowingAdd(retyped(a, true), retyped(b, true))),
  'div and rem (signed)': (i, a, b) => {
    const { quotient, remainder } = i.divRem(retyped(a, true), retyped(b, true));
    return [quotient, remainder];
  },
};

function flagged({ result, overflow }: { result: EncryptedInteger; overflow: Block }): Result[] {
  return [result, overflow];
}

function retyped(a: EncryptedInteger, signed: boolean): EncryptedInteger {
  return { type: { bits: a.type.bits, signed }, blocks: a.blocks };
}

/** One row for every operation and type. */
export function integerCosts(
  types: readonly IntegerType[] = [UINT8, UINT16, UINT32],
  carry: CarryMode = 'auto',
): OperationCost[] {
  return Object.entries(OPERATIONS).flatMap(([operation, write]) =>
    types.map((type) => {
      const builder = new CircuitBuilder();
      const integers = new Integers(builder, { carry });
      const clear = (maxValue(type) * 618n) / 1000n;
      const made = write(integers, integers.input(type), integers.input(type), clear);
      const results = Array.isArray(made) ? made : [made];
      const circuit = builder.build(results.flatMap((x) => ('blocks' in x ? [...x.blocks] : [x])));
      return {
        operation,
        type: typeName(type),
        carry,
        bootstraps: circuit.steps.length,
        depth: circuitDepth(circuit),
      };
    }),
  );
}
