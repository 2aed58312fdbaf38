/**
 * Sleep records from an Apple Health export or a table.
 * @module
 */
import { CliError, EXIT } from '../errors.ts';
import { type Attributes, kindOfFile, type ReadOptions, readAppleRecords } from './apple-export.ts';
import { type CsvRow, csvError, csvNumber, parseCsv } from './csv.ts';
import { type Night, problemOf, type SleepRecord, splitNights } from './nights.ts';
import { Skipped } from './skipped.ts';
import { type Instant, parseInstant } from './times.ts';
import { cut, readTable } from './weights.ts';

const SLEEP = 'HKCategoryTypeIdentifierSleepAnalysis';
const PREFIX = 'HKCategoryValueSleepAnalysis';
/** Names of the stages, those of older exports among them; the numbers are Apple's HKCategoryValueSleepAnalysis. */
const STAGES: Readonly<Record<string, number>> = {
  inbed: 0,
  asleep: 1,
  asleepunspecified: 1,
  awake: 2,
  asleepcore: 3,
  core: 3,
  asleepdeep: 4,
  deep: 4,
  asleeprem: 5,
  rem: 5,
};
/** Some forty years of nights. */
const MAX_RECORDS = 1_000_000;
const MAX_SOURCES = 256;

export interface NightOptions extends ReadOptions {
  /** Hours without a record that part two nights, default 12. */
  gapHours?: number;
  /** Only records of this app or device, by its name. */
  source?: string;
}

export interface Nights {
  /** In order. */
  nights: Night[];
  /** Records of an export that cannot be used. A table with such a row is refused. */
  skipped: Skipped;
}

/** Every night of a file. @throws CliError HEALTH_VALUE, HEALTH_EMPTY, CSV_INVALID, XML_INVALID ... */
export async function readNights(path: string, options: NightOptions = {}): Promise<Nights> {
  const skipped = new Skipped();
  if ((await kindOfFile(path)) === 'text')
    return { nights: nightsOfTable(path, await readTable(path), options.gapHours), skipped };
  /** Where the skipped ones begin, for those that say so. */
  const holes: Instant[] = [];
  const records: SleepRecord[] = [];
  const sources = new Map<string, string>();
  const wanted = options.source?.toLowerCase();
  const keep = (attributes: Attributes, line: number) => {
    const source = sourceOf(sources, attributes['sourceName'] ?? '');
    if (wanted !== undefined && source.toLowerCase() !== wanted) return;
    if (records.length + skipped.count >= MAX_RECORDS) {
      const message = `${path}, line ${line}: more than ${MAX_RECORDS} sleep records`;
      throw new CliError('HEALTH_VALUE', message, EXIT.badInput, 'Take one app with --source.');
    }
    const read = recordOf(attributes, source);
    if (typeof read !== 'string') {
      records.push(read);
      return;
    }
    skipped.add(line, read);
    const start = parseInstant(attributes['startDate'] ?? '');
    if (start !== undefined) holes.push(start);
  };
  await readAppleRecords(path, new Set([SLEEP]), keep, options);
  if (records.length === 0) {
    if (skipped.count > 0) throw skipped.error(path);
    const seen = [...sources.keys()].slice(0, 10).join(', ');
    const [message, hint] =
      sources.size > 0
        ? [`${path} has no sleep records of ${options.source}`, `Its sources are: ${seen}.`]
        : [
            `${path} holds no sleep records`,
            `They are Record tags of type ${SLEEP}: track some nights first.`,
          ];
    throw new CliError('HEALTH_EMPTY', message, EXIT.badInput, hint);
  }
  return { nights: splitNights(records, options.gapHours, holes), skipped };
}

/** One copy of each name, none of which keeps a piece of the file alive. */
function sourceOf(sources: Map<string, string>, name: string): string {
  const known = sources.get(name);
  if (known !== undefined) return known;
  if (sources.size >= MAX_SOURCES) return '';
  const copy = Buffer.from(name.slice(0, 100)).toString();
  sources.set(copy, copy);
  return copy;
}

/** Or why it is none. */
function recordOf({ value, startDate, endDate }: Attributes, source: string): SleepRecord | string {
  const name = value?.startsWith(PREFIX) ? value.slice(PREFIX.length).toLowerCase() : '';
  const stage = Object.hasOwn(STAGES, name) ? STAGES[name] : undefined;
  if (stage === undefined) return `a sleep record of ${JSON.stringify(cut(value))}`;
  const [start, end] = [parseInstant(startDate ?? ''), parseInstant(endDate ?? '')];
  if (start === undefined || end === undefined)
    return `a sleep record from ${JSON.stringify(cut(startDate))} to ${JSON.stringify(cut(endDate))}`;
  if (end.ms < start.ms) return `a sleep record that ends (${endDate}) before it starts (${startDate})`;
  return { stage, start, end, source };
}

/** Rows of stage, start, end: minutes of one night, or times of any number of nights. */
function nightsOfTable(path: string, text: string, gapHours: number | undefined): Night[] {
  const isData = (cells: string[]) => stageOf(cells[0] ?? '') !== undefined;
  const { header, rows, commaIsDecimal } = parseCsv(path, text, isData);
  const at = ['stage', 'start', 'end'].map(
    (name, i) => header?.findIndex((cell) => cell.includes(name)) ?? i,
  );
  if (at.includes(-1) || rows.length === 0) {
    const hint =
      'Write `stage,start,end` over the columns: stage 0 to 5 (or InBed, Awake, Core, Deep, REM), minutes or times.';
    throw new CliError('CSV_INVALID', `${path} has no rows of stage, start and end`, EXIT.badInput, hint);
  }
  const cells = rows.map((row) => ({ ...row, cells: at.map((i) => row.cells[i] ?? '') }));
  const inMinutes = csvNumber(cells[0].cells[1], commaIsDecimal) !== undefined;
  if (!inMinutes)
    return splitNights(
      cells.map((row) => timedRow(path, row)),
      gapHours,
    );
  const records = cells.map((row) => minutesRow(path, row));
  const problem = problemOf(records);
  return [{ sources: [], records, ...(problem === undefined ? {} : { problem }) }];
}

function stageOf(cell: string): number | undefined {
  if (/^[0-5]$/.test(cell)) return Number(cell);
  return STAGES[cell.replace(PREFIX, '').replace(/[ _-]/g, '').toLowerCase()];
}

function minutesRow(path: string, { line, cells }: CsvRow): [number, number, number] {
  const [stage, start, end] = [stageOf(cells[0]), csvNumber(cells[1], false), csvNumber(cells[2], false)];
  if (stage === undefined)
    throw csvError(path, line, `${JSON.stringify(cut(cells[0]))} is no stage from 0 to 5`);
  if (
    start === undefined ||
    end === undefined ||
    !Number.isInteger(start) ||
    !Number.isInteger(end) ||
    start < 0
  )
    throw csvError(path, line, 'start and end must be whole minutes since the night began');
  if (end < start) throw csvError(path, line, `it ends (${end}) before it starts (${start})`);
  return [stage, start, end];
}

function timedRow(path: string, { line, cells }: CsvRow): SleepRecord {
  const [stage, start, end] = [stageOf(cells[0]), parseInstant(cells[1]), parseInstant(cells[2])];
  if (stage === undefined)
    throw csvError(path, line, `${JSON.stringify(cut(cells[0]))} is no stage from 0 to 5`);
  if (start === undefined || end === undefined)
    throw csvError(path, line, 'start and end must be minutes, or times such as 2024-03-01T23:04:00+01:00');
  if (end.ms < start.ms) throw csvError(path, line, `it ends (${cells[2]}) before it starts (${cells[1]})`);
  return { stage, start, end, source: '' };
}
