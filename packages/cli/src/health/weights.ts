/**
 * Weights in kilograms from an Apple Health export or a table.
 * @module
 */
import { readFile, stat } from 'node:fs/promises';
import { CliError, EXIT } from '../errors.ts';
import { type Attributes, kindOfFile, type ReadOptions, readAppleRecords } from './apple-export.ts';
import { csvError, csvNumber, parseCsv } from './csv.ts';
import { Skipped } from './skipped.ts';
import { localDay, parseInstant } from './times.ts';

/** As many as the original application took. */
const DEFAULT_LAST = 100;
/** Tables are read whole. */
const MAX_CSV_BYTES = 2 ** 26;
const BODY_MASS = 'HKQuantityTypeIdentifierBodyMass';
const KILOGRAMS: Readonly<Record<string, number>> = { kg: 1, g: 0.001, lb: 0.45359237, st: 6.35029318 };
/** Weighings held before the older ones are let go. */
const KEPT = 16_384;

export interface Weights {
  weights_kg: number[];
  /** Of each weight, where the file has dates. */
  days: (string | null)[];
  /** Weights in the file that can be used, of which these are the last. */
  found: number;
  /** Records of an export that cannot be used. A table with such a row is refused. */
  skipped: Skipped;
}

interface Weighing {
  kg: number;
  ms: number;
  day: string | null;
}

export interface WeightOptions extends ReadOptions {
  /** How many of the newest, default 100. */
  last?: number;
}

/** The last weights by date, oldest first. @throws CliError HEALTH_VALUE, HEALTH_EMPTY, CSV_INVALID, XML_INVALID ... */
export async function readWeights(path: string, options: WeightOptions = {}): Promise<Weights> {
  const last = options.last ?? DEFAULT_LAST;
  const kind = await kindOfFile(path);
  const skipped = new Skipped();
  let found = 0;
  let kept: Weighing[] = [];
  if (kind === 'text') {
    kept = tableOf(path, await readTable(path));
    found = kept.length;
  } else {
    const keep = (attributes: Attributes, line: number) => {
      const read = weighing(attributes);
      if (typeof read === 'string') {
        skipped.add(line, read);
        return;
      }
      kept.push(read);
      found++;
      if (kept.length > Math.max(KEPT, 2 * last)) kept = newest(kept, last);
    };
    await readAppleRecords(path, new Set([BODY_MASS]), keep, options);
  }
  if (found === 0) {
    if (skipped.count > 0) throw skipped.error(path);
    const hint =
      'Weights are Record tags of type HKQuantityTypeIdentifierBodyMass: enter or sync some first.';
    throw new CliError('HEALTH_EMPTY', `${path} holds no weights`, EXIT.badInput, hint);
  }
  const chosen = newest(kept, last);
  return { weights_kg: chosen.map(({ kg }) => kg), days: chosen.map(({ day }) => day), found, skipped };
}

/** Stable, so that what has no date keeps the order of the file. */
const newest = (weighings: Weighing[], last: number): Weighing[] =>
  weighings.sort((a, b) => a.ms - b.ms).slice(-last);

/** To a tenth of a gram: the factor of a unit must not turn 69.3 kg into 69.29999 kg. */
const toKilograms = (value: number, factor: number): number => Math.round(value * factor * 1e4) / 1e4;

/** Or why it is none. */
function weighing({ unit, value, startDate }: Attributes): Weighing | string {
  const factor = Object.hasOwn(KILOGRAMS, unit ?? '') ? KILOGRAMS[unit] : undefined;
  if (factor === undefined) return `a weight in ${JSON.stringify(cut(unit))}`;
  const amount = csvNumber(value ?? '', false);
  if (amount === undefined || !(amount > 0)) return `a weight of ${JSON.stringify(cut(value))}`;
  const instant = parseInstant(startDate ?? '');
  if (instant === undefined) return `a weight on ${JSON.stringify(cut(startDate))}`;
  return { kg: toKilograms(amount, factor), ms: instant.ms, day: localDay(instant) };
}

export async function readTable(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_CSV_BYTES) {
    const message = `${path} has ${size} bytes; a table may have ${MAX_CSV_BYTES}`;
    throw new CliError('CSV_INVALID', message, EXIT.badInput, 'Give the rows that matter.');
  }
  return readFile(path, 'utf8');
}

function tableOf(path: string, text: string): Weighing[] {
  const table = parseCsv(path, text, (cells) => csvNumber(cells.at(-1) ?? '', true) !== undefined);
  const { header, rows, commaIsDecimal } = table;
  const width = rows[0]?.cells.length ?? 0;
  const weightAt =
    header?.findIndex((name) => /weight|mass|gewicht|poids|peso|(^|[^a-z])(kg|lbs?)([^a-z]|$)/.test(name)) ??
    width - 1;
  const dateAt =
    header?.findIndex((name, i) => i !== weightAt && /date|time|day|datum/.test(name)) ?? width - 2;
  if (weightAt < 0 || (header === undefined && width > 2)) {
    const hint =
      'Write `date,weight_kg` (or weight_lb) over the columns, or give a single column of kilograms.';
    throw new CliError('CSV_INVALID', `${path} has no column of weights`, EXIT.badInput, hint);
  }
  const factor = KILOGRAMS[/(^|[^a-z])lbs?([^a-z]|$)|pound/.test(header?.[weightAt] ?? '') ? 'lb' : 'kg'];
  return rows.map(({ line, cells }) => {
    const amount = csvNumber(cells[weightAt] ?? '', commaIsDecimal);
    if (amount === undefined || !(amount > 0))
      throw csvError(path, line, `${JSON.stringify(cut(cells[weightAt]))} is no weight`);
    const instant = dateAt < 0 ? undefined : parseInstant(cells[dateAt] ?? '');
    if (dateAt >= 0 && instant === undefined)
      throw csvError(path, line, `${JSON.stringify(cut(cells[dateAt]))} is no date such as 2024-03-01`);
    return { kg: toKilograms(amount, factor), ms: instant?.ms ?? 0, day: instant ? localDay(instant) : null };
  });
}

export const cut = (text: string | undefined): string | undefined => text?.slice(0, 40);
