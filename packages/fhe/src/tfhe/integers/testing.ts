/**
 * For the tests: an operation written once, run on clear values by the simulator or encrypted as the same circuit.
 * @module
 */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Block, CircuitBuilder } from '../circuit/builder.ts';
import type { Circuit } from '../circuit/ir.ts';
import { simulate } from '../circuit/simulate.ts';
import { Integers } from './integers.ts';
import type { CarryMode } from './propagate.ts';
import {
  blockMax,
  decodeInteger,
  type EncryptedInteger,
  encodeInteger,
  type IntegerType,
  maxValue,
  minValue,
  typeName,
} from './types.ts';

type Result = EncryptedInteger | Block;

export interface Written {
  readonly circuit: Circuit;
  /** Blocks to encrypt for these inputs. */
  encode(values: readonly bigint[]): number[];
  /** Results of output blocks; asserts that integers are canonical and flags 0 or 1. */
  decode(outputs: readonly number[]): bigint[];
  run(...values: bigint[]): bigint[];
}

/** The circuit of one operation on inputs of these types. */
export function written(
  types: readonly IntegerType[],
  write: (integers: Integers, ...inputs: EncryptedInteger[]) => Result | readonly Result[],
  carry: CarryMode = 'auto',
): Written {
  const builder = new CircuitBuilder();
  const integers = new Integers(builder, { carry });
  const made = write(integers, ...types.map((type) => integers.input(type)));
  const results = Array.isArray(made) ? (made as Result[]) : [made as Result];
  const circuit = builder.build(
    results.flatMap((result) => ('blocks' in result ? [...result.blocks] : [result])),
  );
  const encode = (values: readonly bigint[]): number[] =>
    values.flatMap((value, i) => encodeInteger(value, types[i]));
  const decode = (outputs: readonly number[]): bigint[] => {
    let at = 0;
    return results.map((result) => {
      if (!('blocks' in result)) {
        assert.ok(outputs[at] === 0 || outputs[at] === 1, `a flag is ${outputs[at]}`);
        return BigInt(outputs[at++]);
      }
      const blocks = outputs.slice(at, at + result.blocks.length);
      at += result.blocks.length;
      blocks.forEach((block, i) => {
        assert.ok(
          block >= 0 && block <= blockMax(result.type, i),
          `block ${i} of ${typeName(result.type)} is ${block}`,
        );
      });
      return decodeInteger(blocks, result.type);
    });
  };
  return { circuit, encode, decode, run: (...values) => decode(simulate(circuit, encode(values))) };
}

/** Values of a type with its edges (and those beside them) often. */
export function valuesOf(type: IntegerType): fc.Arbitrary<bigint> {
  const low = minValue(type);
  const high = maxValue(type);
  const edges = [low, low + 1n, high, high - 1n, 0n, 1n, 2n, 3n, -1n, high >> 1n, (high >> 1n) + 1n];
  return fc.oneof(
    fc.constantFrom(...edges.filter((value) => value >= low && value <= high)),
    fc.bigInt({ min: low, max: high }),
    fc.bigInt({ min: low < -15n ? -15n : low, max: high < 15n ? high : 15n }),
  );
}

/** Two values that are equal or neighbours often: where comparisons go wrong. */
export function pairsOf(type: IntegerType): fc.Arbitrary<[bigint, bigint]> {
  const inside = (value: bigint): bigint =>
    value > maxValue(type) ? maxValue(type) : value < minValue(type) ? minValue(type) : value;
  return fc.oneof(
    fc.tuple(valuesOf(type), valuesOf(type)),
    fc
      .tuple(valuesOf(type), fc.constantFrom(-4n, -1n, 0n, 1n, 16n))
      .map(([a, d]): [bigint, bigint] => [a, inside(a + d)]),
  );
}

/** Both signs of every width; `step` thins the widths out for costly operations, keeping 2, 3 and 64. */
export function allTypes(step = 1): IntegerType[] {
  const types: IntegerType[] = [];
  for (let bits = 2; bits <= 64; bits++) {
    if (bits > 9 && bits < 63 && bits % step !== 0) continue;
    types.push({ bits, signed: false }, { bits, signed: true });
  }
  return types;
}

/** Asserts that a written operation agrees with plain arithmetic on pairs of values. */
export function agrees(
  label: string,
  operation: Written,
  type: IntegerType,
  expected: (a: bigint, b: bigint) => readonly bigint[],
  runs = 12,
): void {
  fc.assert(
    fc.property(pairsOf(type), ([a, b]) => {
      assert.deepEqual(operation.run(a, b), expected(a, b), `${label} of ${a} and ${b} as ${typeName(type)}`);
    }),
    { numRuns: runs },
  );
}

/** The same with the second operand clear, one circuit for each of a few values of it. */
export function agreesClear(
  label: string,
  write: (integers: Integers, a: EncryptedInteger, clear: bigint) => Result | readonly Result[],
  type: IntegerType,
  expected: (a: bigint, b: bigint) => readonly bigint[],
  options: { carry?: CarryMode; clears?: fc.Arbitrary<bigint>; circuits?: number; runs?: number } = {},
): void {
  const { carry = 'auto', clears = valuesOf(type), circuits = 4, runs = 5 } = options;
  fc.assert(
    fc.property(clears, fc.array(valuesOf(type), { minLength: runs, maxLength: runs }), (clear, values) => {
      const operation = written([type], (integers, a) => write(integers, a, clear), carry);
      for (const a of values) {
        assert.deepEqual(
          operation.run(a),
          expected(a, clear),
          `${label} of ${a} and clear ${clear} as ${typeName(type)}`,
        );
      }
    }),
    { numRuns: circuits },
  );
}
