/**
 * Sums of many integers: digits are added without carries while they fit, then column after column is reduced.
 *
 * A group of digits of at most 15 in total becomes a message (0..3) and a carry (0..3) for the column above: one bootstrap
 * each, or one for both up to 7 (many-LUT). The message may also stay lazy, as sum - 4 * carry: no bootstrap, but the carry's
 * noise counts 16 times, so a column has at most one such item and it goes into the next group.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { NOISE_LIMIT } from '../circuit/ir.ts';
import { type CarryMode, propagate, usesChain } from './propagate.ts';
import type { EncryptedInteger } from './types.ts';

/** Column k holds blocks of weight 4^k, each >= 0. */
export type Columns = Block[][];

/** Highest sum of a group whose message and carry fit one bootstrap each. */
const GROUP_MAX = 15;
/** Highest sum of a group whose message and carry share one bootstrap. */
const SHARED_MAX = 7;
/** Noise of a lazy message: that of five bootstrapped digits and of the carry with weight 4. */
const LAZY_NOISE = 21;
/** A finished column takes one more carry before it is bootstrapped. */
const COLUMN_NOISE = NOISE_LIMIT - 1;
/** What a chain takes below its top block with little noise: the message is then sum - 4 * carry. */
const CHAIN_MAX = 15;
const CHAIN_NOISE = 8;

export interface ReduceOptions {
  /** Largest sum that may stay in a column. */
  readonly limit: number;
  /** Bits of the last column that count. */
  readonly topBits: 1 | 2;
  /** Whether finished columns may be lazy: they are bootstrapped one by one, not in pairs with weights. */
  readonly lazy: boolean;
  /** Collects the carries out of the last column, which are otherwise dropped. */
  readonly spill?: Block[];
}

/** Items that fit into one group, first come first served; the rest. */
function pick(
  builder: CircuitBuilder,
  items: readonly Block[],
  max: number,
): { group: Block; rest: Block[] } {
  let group = builder.constant(0);
  const rest: Block[] = [];
  for (const item of items) {
    const sum = builder.add(group, item);
    if (sum.max <= max && sum.noise <= NOISE_LIMIT) group = sum;
    else rest.push(item);
  }
  return { group, rest };
}

/**
 * Reduces columns until each adds up to at most `limit`.
 * @returns one block a column, 0..limit.
 */
export function reduceColumns(builder: CircuitBuilder, columns: Columns, options: ReduceOptions): Block[] {
  const pending = columns.map((column) => [...column]);
  const top = pending.length - 1;
  return pending.map((column, k) => {
    if (k === top) return reduceColumn(builder, column, options.topBits, options.spill, false, options);
    return reduceColumn(builder, column, 2, pending[k + 1], options.lazy, options);
  });
}

/** @param wide whether the column may be left at 0..15, see `propagate`. */
function reduceColumn(
  builder: CircuitBuilder,
  column: readonly Block[],
  bits: 1 | 2,
  above: Block[] | undefined,
  wide: boolean,
  { limit, lazy }: ReduceOptions,
): Block {
  let items = [...column];
  for (;;) {
    const total = builder.sum(items);
    if (total.max <= limit && total.noise <= COLUMN_NOISE) return total;
    if (wide && total.max <= CHAIN_MAX && total.noise <= CHAIN_NOISE) return total;
    // What is ready first goes first, so that the depth grows with the logarithm of the column; wide before narrow.
    items.sort((x, y) => builder.level(x) - builder.level(y) || y.max - x.max);
    const shared = pick(builder, items, SHARED_MAX);
    const enough = total.max - shared.group.max + 3 <= limit && shared.group.max > 3;
    const { group, rest } = enough ? shared : pick(builder, items, GROUP_MAX);
    if (rest.length === items.length) throw new RangeError('a block of a column is wider than a table');
    const mask = 2 ** bits - 1;
    if (group.max <= mask) {
      items = [...rest, builder.lut(group, (x) => x)];
      continue;
    }
    const carry = above && builder.lut(group, (x) => x >> bits);
    if (carry !== undefined) above?.push(carry);
    const others = builder.sum(rest);
    const last = others.max + mask <= limit && others.noise + LAZY_NOISE <= COLUMN_NOISE;
    const remainder =
      carry &&
      builder.assume(
        builder.linear([
          [group, 1],
          [carry, -(mask + 1)],
        ]),
        0,
        mask,
      );
    const stays =
      remainder !== undefined &&
      group.max > SHARED_MAX &&
      remainder.noise <= LAZY_NOISE &&
      (lazy || !last) &&
      rest.every((item) => item.noise < LAZY_NOISE - 4);
    // A lazy message is ready as soon as the carry: first in the next group.
    items = stays ? [remainder, ...rest] : [...rest, builder.lut(group, (x) => x & mask)];
  }
}

/** How far columns are reduced before the carries run: a chain takes a carry of 0..3, a tree carries of 0 or 1. */
export function columnLimit(mode: CarryMode, blocks: number): { limit: number; lazy: boolean } {
  const chain = usesChain(mode, blocks);
  return { limit: chain ? 12 : 6, lazy: chain };
}

/** The canonical blocks of a sum of columns. */
export function columnSum(
  builder: CircuitBuilder,
  columns: Columns,
  topBits: 1 | 2,
  mode: CarryMode,
): Block[] {
  const digits = reduceColumns(builder, columns, { ...columnLimit(mode, columns.length), topBits });
  return propagate(builder, digits, builder.constant(0), topBits, mode).blocks;
}

/** Digits by weight of several integers' blocks. */
export function columnsOf(integers: readonly EncryptedInteger[], count: number): Columns {
  return Array.from({ length: count }, (_, k) => integers.flatMap(({ blocks }) => blocks.slice(k, k + 1)));
}
