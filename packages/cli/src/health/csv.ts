/**
 * Rows of a small table of text, as spreadsheets write it: comma, semicolon or tab between the cells, quotes around some,
 * a header or none.
 * @module
 */
import { CliError, EXIT } from '../errors.ts';

/** Far more than any program takes. */
const MAX_ROWS = 1_000_000;

export interface CsvRow {
  /** In the file, from 1. */
  line: number;
  cells: string[];
}

export interface Csv {
  /** Lower case; undefined when the first row already holds data, which is when `isData` says so. */
  header: string[] | undefined;
  rows: CsvRow[];
  /** Whether commas are free to be decimal points. */
  commaIsDecimal: boolean;
}

/** @throws CliError CSV_INVALID */
export function parseCsv(name: string, text: string, isData: (cells: string[]) => boolean): Csv {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  const first = lines.find((line) => line.trim() !== '') ?? '';
  const separator = first.includes('\t') ? '\t' : first.includes(';') ? ';' : ',';
  const rows: CsvRow[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    if (rows.length >= MAX_ROWS) throw csvError(name, i + 1, `more than ${MAX_ROWS} rows`);
    rows.push({ line: i + 1, cells: cellsOf(name, i + 1, line, separator) });
  }
  if (rows.length === 0)
    throw new CliError('CSV_INVALID', `${name} is empty`, EXIT.badInput, 'Give a file with rows.');
  const header = isData(rows[0].cells) ? undefined : rows.shift()!.cells.map((cell) => cell.toLowerCase());
  return { header, rows, commaIsDecimal: separator !== ',' };
}

function cellsOf(name: string, line: number, text: string, separator: string): string[] {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let close = text.indexOf('"', at + 1);
      while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2); // a doubled quote stands for one
      if (close < 0) throw csvError(name, line, 'a quote is not closed');
      cells.push(
        text
          .slice(at + 1, close)
          .replaceAll('""', '"')
          .trim(),
      );
      at = close + 1;
      if (at < text.length && text[at] !== separator)
        throw csvError(name, line, 'text follows a quoted cell');
    } else {
      const next = text.indexOf(separator, at);
      const end = next < 0 ? text.length : next;
      cells.push(text.slice(at, end).trim());
      at = end;
    }
    if (at >= text.length) return cells;
    at++;
  }
}

/** A number as people write it, or undefined. */
export function csvNumber(cell: string, commaIsDecimal: boolean): number | undefined {
  const text = commaIsDecimal ? cell.replace(',', '.') : cell;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

export function csvError(name: string, line: number, what: string): CliError {
  return new CliError('CSV_INVALID', `${name}, line ${line}: ${what}`, EXIT.badInput, 'Mend that line.');
}
