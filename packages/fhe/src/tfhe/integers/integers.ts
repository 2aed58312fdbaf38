/**
 * Encrypted integers: every operation writes bootstraps into a circuit builder; nothing runs here.
 *
 * An operand may be clear (a bigint or a number): tables then need less range, so it costs fewer bootstraps or none. Results
 * wrap modulo 2^bits like the integers of a CPU. A condition or a flag is a block of 0 or 1. Costs are given for n blocks
 * (half the bits); `integerCosts` counts them.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { CircuitError } from '../circuit/errors.ts';
import { bitOf, cast, type Move, moveBy, moveClear } from './bits.ts';
import { type BitOperation, bitwiseBlock } from './bitwise.ts';
import { equal, less } from './compare.ts';
import { type Division, divideRestoring } from './divide.ts';
import { divideClear } from './divide-clear.ts';
import { productColumns, scaledColumns } from './multiply.ts';
import {
  type Overflowing,
  overflowingProduct,
  overflowingSignedProduct,
  overflowingSum,
} from './overflow.ts';
import { type CarryMode, propagate, settled } from './propagate.ts';
import { masked, selectBlock, swapBlock } from './select.ts';
import { differ, magnitude, negatedIf, signBit } from './sign.ts';
import { columnSum, columnsOf, reduceColumns } from './sums.ts';
import {
  blockCount,
  blockMax,
  checkType,
  digitsOf,
  type EncryptedInteger,
  type IntegerType,
  sameType,
  toBigInt,
  topBits,
  typeName,
} from './types.ts';

/** Encrypted, or clear where that is cheaper; at least one operand of an operation is encrypted. */
export type Operand = EncryptedInteger | bigint | number;

export class Integers {
  readonly builder: CircuitBuilder;
  readonly carry: CarryMode;

  constructor(builder: CircuitBuilder, options: { carry?: CarryMode } = {}) {
    this.builder = builder;
    this.carry = options.carry ?? 'auto';
  }

  /** Sums of columns and rounds of a division keep the threads busy anyway: the fewest bootstraps unless told otherwise. */
  get #wide(): CarryMode {
    return this.carry === 'auto' ? 'chain' : this.carry;
  }

  /** The next inputs of the circuit as an integer: `encodeInteger` gives their values. */
  input(type: IntegerType): EncryptedInteger {
    checkType(type);
    const blocks = Array.from({ length: blockCount(type) }, (_, i) =>
      this.builder.input(0, blockMax(type, i)),
    );
    return { type, blocks };
  }

  /** A clear integer, modulo 2^bits. */
  constant(value: bigint | number, type: IntegerType): EncryptedInteger {
    checkType(type);
    return { type, blocks: digitsOf(toBigInt(value), type).map((digit) => this.builder.constant(digit)) };
  }

  /** a + b: one bootstrap a block in a chain, about two in a tree (n blocks: 2 n - 3). */
  add(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.#sum(a, this.#operand(b, a.type), 0);
  }

  /** a - b, like `add`. */
  sub(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.#sum(a, this.not(this.#operand(b, a.type)), 1);
  }

  /** -a, like `add`. */
  neg(a: EncryptedInteger): EncryptedInteger {
    return this.#sum(this.not(a), this.constant(0, a.type), 1);
  }

  /** Bitwise complement: no bootstrap. */
  not(a: EncryptedInteger): EncryptedInteger {
    const blocks = a.blocks.map((x, i) => this.builder.linear([[x, -1]], blockMax(a.type, i)));
    return { type: a.type, blocks };
  }

  /** a < b: one bootstrap for two blocks in a chain, a quarter more in a tree; signed types one or two more. */
  lt(a: EncryptedInteger, b: Operand): Block {
    return less(this.builder, a, this.#operand(b, a.type), false, this.carry);
  }

  le(a: EncryptedInteger, b: Operand): Block {
    return less(this.builder, a, this.#operand(b, a.type), true, this.carry);
  }

  gt(a: EncryptedInteger, b: Operand): Block {
    return less(this.builder, this.#operand(b, a.type), a, false, this.carry);
  }

  ge(a: EncryptedInteger, b: Operand): Block {
    return less(this.builder, this.#operand(b, a.type), a, true, this.carry);
  }

  /** a = b: one bootstrap for two blocks, and one (with a clear b, digits 0 and 3 go five together). */
  equal(a: EncryptedInteger, b: Operand): Block {
    return equal(this.builder, a, this.#operand(b, a.type));
  }

  notEqual(a: EncryptedInteger, b: Operand): Block {
    return this.builder.linear([[this.equal(a, b), -1]], 1);
  }

  /** a = 0: one bootstrap for five blocks, and one if there are more. */
  isZero(a: EncryptedInteger): Block {
    return this.equal(a, 0n);
  }

  /** condition ? a : b, one bootstrap a block. */
  select(condition: Block, a: EncryptedInteger, b: Operand): EncryptedInteger {
    const other = this.#operand(b, a.type);
    const blocks = a.blocks.map((x, i) => selectBlock(this.builder, condition, x, other.blocks[i]));
    return this.#settled(a.type, blocks);
  }

  /** condition ? a : 0, one bootstrap a block. */
  masked(condition: Block, a: EncryptedInteger): EncryptedInteger {
    return { type: a.type, blocks: a.blocks.map((x) => masked(this.builder, condition, x)) };
  }

  /** Smaller and larger of two: one comparison and one bootstrap a block for both. */
  minMax(a: EncryptedInteger, b: Operand): { min: EncryptedInteger; max: EncryptedInteger } {
    const other = this.#operand(b, a.type);
    const smaller = this.lt(a, other);
    const pairs = a.blocks.map((x, i) => swapBlock(this.builder, smaller, x, other.blocks[i]));
    return {
      min: this.#settled(
        a.type,
        pairs.map(([low]) => low),
      ),
      max: this.#settled(
        a.type,
        pairs.map(([, high]) => high),
      ),
    };
  }

  min(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.minMax(a, b).min;
  }

  max(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.minMax(a, b).max;
  }

  /** Bitwise and: one bootstrap a block, none for a block whose clear bits are equal. */
  and(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.#bitwise(a, b, 'and');
  }

  or(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.#bitwise(a, b, 'or');
  }

  xor(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.#bitwise(a, b, 'xor');
  }

  /** Bit k of a (0 the lowest) as 0 or 1. */
  bit(a: EncryptedInteger, k: number): Block {
    return bitOf(this.builder, a, k);
  }

  /**
   * a << amount. A clear amount may be 0 or more (from the width on nothing stays) and costs nothing if even, one bootstrap a
   * block if odd; of an encrypted, unsigned one the low ceil(log2 bits) bits count.
   */
  shiftLeft(a: EncryptedInteger, amount: Operand): EncryptedInteger {
    return this.#moved(a, amount, 'left');
  }

  /** a >> amount: arithmetic for signed integers. Amounts as for `shiftLeft`. */
  shiftRight(a: EncryptedInteger, amount: Operand): EncryptedInteger {
    return this.#moved(a, amount, 'right');
  }

  /** Rotation of the bits to the left, by the amount modulo the width if it is clear; else as for `shiftLeft`. */
  rotateLeft(a: EncryptedInteger, amount: Operand): EncryptedInteger {
    return this.#moved(a, amount, 'rotateLeft');
  }

  rotateRight(a: EncryptedInteger, amount: Operand): EncryptedInteger {
    return this.#moved(a, amount, 'rotateRight');
  }

  /** The value in another type, modulo 2^bits: wider by zeros or the sign, narrower by dropping bits. Mostly free. */
  cast(a: EncryptedInteger, type: IntegerType): EncryptedInteger {
    checkType(type);
    return cast(this.builder, a, type);
  }

  /** |a| in the same type (the least value stays, as on a CPU): one bootstrap a block more than `neg`, and the sign. */
  abs(a: EncryptedInteger): EncryptedInteger {
    return { type: a.type, blocks: magnitude(this.builder, a, this.carry).blocks };
  }

  /**
   * a * b: two bootstraps for each pair of digits below the width, n^2 in all, and about half as many to add them up. By a
   * clear number one a block and then about half of what is not 0 in it; by 2, 4, 5 the cost of a shift or of `add`.
   */
  mul(a: EncryptedInteger, b: Operand): EncryptedInteger {
    const { type } = a;
    const count = blockCount(type);
    const columns =
      typeof b === 'object'
        ? productColumns(this.builder, a.blocks, this.#operand(b, type).blocks, count)
        : scaledColumns(this.builder, a.blocks, digitsOf(toBigInt(b), type), count);
    return { type, blocks: columnSum(this.builder, columns, topBits(type), this.#wide) };
  }

  /**
   * Sum modulo 2^bits of integers of the type, or of narrower unsigned ones. Carries are deferred to the end: about half a
   * bootstrap for each block that is added.
   */
  sum(values: readonly EncryptedInteger[], type: IntegerType): EncryptedInteger {
    checkType(type);
    const unfit = values.find(({ type: { bits, signed } }) => signed && bits < type.bits);
    if (unfit !== undefined) {
      throw new CircuitError(
        'INTEGER_ARGUMENT',
        `cast ${typeName(unfit.type)} to ${typeName(type)} before the sum`,
        'values',
      );
    }
    const columns = columnsOf(values, blockCount(type));
    return { type, blocks: columnSum(this.builder, columns, topBits(type), this.#wide) };
  }

  /**
   * Sum of unsigned integers as `blocks` unreduced digits of 0..31 for the client to add up (`decodeInteger` with a type that
   * is wide enough): up to ten fresh integers need no bootstrap at all.
   */
  digitSum(values: readonly EncryptedInteger[], blocks: number): Block[] {
    return reduceColumns(this.builder, columnsOf(values, blocks), { limit: 31, topBits: 2, lazy: true });
  }

  /** a + b and whether it overflows: no bootstrap more than `add` if unsigned, one more if signed. */
  overflowingAdd(a: EncryptedInteger, b: Operand): Overflowing {
    return overflowingSum(this.builder, a, this.#operand(b, a.type), 0, this.carry);
  }

  /** a - b and whether it overflows, like `overflowingAdd`. */
  overflowingSub(a: EncryptedInteger, b: Operand): Overflowing {
    return overflowingSum(this.builder, a, this.not(this.#operand(b, a.type)), 1, this.carry);
  }

  /** a * b and whether it overflows: about four bootstraps a block more than `mul` if unsigned, twelve if signed. */
  overflowingMul(a: EncryptedInteger, b: Operand): Overflowing {
    const product = a.type.signed ? overflowingSignedProduct : overflowingProduct;
    return product(this.builder, a, this.#operand(b, a.type), this.#wide);
  }

  /**
   * Quotient (towards zero) and remainder (with the sign of a). By an encrypted divisor two bootstraps a quotient bit for each
   * block that it can change, about n (2 n + 7) in all; by a clear one 2 n to 4 n for 3, 5 and 7 times a power of two, and
   * otherwise about as `mul` by a clear number. Signed ones cost up to four `abs` more.
   * By an encrypted 0 the remainder is a and the quotient all ones, for negative a 1.
   * @throws CircuitError INTEGER_ARGUMENT for a clear divisor 0, or a negative one of an unsigned integer.
   */
  divRem(a: EncryptedInteger, b: Operand): Division {
    const { type } = a;
    const { builder } = this;
    if (!type.signed) return this.#divided(a, b);
    const sign = signBit(builder, a);
    let parts: Division;
    let negative = sign;
    if (typeof b === 'object') {
      const other = this.#operand(b, type);
      parts = this.#divided(magnitude(builder, a, this.#wide), magnitude(builder, other, this.#wide));
      negative = differ(builder, sign, signBit(builder, other));
    } else {
      const clear = toBigInt(b, 'b');
      parts = this.#divided(magnitude(builder, a, this.#wide), clear < 0n ? -clear : clear);
      if (clear < 0n) negative = builder.linear([[sign, -1]], 1);
    }
    return {
      quotient: negatedIf(builder, negative, { type, blocks: parts.quotient.blocks }, this.#wide),
      remainder: negatedIf(builder, sign, { type, blocks: parts.remainder.blocks }, this.#wide),
    };
  }

  div(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.divRem(a, b).quotient;
  }

  rem(a: EncryptedInteger, b: Operand): EncryptedInteger {
    return this.divRem(a, b).remainder;
  }

  #divided(a: EncryptedInteger, b: Operand): Division {
    if (typeof b === 'object') return divideRestoring(this.builder, a, this.#operand(b, a.type), this.#wide);
    const divisor = toBigInt(b, 'b');
    if (divisor <= 0n) {
      throw new CircuitError('INTEGER_ARGUMENT', `cannot divide ${typeName(a.type)} by ${divisor}`, 'b');
    }
    return divideClear(this.builder, a, divisor, this.#wide);
  }

  #bitwise(a: EncryptedInteger, b: Operand, operation: BitOperation): EncryptedInteger {
    const other = this.#operand(b, a.type);
    const blocks = a.blocks.map((x, i) =>
      bitwiseBlock(this.builder, x, other.blocks[i], blockMax(a.type, i), operation),
    );
    return { type: a.type, blocks };
  }

  #moved(a: EncryptedInteger, amount: Operand, move: Move): EncryptedInteger {
    return typeof amount === 'object'
      ? moveBy(this.builder, a, amount, move)
      : moveClear(this.builder, a, amount, move);
  }

  #settled(type: IntegerType, blocks: readonly Block[]): EncryptedInteger {
    return { type, blocks: blocks.map((block) => settled(this.builder, block)) };
  }

  #sum(a: EncryptedInteger, b: EncryptedInteger, carryIn: 0 | 1): EncryptedInteger {
    const digits = a.blocks.map((x, i) => this.builder.add(x, b.blocks[i]));
    const carry = this.builder.constant(carryIn);
    const { blocks } = propagate(this.builder, digits, carry, topBits(a.type), this.carry);
    return { type: a.type, blocks };
  }

  #operand(value: Operand, type: IntegerType): EncryptedInteger {
    if (typeof value === 'bigint' || typeof value === 'number') return this.constant(value, type);
    if (!sameType(value.type, type)) {
      throw new CircuitError(
        'INTEGER_ARGUMENT',
        `the operands are ${typeName(type)} and ${typeName(value.type)}; cast one of them first`,
        'b',
      );
    }
    return value;
  }
}
