/**
 * Client: a night's records to blocks. A record is [stage, start, end]; the server works with start and duration alone, so
 * the end does not travel. Stages: 0 in bed, 1 asleep, 2 awake, 3 core, 4 deep, 5 REM (as in Apple Health).
 *
 * Times are split as the circuit reads them: the start into chunks of 3 bits (a chunk and one flag bit fill a look-up table of
 * 16 entries), the duration into digits of 2 bits (two tables share a bootstrap, and digits add up without carries).
 * @module
 */
import { field, list, ProgramError, shown } from '../errors.ts';

export const LAST_STAGE = 5;
/** Minutes from the start of the night: 0 to 1023. */
export const TIME_BITS = 10;
export const MAX_MINUTES = 2 ** TIME_BITS - 1;
export const MAX_RECORDS = 64;

/** Bits of the chunks of a start, from the lowest. */
export const START_BITS = [3, 3, 3, 1] as const;
/** Digits of 2 bits in a duration. */
export const DURATION_DIGITS = TIME_BITS / 2;
/** Blocks of one record: the stage, the start's chunks, the duration's digits. */
export const BLOCKS = 1 + START_BITS.length + DURATION_DIGITS;

export interface SleepRecord {
  readonly stage: number;
  readonly start: number;
  readonly end: number;
}

const EXAMPLE = '{"records": [[0, 0, 480], [3, 20, 470]]}';

const within = (value: unknown, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;

/**
 * The records of {"records": [[stage, start, end], ...]}, in order.
 * @throws ProgramError INPUT_INVALID, TOO_MANY_VALUES, RECORDS_NOT_TRIPLES, VALUE_RANGE, START_AFTER_END
 */
export function recordsOf(input: unknown): SleepRecord[] {
  const records = list(field(input, 'records', EXAMPLE), 'records', '[[0, 0, 480]]', MAX_RECORDS);
  return records.map((record, i) => {
    if (!Array.isArray(record) || record.length !== 3)
      throw new ProgramError(
        'RECORDS_NOT_TRIPLES',
        `record ${i + 1} is ${shown(record)}; each record is a triple [stage, start, end]`,
        'records',
      );
    const [stage, start, end] = record as unknown[];
    if (!within(stage, LAST_STAGE))
      throw new ProgramError(
        'VALUE_RANGE',
        `the stage of record ${i + 1} is ${shown(stage)}; stages are the integers 0 to ${LAST_STAGE}`,
        'records',
      );
    for (const [name, minutes] of [['start', start] as const, ['end', end] as const])
      if (!within(minutes, MAX_MINUTES))
        throw new ProgramError(
          'VALUE_RANGE',
          `the ${name} of record ${i + 1} is ${shown(minutes)}; times are whole minutes from 0 to ${MAX_MINUTES}`,
          'records',
        );
    if ((start as number) > (end as number))
      throw new ProgramError(
        'START_AFTER_END',
        `record ${i + 1} starts at ${start} and ends at ${end}: swap them, or count from the start of the night`,
        'records',
      );
    return { stage, start: start as number, end: end as number };
  });
}

function chunks(value: number, bits: readonly number[]): number[] {
  let rest = value;
  return bits.map((width) => {
    const chunk = rest % 2 ** width;
    rest = Math.floor(rest / 2 ** width);
    return chunk;
  });
}

/** The blocks to encrypt, record by record. */
export const blocksOf = (records: readonly SleepRecord[]): number[] =>
  records.flatMap(({ stage, start, end }) => [
    stage,
    ...chunks(start, START_BITS),
    ...chunks(end - start, new Array(DURATION_DIGITS).fill(2)),
  ]);
