/**
 * Results with an overflow flag: 1 where the exact result does not fit the type (the wrapped result is given all the same).
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { allZero, signedTopDifference } from './compare.ts';
import { productColumns } from './multiply.ts';
import { type CarryMode, propagate } from './propagate.ts';
import { differ, magnitude, negatedIf, signBit } from './sign.ts';
import { columnLimit, reduceColumns } from './sums.ts';
import { blockCount, type EncryptedInteger, topBits } from './types.ts';

export interface Overflowing {
  readonly result: EncryptedInteger;
  readonly overflow: Block;
}

/**
 * a + b, or a - b as a + not b + 1. A signed top digit is summed with its sign, so that the carry into it shows whether the
 * sum leaves -2..1 (-1..0 for an odd width).
 * @param complement what is added: b for a + b, not b for a - b, with `carryIn` 0 or 1.
 */
export function overflowingSum(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  complement: EncryptedInteger,
  carryIn: 0 | 1,
  mode: CarryMode,
): Overflowing {
  const { type } = a;
  const bits = topBits(type);
  const top = blockCount(type) - 1;
  const digits = a.blocks.map((x, i) => builder.add(x, complement.blocks[i]));
  if (type.signed) {
    // As signed digits x + y = x - (not y) - 1.
    const inverse = builder.linear([[complement.blocks[top], -1]], 2 ** bits - 1);
    digits[top] = builder.linear([[signedTopDifference(builder, type, a.blocks[top], inverse), 1]], -1);
  }
  const sum = propagate(builder, digits, builder.constant(carryIn), bits, mode);
  const limit = 2 ** (bits - 1);
  const overflow = type.signed
    ? builder.lut(sum.top, (x) => (x < -limit || x >= limit ? 1 : 0))
    : builder.lut(sum.top, (x) => (x >> bits === carryIn ? 0 : 1));
  return { result: { type, blocks: sum.blocks }, overflow };
}

/** Unsigned a * b. The part above the width is never computed: it is not zero where one of its digits' products is not. */
export function overflowingProduct(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  b: EncryptedInteger,
  mode: CarryMode,
): Overflowing {
  const { type } = a;
  const count = blockCount(type);
  const bits = topBits(type);
  const flags: Block[] = [];
  // a_i meets b_j beyond the width where j >= count - i: any digit of b from there.
  for (let i = 1; i < count; i++) {
    const high = builder.linear([[allZero(builder, b.blocks.slice(count - i)), -1]], 1);
    const input = builder.linear([
      [high, 4],
      [a.blocks[i], 1],
    ]);
    flags.push(builder.lut(input, (x) => (x >= 5 ? 1 : 0)));
  }
  const spill: Block[] = [];
  const columns = productColumns(builder, a.blocks, b.blocks, count, spill);
  const sums = reduceColumns(builder, columns, { ...columnLimit(mode, count), topBits: bits, spill });
  const result = propagate(builder, sums, builder.constant(0), bits, mode);
  spill.push(builder.lut(result.top, (x) => x >> bits));
  const overflow = builder.linear([[allZero(builder, [...flags, ...spill]), -1]], 1);
  return { result: { type, blocks: result.blocks }, overflow };
}

/** Signed a * b from the product of the magnitudes. */
export function overflowingSignedProduct(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  b: EncryptedInteger,
  mode: CarryMode,
): Overflowing {
  const { type } = a;
  const product = overflowingProduct(builder, magnitude(builder, a, mode), magnitude(builder, b, mode), mode);
  const negative = differ(builder, signBit(builder, a), signBit(builder, b));
  const result = negatedIf(builder, negative, { type, blocks: product.result.blocks }, mode);
  // A magnitude of 2^(bits - 1) or more fits only as -2^(bits - 1), whose sign bit agrees with `negative`.
  const large = signBit(builder, product.result);
  const wrong = builder.linear([
    [large, 4],
    [signBit(builder, result), 2],
    [negative, 1],
  ]);
  const wraps = builder.lut(wrong, (x) => (x === 5 || x === 6 ? 1 : 0));
  const overflow = builder.lut(builder.add(product.overflow, wraps), (x) => (x > 0 ? 1 : 0));
  return { result, overflow };
}
