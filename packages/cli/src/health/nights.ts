/**
 * Nights of sleep records: split where nothing was recorded for more than twelve hours, as the original application does,
 * in minutes since each night began.
 * @module
 */
import { CliError, EXIT } from '../errors.ts';
import { type Instant, localDay, localMinute } from './times.ts';

const DEFAULT_GAP_HOURS = 12;
/** What ten bits hold: 17 hours. */
const LAST_MINUTE = 1023;

export interface SleepRecord {
  /** 0 in bed, 1 asleep (unspecified), 2 awake, 3 core, 4 deep, 5 REM. */
  stage: number;
  start: Instant;
  end: Instant;
  source: string;
}

export interface Night {
  /** The day it ended on, with `.2` and so on for more than one; undefined where the file has no dates. */
  name?: string;
  start?: string;
  end?: string;
  sources: string[];
  /** [stage, start, end] in minutes since the first start: what sleep_quality takes. */
  records: [number, number, number][];
  /** Records that began in it and cannot be used; absent for none. */
  skipped?: number;
  /** Why the program cannot take it. */
  problem?: string;
}

/**
 * Sorted by start; each record belongs to one night.
 * @param holes starts of records that cannot be used
 */
export function splitNights(
  records: SleepRecord[],
  gapHours = DEFAULT_GAP_HOURS,
  holes: readonly Instant[] = [],
): Night[] {
  const sorted = [...records].sort((a, b) => a.start.ms - b.start.ms);
  const nights: SleepRecord[][] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const record of sorted) {
    if (record.start.ms - latest > gapHours * 3_600_000) nights.push([]);
    nights.at(-1)!.push(record);
    latest = Math.max(latest, record.end.ms);
  }
  const used = new Map<string, number>();
  // nights follow each other, so that each hole is looked at once
  const starts = holes.map(({ ms }) => ms).sort((a, b) => a - b);
  let next = 0;
  return nights.map((night) => {
    const last = night.reduce((a, b) => (b.end.ms > a.end.ms ? b : a)).end;
    const day = localDay(last);
    const nth = (used.get(day) ?? 0) + 1;
    used.set(day, nth);
    let skipped = 0;
    for (; next < starts.length && starts[next] <= last.ms; next++)
      if (starts[next] >= night[0].start.ms) skipped++;
    const found = nightOf(night, nth === 1 ? day : `${day}.${nth}`, last);
    return skipped === 0 ? found : { ...found, skipped };
  });
}

function nightOf(records: SleepRecord[], name: string, last: Instant): Night {
  const start = records[0].start;
  const minutes = ({ ms }: Instant) => Math.round((ms - start.ms) / 60_000);
  const night: Night = {
    name,
    start: localMinute(start),
    end: localMinute(last),
    sources: [...new Set(records.map(({ source }) => source))].filter((source) => source !== ''),
    records: records.map(({ stage, start, end }) => [stage, minutes(start), minutes(end)]),
  };
  const problem = problemOf(night.records);
  return problem === undefined ? night : { ...night, problem };
}

export function problemOf(records: Night['records']): string | undefined {
  const last = records.reduce((latest, [, , end]) => Math.max(latest, end), 0);
  if (last <= LAST_MINUTE) return undefined;
  return `it lasts ${last} minutes, and the program's ten bits end at ${LAST_MINUTE} (17 hours)`;
}

/** Minutes in bed and asleep, for people. */
export function minutesOf(records: Night['records']): { inBed: number; asleep: number } {
  const sum = (wanted: (stage: number) => boolean) =>
    records.reduce((total, [stage, start, end]) => total + (wanted(stage) ? end - start : 0), 0);
  return { inBed: sum((stage) => stage === 0), asleep: sum((stage) => stage !== 0 && stage !== 2) };
}

/**
 * The nights that `--night` means: `all`, `last`, a day such as 2024-03-02, or a number from 1 (negative from the end).
 * @throws CliError HEALTH_EMPTY, NIGHT_UNKNOWN, NIGHT_TOO_LONG
 */
export function chooseNights(path: string, nights: Night[], wanted = 'last'): Night[] {
  const count = nights.length;
  if (count === 0) {
    const hint = '`velum health nights export.zip --json` prints such a list.';
    throw new CliError('HEALTH_EMPTY', `${path} holds no nights`, EXIT.badInput, hint);
  }
  const chosen =
    wanted === 'all'
      ? nights
      : nights.filter(({ name }, i) => name === wanted || numbers(i, count).includes(wanted));
  if (chosen.length === 0) {
    const range = count === 1 ? 'one night' : `${count} nights`;
    const days = nights[0].name === undefined ? '' : `, ${nights[0].name} to ${nights[count - 1].name}`;
    throw new CliError(
      'NIGHT_UNKNOWN',
      `no night ${wanted} in ${path}, which has ${range}${days}`,
      EXIT.badInput,
      'Give --night DATE (of the morning), a number from 1, last or all; `velum health nights` lists them.',
    );
  }
  const bad = chosen.find(({ problem }) => problem !== undefined);
  if (bad !== undefined && wanted !== 'all') throw tooLong(bad);
  const whole = chosen.filter(({ problem }) => problem === undefined);
  if (whole.length === 0) throw tooLong(chosen[0]);
  return whole;
}

/** What the i-th of `count` nights is called beside its day. */
const numbers = (i: number, count: number): string[] => [
  String(i + 1),
  String(i - count),
  ...(i === count - 1 ? ['last'] : []),
];

function tooLong({ name, start, end, problem }: Night): CliError {
  const which = name === undefined ? 'the night' : `the night of ${name} (${start} to ${end})`;
  const hint =
    'A nap may join two nights: split them at a shorter pause with --gap 3 (hours), or take one app with --source.';
  return new CliError('NIGHT_TOO_LONG', `${which} is too long: ${problem}`, EXIT.badInput, hint);
}
