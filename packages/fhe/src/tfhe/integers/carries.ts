/**
 * Carries, borrows and comparisons, which are one problem: items r_0, r_1, ... (low to high), each a number in -15..15, and
 * "carry out of item j" = 1 where r_j + carry in >= 1. For a sum, r is the digits' excess over the largest number without a
 * carry; for a comparison, r is the difference of the digits.
 *
 * One bootstrap takes the sign of an item (-1, 0, 1), since sign(v - 16) = -sign(v); four signs with weights 1, 2, 4, 8 and a
 * carry make a number in -15..16, of which one more bootstrap reads the carry. So depth grows by one for every four items.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';

/** Signs that fit one carry bootstrap. */
const GROUP = 4;

const carries = (x: number): number => (x >= 1 ? 1 : 0);

/** Carry out of the last item: the fewest bootstraps (`chain`: one an item, one after the other) or a tree. */
export function lastCarry(
  builder: CircuitBuilder,
  items: readonly Block[],
  carryIn: Block,
  chain: boolean,
): Block {
  if (items.length === 0) return carryIn;
  const [lowest, ...rest] = items;
  const carry = builder.lut(builder.add(lowest, carryIn), carries);
  if (rest.length === 0) return carry;
  // A carry that is known (clear operand) or a single item above: no signs needed.
  if (chain || rest.length === 1 || carry.nodes.length === 0) return lastCarry(builder, rest, carry, chain);
  const signs = rest.map((item, i) => builder.lut(item, (x) => Math.sign(x) * 2 ** (i % GROUP)));
  const groups: Block[] = [];
  for (let i = 0; i < signs.length; i += GROUP) groups.push(builder.sum(signs.slice(i, i + GROUP)));
  return lastCarry(builder, groups, carry, false);
}

/** Carry out of each item but the last: entry j is the carry into item j + 1. */
export function allCarries(builder: CircuitBuilder, items: readonly Block[], carryIn: Block): Block[] {
  if (items.length < 2) return [];
  const result = [builder.lut(builder.add(items[0], carryIn), carries)];
  const middle = items.slice(1, -1);
  let base = result[0];
  for (let start = 0; start < middle.length; start += GROUP) {
    let sum = base;
    middle.slice(start, start + GROUP).forEach((item, i) => {
      sum = builder.add(
        sum,
        builder.lut(item, (x) => Math.sign(x) * 2 ** i),
      );
      base = builder.lut(sum, carries);
      result.push(base);
    });
  }
  return result;
}
