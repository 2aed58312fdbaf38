/**
 * Minutes in bed and minutes asleep, and their categories.
 * @module
 */
import { type Block, type CircuitBuilder, type EncryptedInteger, Integers } from '@velum/fhe';
import { MAX_MINUTES, TIME_BITS } from './encode.ts';

export interface DurationRecord {
  /** 1 for a record in bed, 0 asleep. */
  readonly inBed: Block;
  /** Digits of 2 bits. */
  readonly duration: readonly Block[];
}

/** Above a digit of 2 bits. */
const SIDE = 4;

/** The totals of both sides: a digit's table has room for both, so that the second total costs no masking. */
export function totals(
  builder: CircuitBuilder,
  records: readonly DurationRecord[],
): { inBed: EncryptedInteger; asleep: EncryptedInteger } {
  const integers = new Integers(builder, { carry: 'chain' });
  const masked = records.map(({ inBed, duration }) =>
    duration.map((digit) =>
      builder.luts(
        builder.linear([
          [digit, 1],
          [inBed, SIDE],
        ]),
        [(x) => (x >= SIDE ? x - SIDE : 0), (x) => (x >= SIDE ? 0 : x)],
      ),
    ),
  );
  const type = { bits: Math.ceil(Math.log2(records.length * MAX_MINUTES + 1) / 2) * 2, signed: false };
  const total = (side: 0 | 1): EncryptedInteger =>
    integers.sum(
      masked.map((digits) => ({
        type: { bits: TIME_BITS, signed: false },
        blocks: digits.map((pair) => pair[side]),
      })),
      type,
    );
  return { inBed: total(0), asleep: total(1) };
}

/**
 * The category 0 ... 3 of the minutes asleep: 3 below 301 = 12dh, 2 below 361 = 169h, 1 below 421 = 1a5h, else 0.
 *
 * Only 100h ... 1ffh needs a closer look. There the second hexadecimal digit decides, except at 2, 6 and a, where the
 * first one does at d, 9 and 5. Both are mapped so that their sum is 4 * (3 - category) + 0 ... 3.
 */
export function durationLevel(builder: CircuitBuilder, { blocks }: EncryptedInteger): Block {
  const digit = (i: number): Block => blocks[i] ?? builder.constant(0);
  const hexadecimal = (i: number): Block =>
    builder.linear([
      [digit(2 * i), 1],
      [digit(2 * i + 1), 4],
    ]);
  const first = builder.lut(hexadecimal(0), (x) => (x >= 13 ? 3 : x >= 9 ? 2 : x >= 5 ? 1 : 0));
  const second = builder.lut(
    hexadecimal(1),
    (x) => [0, 0, 1, 4, 4, 4, 6, 8, 8, 8, 11, 12, 12, 12, 12, 12][x],
  );
  const close = builder.lut(builder.add(first, second), (x) => 3 - (x >> 2));
  const far =
    blocks.slice(5).length === 0 ? builder.constant(0) : builder.lut(builder.sum(blocks.slice(5)), Math.sign);
  // 0: below 100h, 1: 100h ... 1ffh, 2 and above: more.
  const third = builder.lut(
    builder.linear([
      [digit(4), 1],
      [far, 4],
    ]),
    (x) => (x === 0 ? 1 : x === 1 ? 0 : -1),
  );
  return builder.lut(
    builder.linear([
      [close, 1],
      [third, 4],
    ]),
    (x) => (x < 0 ? 0 : x > 3 ? 3 : x),
  );
}

/**
 * 1 where sum of 4^i (a term's coefficient times its digit i) > 0, else 0: the carries of the sum less 1, one bootstrap a
 * digit. Coefficients are given in base 4, lowest first, with digits of any sign.
 */
function positive(
  builder: CircuitBuilder,
  terms: readonly { value: EncryptedInteger; coefficient: readonly number[] }[],
): Block {
  const length = Math.max(
    ...terms.map(({ value, coefficient }) => value.blocks.length + coefficient.length - 1),
  );
  let carry = builder.constant(-1);
  for (let i = 0; i < length; i++) {
    const parts = terms.flatMap(({ value, coefficient }) =>
      coefficient.flatMap((weight, j) => {
        const block = value.blocks[i - j];
        return weight === 0 || block === undefined ? [] : [[block, weight] as const];
      }),
    );
    const sum = builder.linear([...parts, [carry, 1]]);
    const last = i === length - 1;
    carry = builder.lut(sum, (x) => (last ? (x >= 0 ? 1 : 0) : Math.floor(x / 4)));
  }
  return carry;
}

/**
 * The category 0 ... 3 of the share of the time in bed that was slept: how many of 85, 75, 65 % it does not exceed. In
 * whole numbers: 20 asleep > 17, 15, 13 in bed (the middle one divided by 5), in base 4 with coefficients of 1 and -1.
 */
export function efficiencyLevel(
  builder: CircuitBuilder,
  asleep: EncryptedInteger,
  inBed: EncryptedInteger,
): Block {
  const exceeds = [
    { asleep: [0, 1, 1], inBed: [-1, 0, -1] },
    { asleep: [0, 1], inBed: [1, -1] },
    { asleep: [0, 1, 1], inBed: [-1, 1, -1] },
  ].map((coefficients) =>
    positive(builder, [
      { value: asleep, coefficient: coefficients.asleep },
      { value: inBed, coefficient: coefficients.inBed },
    ]),
  );
  return builder.linear(
    exceeds.map((flag) => [flag, -1] as const),
    3,
  );
}
