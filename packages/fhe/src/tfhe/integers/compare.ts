/**
 * Order and equality of integers of one type, two digits a bootstrap.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { lastCarry } from './carries.ts';
import { type CarryMode, usesChain } from './propagate.ts';
import { blockCount, type EncryptedInteger, type IntegerType } from './types.ts';

/** The top block of an even width read as a signed digit, -2..1. */
function signedDigit(x: number): number {
  return x >= 2 ? x - 4 : x;
}

/**
 * The difference of the top digits of signed integers, -3..3: the sign bit counts down. One bootstrap for the pair of digits
 * (16 values), none for an odd width, whose top block is the sign bit alone.
 */
export function signedTopDifference(builder: CircuitBuilder, type: IntegerType, a: Block, b: Block): Block {
  if (type.bits % 2 === 1) return builder.sub(b, a);
  if (a.nodes.length === 0)
    return builder.linear([[builder.lut(b, signedDigit), -1]], signedDigit(a.constant));
  if (b.nodes.length === 0)
    return builder.linear([[builder.lut(a, signedDigit), 1]], -signedDigit(b.constant));
  const pair = builder.linear([
    [a, 1],
    [b, 4],
  ]);
  return builder.lut(pair, (x) => signedDigit(x & 3) - signedDigit(x >> 2));
}

/** Joins neighbours low + 4 high where their sum still fits -15..15 and costs no more than two single items. */
function paired(builder: CircuitBuilder, digits: readonly Block[]): Block[] {
  const items: Block[] = [];
  for (let i = 0; i < digits.length; i++) {
    const pair =
      i + 1 < digits.length
        ? builder.linear([
            [digits[i], 1],
            [digits[i + 1], 4],
          ])
        : undefined;
    if (pair !== undefined && builder.surcharge(pair) <= 1) {
      items.push(pair);
      i++;
    } else {
      items.push(digits[i]);
    }
  }
  return items;
}

/** 1 where a < b (or a <= b), else 0. */
export function less(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  b: EncryptedInteger,
  orEqual: boolean,
  mode: CarryMode,
): Block {
  const { type } = a;
  const blocks = blockCount(type);
  // a < b is the borrow of a - b: b - a >= 1 at the highest digit that differs.
  const digits = a.blocks.map((x, i) => builder.sub(b.blocks[i], x));
  const carryIn = builder.constant(orEqual ? 1 : 0);
  const chain = usesChain(mode, blocks);
  if (!type.signed) return lastCarry(builder, paired(builder, digits), carryIn, chain);
  digits[blocks - 1] = signedTopDifference(builder, type, b.blocks[blocks - 1], a.blocks[blocks - 1]);
  // The signed digit is one bootstrap late: beside the others it is an item of its own unless the integer is short.
  const late = builder.level(digits[blocks - 1]) > builder.level(digits[0]);
  if (!late || chain) return lastCarry(builder, paired(builder, digits), carryIn, chain);
  return lastCarry(builder, [...paired(builder, digits.slice(0, -1)), digits[blocks - 1]], carryIn, chain);
}

/** Digits whose sum over five is 0 exactly when all are 0, and the rest in pairs that are 0 exactly when equal. */
function unequalFlags(builder: CircuitBuilder, a: EncryptedInteger, b: EncryptedInteger): Block[] {
  const distances: Block[] = [];
  const differences: Block[] = [];
  a.blocks.forEach((x, i) => {
    const difference = builder.sub(x, b.blocks[i]);
    if (difference.min >= 0) distances.push(difference);
    else if (difference.max <= 0) distances.push(builder.scale(difference, -1));
    else differences.push(difference);
  });
  const flags = paired(builder, differences).map((item) => builder.lut(item, (x) => (x === 0 ? 0 : 1)));
  return [...flags, ...distances];
}

/** 1 where all the flags (each >= 0) are 0, else 0: groups of a sum up to 15, then groups of groups. */
export function allZero(builder: CircuitBuilder, flags: readonly Block[]): Block {
  const total = builder.sum(flags);
  if (total.max <= 16 && builder.surcharge(total) === 0) return builder.lut(total, (x) => (x === 0 ? 1 : 0));
  // Widest first, so that what stays for the last sum is what needs the least room.
  const sorted = [...flags].sort((x, y) => y.max - x.max);
  const groups: Block[] = [];
  const rest = [...sorted];
  while (rest.length > 0 && builder.sum(rest).max + groups.length > 16) {
    let group = builder.constant(0);
    while (rest.length > 0) {
      const sum = builder.add(group, rest[0]);
      if (sum.max > 15 || builder.surcharge(sum) > 0) break;
      group = sum;
      rest.shift();
    }
    groups.push(builder.lut(group, (x) => (x === 0 ? 0 : 1)));
  }
  return allZero(builder, [...groups, ...rest]);
}

/** 1 where a = b, else 0. */
export function equal(builder: CircuitBuilder, a: EncryptedInteger, b: EncryptedInteger): Block {
  return allZero(builder, unequalFlags(builder, a, b));
}
