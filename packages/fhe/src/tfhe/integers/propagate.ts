/**
 * From digit sums to canonical blocks: carry propagation.
 *
 * `chain` costs one bootstrap a block (message and carry in one, many-LUT) and as many levels as blocks. `parallel` costs
 * about twice the bootstraps (2 n - 3) and 3 levels, plus one for every eight blocks. On two cores a single sum of 32 bits
 * takes 220 ms as a tree (29 bootstraps, 5 levels) and 260 ms as a chain (16, 16); with many integers at once, chains fill the
 * threads just as well and cost half.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { allCarries } from './carries.ts';

export type CarryMode = 'chain' | 'parallel' | 'auto';

/** Noise that a block of an integer may have: four of them with weights inside tables still enter a bootstrap. */
const SETTLED_NOISE = 5;

/** The block, bootstrapped only if its noise is more than the operations expect. */
export function settled(builder: CircuitBuilder, block: Block, noise = SETTLED_NOISE): Block {
  return block.noise <= noise ? block : builder.lut(block, (x) => x);
}

/** Largest value whose message fits a table: 0 and 16, which share a box, have the same. */
const WIDEST_TABLE = 16;

/** Blocks up to which `auto` takes the chain. */
export const AUTO_CHAIN_BLOCKS = 4;

export function usesChain(mode: CarryMode, blocks: number): boolean {
  return mode === 'chain' || (mode === 'auto' && blocks <= AUTO_CHAIN_BLOCKS);
}

export interface Propagated {
  /** Canonical blocks. */
  readonly blocks: Block[];
  /** The top digit with the carry into it, from which an overflow is read: in 0..7 its bit 2 is the carry out. */
  readonly top: Block;
}

/**
 * @param digits sums of digits, each in 0..12 (0..6 for a sum of two; the top one may be negative). In a chain those below the
 *   top may be 0..15 with a noise of at most 8: with a carry of up to 4 that is 0..19, of which x >> 2 still fits a table.
 * @param carryIn 0 or 1.
 * @param topBits bits of the top block: 2, or 1 for an odd width.
 */
export function propagate(
  builder: CircuitBuilder,
  digits: readonly Block[],
  carryIn: Block,
  topBits: 1 | 2,
  mode: CarryMode,
): Propagated {
  if (usesChain(mode, digits.length)) return chain(builder, digits, carryIn, topBits);
  const small = digits.every((digit) => digit.max <= 6) ? digits : split(builder, digits, topBits);
  return parallel(builder, small, carryIn, topBits);
}

function chain(
  builder: CircuitBuilder,
  digits: readonly Block[],
  carryIn: Block,
  topBits: 1 | 2,
): Propagated {
  let carry = carryIn;
  const blocks: Block[] = [];
  const top = digits.length - 1;
  for (let i = 0; i < top; i++) {
    const sum = builder.add(digits[i], carry);
    carry = builder.lut(sum, (x) => x >> 2);
    blocks.push(
      sum.max <= WIDEST_TABLE
        ? reduced(builder, sum, 2)
        : settled(builder, withoutCarry(builder, sum, carry)),
    );
  }
  const last = builder.add(digits[top], carry);
  blocks.push(reduced(builder, last, topBits));
  return { blocks, top: last };
}

/** sum - 4 * carry: the message without a table, at 16 times the noise of the carry. */
function withoutCarry(builder: CircuitBuilder, sum: Block, carry: Block): Block {
  return builder.assume(
    builder.linear([
      [sum, 1],
      [carry, -4],
    ]),
    0,
    3,
  );
}

/** A block modulo 2^bits: itself where it is in range already and not too noisy. */
export function reduced(builder: CircuitBuilder, block: Block, bits: 1 | 2): Block {
  const mask = 2 ** bits - 1;
  return block.min >= 0 && block.max <= mask ? settled(builder, block) : builder.lut(block, (x) => x & mask);
}

/** One level that makes each digit at most 6: message plus the carry of the digit below. */
function split(builder: CircuitBuilder, digits: readonly Block[], topBits: 1 | 2): Block[] {
  return digits.map((digit, i) => {
    const top = i === digits.length - 1;
    const message = digit.max <= 3 ? digit : builder.lut(digit, (x) => x & (top ? 2 ** topBits - 1 : 3));
    return i === 0
      ? message
      : builder.add(
          message,
          builder.lut(digits[i - 1], (x) => x >> 2),
        );
  });
}

/** Items of two digits where that costs no more than two items of one; each gives one carry. */
function parallel(
  builder: CircuitBuilder,
  digits: readonly Block[],
  carryIn: Block,
  topBits: 1 | 2,
): Propagated {
  const starts: number[] = [];
  const items: Block[] = [];
  for (let i = 0; i < digits.length; ) {
    const pair =
      i + 1 < digits.length
        ? builder.linear(
            [
              [digits[i], 1],
              [digits[i + 1], 4],
            ],
            -15,
          )
        : undefined;
    starts.push(i);
    if (pair !== undefined && builder.surcharge(pair) <= 1) {
      items.push(pair);
      i += 2;
    } else {
      items.push(builder.linear([[digits[i], 1]], -3));
      i += 1;
    }
  }
  const into = [carryIn, ...allCarries(builder, items, carryIn)];
  const parts = starts.map((start, j) => {
    const end = starts[j + 1] ?? digits.length;
    return chain(builder, digits.slice(start, end), into[j], end === digits.length ? topBits : 2);
  });
  return { blocks: parts.flatMap((part) => part.blocks), top: parts[parts.length - 1].top };
}
