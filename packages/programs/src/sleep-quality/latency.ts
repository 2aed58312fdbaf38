/**
 * Sleep onset latency: the start of the first record asleep minus that of the first record in bed, as its category.
 * @module
 */
import type { Block, CircuitBuilder } from '@velum/fhe';
import { START_BITS } from './encode.ts';

/** A look-up table takes 16 values: the sum of so many flags. */
const FLAGS = 15;
/** Above a chunk of 3 bits. */
const SELECT = 8;
/** Half the torus: tables are negacyclic, this much more at the input negates the output. */
const NEGATE = 16;

export interface StartRecord {
  /** 1 for a record in bed, 0 asleep. */
  readonly inBed: Block;
  /** Chunks of START_BITS bits. */
  readonly start: readonly Block[];
}

const sumInOrder = (builder: CircuitBuilder, flags: readonly Block[]): Block[] =>
  flags.map((_, i) => builder.sum(flags.slice(0, i + 1)));

/** keep ? chunk : 0, where `keep` is 0 or SELECT. */
function kept(builder: CircuitBuilder, chunk: Block, keep: Block): Block {
  const input = builder.assume(builder.add(chunk, keep), 0, SELECT + chunk.max);
  return builder.lut(input, (x) => (x >= SELECT ? x - SELECT : 0));
}

interface Selected {
  /** SELECT when one of the records differs from the first one of the night, else 0. */
  readonly found: Block;
  /** The start of the first that does, else 0. */
  readonly start: Block[];
}

/**
 * Among a group's records, the first on the other side than the night's first record. With that one in front, the flags up
 * to a record are all equal exactly when their sum is 0 or their number; the first record after which they are not is the
 * one, so that at most one selection is not 0 and the selected starts can be added up.
 */
function firstOther(builder: CircuitBuilder, first: StartRecord, group: readonly StartRecord[]): Selected {
  const sums = sumInOrder(builder, [first.inBed, ...group.map(({ inBed }) => inBed)]).slice(1);
  const differs = sums.map((sum, i) => builder.lut(sum, (x) => (x === 0 || x === i + 2 ? 0 : SELECT)));
  const picks = differs.map((now, i) =>
    i === 0 ? now : builder.assume(builder.sub(now, differs[i - 1]), 0, SELECT),
  );
  const start = START_BITS.map((bits, k) =>
    builder.assume(
      builder.sum(group.map((record, i) => kept(builder, record.start[k], picks[i]))),
      0,
      2 ** bits - 1,
    ),
  );
  return { found: differs[differs.length - 1], start };
}

/** The start of the first record of the night that is on the other side than its first record; 0 when there is none. */
function otherStart(builder: CircuitBuilder, records: readonly StartRecord[]): Block[] {
  const [first, ...rest] = records;
  const groups: Selected[] = [];
  for (let i = 0; i < rest.length; i += FLAGS - 1)
    groups.push(firstOther(builder, first, rest.slice(i, i + FLAGS - 1)));
  // A group counts when no group before it has found one.
  const parts = groups.map(({ start }, k) => {
    if (k === 0) return start;
    const before = builder.sum(groups.slice(0, k).map(({ found }) => builder.lut(found, (x) => x / SELECT)));
    const none = builder.lut(before, (x) => (x === 0 ? SELECT : 0));
    return start.map((chunk) => kept(builder, chunk, none));
  });
  return START_BITS.map((bits, k) =>
    builder.assume(builder.sum(parts.map((part) => part[k])), 0, 2 ** bits - 1),
  );
}

/**
 * The category 0 ... 3 of the latency: above 15, 30, 60 minutes; a negative latency counts as 0.
 *
 * The difference of the starts is taken chunk by chunk and given its sign by the first record's side, one bootstrap a
 * chunk. Then the two low chunks are normalised to 0 ... 7, of which only those classes are kept that the limits tell apart:
 *   low  0-4 | 5-6 | 7        middle  0-1 | 2 | 3 | 4-6 | 7
 * as 15 < m is 2 <= middle, 30 < m is 4 <= middle or 3, 7; 60 < m is 7, 5.
 */
export function latency(builder: CircuitBuilder, records: readonly StartRecord[]): Block {
  const [first] = records;
  const other = otherStart(builder, records);
  const asleepFirst = builder.linear([[first.inBed, -1]], 1);
  const signed = other.map((chunk, k) => {
    const difference = builder.sub(chunk, first.start[k]);
    const width = 2 ** START_BITS[k] - 1;
    const input = builder.linear([
      [difference, 1],
      [asleepFirst, NEGATE],
    ]);
    return builder.lut(input, (x) => (x <= width ? x : x >= NEGATE - width ? NEGATE - x : 0));
  });
  const floored = (x: number): number => Math.floor(x / 8);
  const low = builder.lut(signed[0], (x) => [0, 0, 0, 0, 0, 1, 1, 2][x & 7]);
  const middleIn = builder.add(signed[1], builder.lut(signed[0], floored));
  const middle = builder.lut(middleIn, (x) => 3 * [0, 0, 1, 2, 3, 3, 3, 4][x & 7]);
  const below64 = builder.lut(builder.add(middle, low), (x) => lowCategory(Math.floor(x / 3), x % 3));
  // The rest is 64 times x + 8 * highest with x in -8 ... 7: x = -8 below a highest chunk of 1 cancels it.
  const x = builder.add(signed[2], builder.lut(middleIn, floored));
  const above = builder.linear([
    [builder.lut(x, (value) => (value === -8 ? -2 : Math.sign(value))), 1],
    [signed[3], 2],
  ]);
  const sign = builder.lut(above, Math.sign);
  const all = builder.linear([
    [below64, 1],
    [sign, 4],
  ]);
  return builder.lut(all, (value) => (value < 0 ? 0 : value > 3 ? 3 : value));
}

function lowCategory(middle: number, low: number): number {
  if (middle === 0) return 0;
  if (middle === 1 || (middle === 2 && low < 2)) return 1;
  return middle === 4 && low > 0 ? 3 : 2;
}
