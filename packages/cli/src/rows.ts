/**
 * `--rows A:B`, a half-open range as in Python.
 * @module
 */
import { CliError, EXIT } from './errors.ts';

/** `A:B`, `A:`, `:B` or one row `A` of `count` rows, to [from, to). ROWS_INVALID when it names no rows. */
export function parseRows(text: string | undefined, count: number): [number, number] {
  if (text === undefined) return [0, count];
  const match = /^(\d*)(:?)(\d*)$/.exec(text.trim());
  if (match === null || text.trim() === '') {
    throw new CliError(
      'ROWS_INVALID',
      `not a range of rows: ${text}`,
      EXIT.usage,
      'Give A:B (B excluded), A:, :B or A.',
    );
  }
  const from = match[1] === '' ? 0 : Number(match[1]);
  const to = match[2] === '' ? from + 1 : match[3] === '' ? count : Math.min(Number(match[3]), count);
  if (from >= to || to > count) {
    throw new CliError(
      'ROWS_INVALID',
      `rows ${text} of a file with ${count}`,
      EXIT.badInput,
      `Choose from 0:${count}.`,
    );
  }
  return [from, to];
}
