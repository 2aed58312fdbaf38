/**
 * Signs of two's complement integers.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { bitOf } from './bits.ts';
import { type CarryMode, propagate } from './propagate.ts';
import { blockMax, type EncryptedInteger, topBits } from './types.ts';

/** 1 for a negative integer. One bootstrap at most, shared with other tables of the top block. */
export function signBit(builder: CircuitBuilder, a: EncryptedInteger): Block {
  return bitOf(builder, a, a.type.bits - 1);
}

/** 1 where two bits differ. */
export function differ(builder: CircuitBuilder, a: Block, b: Block): Block {
  return builder.lut(builder.add(a, b), (x) => x & 1);
}

/** condition ? -a : a: the digits complemented in one bootstrap each, then the condition as carry. */
export function negatedIf(
  builder: CircuitBuilder,
  condition: Block,
  a: EncryptedInteger,
  mode: CarryMode,
): EncryptedInteger {
  const digits = a.blocks.map((x, i) => {
    const max = blockMax(a.type, i);
    const input = builder.linear([
      [condition, max + 1],
      [x, 1],
    ]);
    return builder.lut(input, (v) => (v > max ? 2 * max + 1 - v : v));
  });
  return { type: a.type, blocks: propagate(builder, digits, condition, topBits(a.type), mode).blocks };
}

/** The magnitude as an unsigned integer of the same width: |least value| fits. */
export function magnitude(builder: CircuitBuilder, a: EncryptedInteger, mode: CarryMode): EncryptedInteger {
  const { blocks } = a.type.signed ? negatedIf(builder, signBit(builder, a), a, mode) : a;
  return { type: { bits: a.type.bits, signed: false }, blocks };
}
