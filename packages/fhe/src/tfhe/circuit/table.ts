/**
 * Negacyclic look-up tables: which functions fit into the 16 boxes of one bootstrap, and with how much room for noise.
 *
 * A bootstrap reads box v for v = 0..15 and minus box v - 16 for v = 16..31. A function on at most 16 neighbouring values
 * therefore always fits; on more it must obey f(v + 16) = c - f(v), of which c / 2 is added after the bootstrap.
 * @module
 */

import { CircuitError } from './errors.ts';
import { BOXES, type ValueRange } from './ir.ts';

/** The values of a range, in order. */
export function rangeValues(range: ValueRange): number[] {
  if (range.max === range.min) return [range.min];
  const values: number[] = [];
  for (let value = range.min; value <= range.max; value += range.spacing) values.push(value);
  return values;
}

/** Position in the 16 boxes, and whether the negacyclic wrap negates what is read there. */
function box(value: number): { position: number; negated: boolean } {
  const wrapped = ((value % (2 * BOXES)) + 2 * BOXES) % (2 * BOXES);
  return { position: wrapped % BOXES, negated: wrapped >= BOXES };
}

/**
 * Fits f, given at the values of `range`, into one table.
 * @returns what each value reads (without the constant) and the constant to add after the bootstrap.
 * @throws CircuitError CIRCUIT_TABLE if two values read the same box with results that contradict each other.
 */
export function fitTable(
  range: ValueRange,
  results: readonly number[],
): { table: number[]; constant: number } {
  const values = rangeValues(range);
  const plain: (number | undefined)[] = new Array(BOXES);
  const wrapped: (number | undefined)[] = new Array(BOXES);
  const at: (number | undefined)[] = new Array(BOXES);
  const clash = (index: number, first: number | undefined): never => {
    throw new CircuitError(
      'CIRCUIT_TABLE',
      `the function is ${results[index]} at ${values[index]} and ${first} at a value 16 or 32 away, which share a box; ` +
        `narrow the input range [${range.min}, ${range.max}] to 16 values or use a function with f(v + 16) = c - f(v)`,
      'f',
    );
  };
  values.forEach((value, index) => {
    const { position, negated } = box(value);
    const side = negated ? wrapped : plain;
    if (side[position] !== undefined && side[position] !== results[index]) clash(index, side[position]);
    side[position] = results[index];
    at[position] = index;
  });
  let sum: number | undefined;
  for (let position = 0; position < BOXES; position++) {
    const a = plain[position];
    const b = wrapped[position];
    if (a === undefined || b === undefined) continue;
    if (sum !== undefined && sum !== a + b) clash(at[position] as number, a);
    sum = a + b;
  }
  const constant = (sum ?? 0) / 2;
  return { table: results.map((result) => result - constant), constant };
}

/**
 * Free boxes on either side of each value when T outputs share the table, or -1 where they do not fit.
 * The noise may then be (2 * room + 1)^2 times as large as with none.
 */
export function tableRoom(range: ValueRange, outputs: number): number {
  const period = BOXES / outputs;
  if (outputs > 1 && range.max - range.min >= period) return -1;
  const used = new Uint8Array(period);
  for (const value of rangeValues(range)) {
    const shifted = outputs > 1 ? value - range.min : value;
    used[((shifted % period) + period) % period] = 1;
  }
  const positions: number[] = [];
  for (let position = 0; position < period; position++) if (used[position]) positions.push(position);
  let gap = period;
  for (let index = 0; index < positions.length; index++) {
    const next = index + 1 < positions.length ? positions[index + 1] : positions[0] + period;
    gap = Math.min(gap, next - positions[index]);
  }
  return Math.floor((gap - 1) / 2);
}

/**
 * The 16 boxes of one bootstrap with the given tables (one, or two, four or eight on a range that starts at 0), each value
 * spread over the free boxes beside it.
 */
export function fillBoxes(
  range: ValueRange,
  tables: readonly (readonly number[])[],
  outputs: number,
): number[] {
  const boxes = new Array<number>(BOXES).fill(0);
  const room = tableRoom(range, outputs);
  const values = rangeValues(range);
  tables.forEach((table, output) => {
    values.forEach((value, index) => {
      for (let offset = -room; offset <= room; offset++) {
        const { position, negated } = box(value + offset + (output * BOXES) / outputs);
        // 0 - x, so that no box holds a negative zero.
        boxes[position] = negated ? 0 - table[index] : table[index];
      }
    });
  });
  return boxes;
}
