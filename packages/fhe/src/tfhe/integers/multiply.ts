/**
 * Products as columns of digits: a_i * b_j = low + 4 * high goes to the columns i + j and i + j + 1.
 *
 * Two encrypted digits share one input (a_i + 4 b_j, 16 values): a bootstrap for the low and one for the high part. With a
 * clear factor all digits of a_i, 2 a_i and 3 a_i come from one bootstrap a block, whatever the number of columns.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import type { Columns } from './sums.ts';

/**
 * Columns 0 .. count - 1 of the product of two integers' blocks. Of what is above, only the high digits that leave the last
 * column go to `spill`, if given.
 */
export function productColumns(
  builder: CircuitBuilder,
  a: readonly Block[],
  b: readonly Block[],
  count: number,
  spill?: Block[],
): Columns {
  const columns: Columns = Array.from({ length: count }, () => []);
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      if (i + j >= count) return;
      const [low, high] = x.noise >= y.noise ? [x, y] : [y, x];
      const input = builder.linear([
        [low, 1],
        [high, 4],
      ]);
      const product = (v: number): number => (v & 3) * (v >> 2);
      columns[i + j].push(builder.lut(input, (v) => product(v) & 3));
      const above = i + j + 1 < count ? columns[i + j + 1] : spill;
      above?.push(builder.lut(input, (v) => product(v) >> 2));
    });
  });
  return columns.map(onlyEncrypted);
}

/** Columns 0 .. count - 1 of the product with a clear factor given by its digits. */
export function scaledColumns(
  builder: CircuitBuilder,
  a: readonly Block[],
  factor: readonly number[],
  count: number,
): Columns {
  // Small factors need no digits: 5 a is a_i + a_(i-1), at most 6, in one column.
  const heaviest = 3 * factor.reduce((sum, digit) => sum + digit, 0);
  const columns: Columns = Array.from({ length: count }, () => []);
  a.forEach((x, i) => {
    factor.forEach((digit, j) => {
      if (digit === 0 || i + j >= count) return;
      if (digit === 1 || heaviest <= 6) {
        columns[i + j].push(builder.scale(x, digit));
        return;
      }
      columns[i + j].push(builder.lut(x, (v) => (v * digit) & 3));
      if (i + j + 1 < count) columns[i + j + 1].push(builder.lut(x, (v) => (v * digit) >> 2));
    });
  });
  return columns.map(onlyEncrypted);
}

function onlyEncrypted(column: readonly Block[]): Block[] {
  return column.filter((block) => block.nodes.length > 0 || block.constant !== 0);
}
