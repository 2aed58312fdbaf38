/**
 * Division of unsigned integers by a clear number: by shifts, digit by digit, by a reciprocal, or as by an encrypted one, as
 * is cheapest for the width and the divisor.
 * @module
 */

import { type Block, CircuitBuilder } from '../circuit/builder.ts';
import { circuitDepth } from '../circuit/ir.ts';
import { gather, moveSource } from './bits.ts';
import { type Division, divideRestoring } from './divide.ts';
import { scaledColumns } from './multiply.ts';
import type { CarryMode } from './propagate.ts';
import { columnSum } from './sums.ts';
import { blockMax, type EncryptedInteger, type IntegerType } from './types.ts';

/** Divisors (odd parts) that digit by digit division takes. */
const SMALL_DIVISORS = [3n, 5n, 7n];

/** Quotient and remainder by a clear divisor >= 1. */
export function divideClear(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  divisor: bigint,
  mode: CarryMode,
): Division {
  const { type } = a;
  if (divisor >> BigInt(type.bits) > 0n) {
    return { quotient: { type, blocks: a.blocks.map(() => builder.constant(0)) }, remainder: a };
  }
  const quotient = cheapest(builder, a, (trial, x) => clearDivisions(trial, x, divisor, mode));
  return { quotient, remainder: remainderOf(builder, a, quotient, divisor, mode) };
}

/** a - q d = a + q (4^k - d) modulo 4^k, where the remainder has k digits like the divisor. */
function remainderOf(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  quotient: EncryptedInteger,
  divisor: bigint,
  mode: CarryMode,
): EncryptedInteger {
  const { type } = a;
  const k = digitsOfNumber(divisor - 1n).length;
  if (k === 0) return { type, blocks: a.blocks.map(() => builder.constant(0)) };
  const columns = scaledColumns(builder, quotient.blocks, digitsOfNumber((1n << BigInt(2 * k)) - divisor), k);
  for (let i = 0; i < k; i++) columns[i].push(a.blocks[i]);
  const low = columnSum(builder, columns, 2, mode);
  const blocks = a.blocks.map((_, i) =>
    i < k ? builder.assume(low[i], 0, blockMax(type, i)) : builder.constant(0),
  );
  return { type, blocks };
}

/** Base-4 digits, least significant first; none for 0. */
function digitsOfNumber(value: bigint): number[] {
  const digits: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 2n) digits.push(Number(rest & 3n));
  return digits;
}

/** The way with the fewest bootstraps, levels counted double, found by writing each into a builder of its own. */
function cheapest(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  ways: (builder: CircuitBuilder, a: EncryptedInteger) => (() => EncryptedInteger)[],
): EncryptedInteger {
  const choices = ways(builder, a);
  if (choices.length === 1) return choices[0]();
  const costs = choices.map((_, i) => {
    const trial = new CircuitBuilder();
    const blocks = a.blocks.map((block) => trial.input(0, block.max));
    const circuit = trial.build(ways(trial, { type: a.type, blocks })[i]().blocks);
    return circuit.steps.length + 2 * circuitDepth(circuit);
  });
  return choices[costs.indexOf(Math.min(...costs))]();
}

/** Ways to divide by a clear number from 1 to the type's largest; all give the same quotient. */
export function clearDivisions(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  divisor: bigint,
  mode: CarryMode,
): (() => EncryptedInteger)[] {
  const { type } = a;
  let twos = 0;
  while (((divisor >> BigInt(twos)) & 1n) === 0n) twos++;
  const odd = divisor >> BigInt(twos);
  const shifted = (): EncryptedInteger => gather(builder, a, type, moveSource('right', twos, type));
  if (odd === 1n) return [shifted];
  const ways = [
    () => divideByReciprocal(builder, a, divisor, mode),
    () => {
      const digits = digitsOfNumber(divisor);
      const clear = { type, blocks: a.blocks.map((_, i) => builder.constant(digits[i] ?? 0)) };
      return divideRestoring(builder, a, clear, mode).quotient;
    },
  ];
  if (twos > 0) ways.push(() => divideByReciprocal(builder, shifted(), odd, mode));
  if (SMALL_DIVISORS.includes(odd)) ways.push(() => divideDigits(builder, shifted(), Number(odd)));
  return ways;
}

/**
 * floor(a * m / 4^s) with m = ceil(4^s / d), exact for a < 2^bits where (m d - 4^s) 2^bits <= 4^s (Granlund and Montgomery,
 * "Division by invariant integers using multiplication", 1994, theorem 4.2).
 */
function divideByReciprocal(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  divisor: bigint,
  mode: CarryMode,
): EncryptedInteger {
  const { type } = a;
  const { factor, digits: low } = reciprocal(divisor, type);
  const factorDigits = digitsOfNumber(factor);
  const columns = scaledColumns(builder, a.blocks, factorDigits, a.blocks.length + factorDigits.length);
  const product = columnSum(builder, columns, 2, mode).slice(low);
  const blocks = a.blocks.map((_, i) => {
    const block = product[i] ?? builder.constant(0);
    return builder.assume(block, 0, Math.max(block.min, blockMax(type, i)));
  });
  return { type, blocks };
}

/** The smallest s with an exact reciprocal of s base-4 digits. */
function reciprocal(divisor: bigint, type: IntegerType): { factor: bigint; digits: number } {
  for (let digits = 1; ; digits++) {
    const scale = 1n << BigInt(2 * digits);
    const factor = (scale + divisor - 1n) / divisor;
    if ((factor * divisor - scale) << BigInt(type.bits) <= scale) return { factor, digits };
  }
}

/** Schoolbook division by 3, 5 or 7 from the top digit: v = 4 r + a_i is at most 27. */
function divideDigits(builder: CircuitBuilder, a: EncryptedInteger, divisor: number): EncryptedInteger {
  const blocks: Block[] = new Array(a.blocks.length);
  let rest: Block = builder.constant(0);
  for (let i = a.blocks.length - 1; i >= 0; i--) {
    let value = builder.add(rest, a.blocks[i]);
    let half: Block = builder.constant(0);
    if (value.max > 15) {
      // Whether the quotient digit is 2 or 3, which leaves less than 2 d <= 14.
      half = builder.lut(value, (x) => (x >= 2 * divisor ? 2 : 0));
      const taken = builder.lut(value, (x) => (x >= 2 * divisor ? 2 * divisor : 0));
      value = builder.assume(builder.sub(value, taken), 0, 2 * divisor - 1);
    }
    const digit = builder.add(
      half,
      builder.lut(value, (x) => Math.floor(x / divisor)),
    );
    blocks[i] = builder.assume(digit, 0, blockMax(a.type, i));
    rest = builder.lut(value, (x) => 4 * (x % divisor));
  }
  return { type: a.type, blocks };
}
