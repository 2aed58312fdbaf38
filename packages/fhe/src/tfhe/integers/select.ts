/**
 * Choice by an encrypted bit: one bootstrap a block.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';

/** condition ? value : 0 for a value that takes at most 8 numbers. One bootstrap, shared with others of the same input. */
export function masked(builder: CircuitBuilder, condition: Block, value: Block): Block {
  if (condition.nodes.length === 0) return condition.constant === 1 ? value : builder.constant(0);
  if (value.nodes.length === 0) return builder.scale(condition, value.constant);
  const width = value.max - value.min + 1;
  const input = builder.linear([
    [condition, width],
    [value, 1],
  ]);
  return builder.lut(input, (x) => (x > value.max ? x - width : 0));
}

/** condition ? a : b for blocks whose difference takes at most 8 numbers (as canonical ones do): b + masked(a - b). */
export function selectBlock(builder: CircuitBuilder, condition: Block, a: Block, b: Block): Block {
  const result = builder.add(b, masked(builder, condition, builder.sub(a, b)));
  return builder.assume(result, Math.min(a.min, b.min), Math.max(a.max, b.max));
}

/** [condition ? a : b, condition ? b : a] with one bootstrap for both. */
export function swapBlock(builder: CircuitBuilder, condition: Block, a: Block, b: Block): [Block, Block] {
  const change = masked(builder, condition, builder.sub(a, b));
  const min = Math.min(a.min, b.min);
  const max = Math.max(a.max, b.max);
  return [builder.assume(builder.add(b, change), min, max), builder.assume(builder.sub(a, change), min, max)];
}
