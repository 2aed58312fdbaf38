/**
 * Tables of numbers as text: comma, semicolon or tab, with or without a header line.
 *
 * A first line without any number is the header. Nothing else is guessed: a label column such as `Class`
 * stays a column, so that a table with one column too many fails as such.
 * @module
 */

import { CsvError, type Options, parse } from 'csv-parse/sync';
import { SampleFileError } from './errors.ts';

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export interface CsvTable {
  rows: number[][];
  names?: string[];
}

/**
 * @param maxValues limit for rows x columns
 * @throws SampleFileError CSV_ENCODING, CSV_CELL (row and column, both from 1, the header line counting as a
 *   row), CSV_RAGGED, CSV_SYNTAX, SAMPLES_EMPTY, SAMPLES_TOO_LARGE
 */
export function parseCsv(bytes: Uint8Array, maxValues: number): CsvTable {
  const text = decode(bytes);
  let names: string[] | undefined;
  let first = true;
  let values = 0;
  const onRecord = (cells: string[], { lines }: { lines: number }): number[] | null => {
    if (first) {
      first = false;
      if (!cells.some((cell) => NUMBER.test(cell))) {
        names = cells;
        return null;
      }
    }
    values += cells.length;
    if (values > maxValues) {
      const message = `the table has more than ${maxValues} values: split it`;
      throw new SampleFileError('SAMPLES_TOO_LARGE', message, { argument: 'file', value: values });
    }
    return cells.map((cell, column) => toNumber(cell, lines, column, names));
  };
  const options = {
    bom: true,
    trim: true,
    skip_empty_lines: true,
    delimiter: delimiterOf(text),
    on_record: onRecord,
    max_record_size: 16 * 1024 * 1024,
  };
  let rows: number[][];
  try {
    // The types know on_record only as string[] -> string[]; it may return anything.
    rows = parse(text, options as unknown as Options) as unknown as number[][];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const ragged = error.code.startsWith('CSV_RECORD_INCONSISTENT');
    const what = ragged ? 'every row must have as many cells as the first' : 'the text is not valid CSV';
    const message = `${what}: ${error.message}`;
    throw new SampleFileError(ragged ? 'CSV_RAGGED' : 'CSV_SYNTAX', message, {
      argument: 'file',
      cause: error,
    });
  }
  if (rows.length === 0) {
    throw new SampleFileError('SAMPLES_EMPTY', 'the table has no rows of numbers: give at least one', {
      argument: 'file',
    });
  }
  return names ? { rows, names } : { rows };
}

function toNumber(cell: string, row: number, column: number, names?: string[]): number {
  const value = Number(cell);
  if (NUMBER.test(cell) && Number.isFinite(value)) return value;
  const name = names?.[column] ? ` ("${names[column]}")` : '';
  const shown = cell.length > 40 ? `${cell.slice(0, 40)}...` : cell;
  const message = `row ${row}, column ${column + 1}${name} is "${shown}": every cell must be a finite number; encode categories and fill gaps first`;
  throw new SampleFileError('CSV_CELL', message, {
    argument: `row ${row}, column ${column + 1}`,
    value: shown,
  });
}

function delimiterOf(text: string): string {
  const end = text.search(/[\r\n]/);
  const line = end < 0 ? text : text.slice(0, end);
  const count = (delimiter: string) => line.split(delimiter).length;
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SampleFileError('CSV_ENCODING', 'the file is not UTF-8 text: save it as UTF-8', {
      argument: 'file',
      cause,
    });
  }
}
