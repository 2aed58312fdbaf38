/**
 * Bitwise and, or, xor: one bootstrap a block, fewer with a clear operand.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';

export type BitOperation = 'and' | 'or' | 'xor';

const OPERATIONS: Record<BitOperation, (x: number, y: number) => number> = {
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
};

/** The operation on two blocks of values 0..max, max 1 or 3. */
export function bitwiseBlock(
  builder: CircuitBuilder,
  a: Block,
  b: Block,
  max: number,
  operation: BitOperation,
): Block {
  const f = OPERATIONS[operation];
  if (a.nodes.length === 0) return bitwiseClear(builder, b, a.constant, max, f);
  if (b.nodes.length === 0) return bitwiseClear(builder, a, b.constant, max, f);
  const [low, high] = a.noise >= b.noise ? [a, b] : [b, a];
  const input = builder.linear([
    [low, 1],
    [high, max + 1],
  ]);
  return builder.lut(input, (x) => f(x % (max + 1), Math.floor(x / (max + 1))));
}

/** Linear where the clear bits are all 0 or all 1: x & 3 = x | 0 = x, x ^ 3 = 3 - x. */
function bitwiseClear(
  builder: CircuitBuilder,
  a: Block,
  clear: number,
  max: number,
  f: (x: number, y: number) => number,
): Block {
  if (f(0, clear) === 0 && f(max, clear) === max) return a;
  if (f(0, clear) === max && f(max, clear) === 0) return builder.linear([[a, -1]], max);
  return builder.lut(a, (x) => f(x, clear));
}
