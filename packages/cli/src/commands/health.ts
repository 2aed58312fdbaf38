/**
 * health weights, nights: inputs of programs out of an Apple Health export or a table.
 * @module
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import type { Night } from '../health/nights.ts';
import type { Skipped } from '../health/skipped.ts';
import { interruptSignal } from '../interrupt.ts';
import { note, print, printJson, table } from '../output.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import { command, groupCommand, positiveInteger } from '../program.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

interface OutputOptions {
  output?: string;
  json?: boolean;
}

interface WeightsOptions extends OutputOptions {
  last?: number;
}

/** Which nights of a file; `program run` has the same. */
export interface NightChoice {
  night?: string;
  gap?: number;
  source?: string;
}

export function healthCommand(terminal: Terminal): Command {
  const weights = command('weights', 'the newest weights in kilograms, as weight_stats takes them', [
    'velum health weights export.zip > weights.json',
    'velum health weights export.xml --last 30 -o weights.json',
    'velum health weights weights.csv',
  ])
    .argument('<file>', 'export.xml or export.zip of Apple Health, or a table (date,weight; or one column)')
    .option('--last <n>', 'how many of the newest (default 100)', positiveInteger)
    .option('-o, --output <path>', 'write the input here')
    .action((file: string, options: WeightsOptions) => weightsAction(terminal, file, options));

  const nights = nightOptions(
    command('nights', 'nights of sleep, as sleep_quality takes them', [
      'velum health nights export.zip                     lists them',
      'velum health nights export.zip --night last > night.json',
      'velum health nights export.zip -o nights/          writes every night to a file of its own',
      'velum health nights night.csv --night 1 -o night.json',
    ]),
  )
    .argument('<file>', 'export.xml or export.zip of Apple Health, or a table (stage,start,end)')
    .option('-o, --output <path>', 'write the input here; a directory when no night is chosen')
    .action((file: string, options: NightChoice & OutputOptions) => nightsAction(terminal, file, options));

  return groupCommand('health', 'inputs of programs from Apple Health exports and tables', [
    'velum health weights export.zip',
    'velum health nights export.zip --night 2024-03-02',
  ])
    .addCommand(weights)
    .addCommand(nights);
}

/** @param otherwise what an absent --night means */
export function nightOptions(sub: Command, otherwise = ''): Command {
  return sub
    .option(
      '--night <which>',
      `a night by the date of its morning, a number from 1, last, or all${otherwise}`,
    )
    .option('--gap <hours>', 'hours without a record that part two nights (default 12)', hours)
    .option('--source <name>', 'only the records of this app or device');
}

function hours(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 24)) throw new InvalidArgumentError('Give hours from 0 to 24.');
  return value;
}

async function weightsAction(terminal: Terminal, file: string, options: WeightsOptions): Promise<void> {
  if (options.output !== undefined) await checkOutputs([options.output], [file]);
  const { readWeights } = await import('../health/weights.ts');
  const weights = await reading(terminal, (reader) => readWeights(file, { last: options.last, ...reader }));
  const { weights_kg, days, found, skipped } = weights;
  warnOf(terminal, file, skipped);
  const input = { weights_kg };
  if (options.output !== undefined) await writeInputs([{ path: options.output, input }]);
  if (options.json) printJson(terminal, { ...weights, skipped: skipped.count, ...written(options.output) });
  else {
    if (options.output === undefined) printJson(terminal, input);
    const range = days[0] === null ? '' : `, ${days[0]} to ${days.at(-1)}`;
    note(
      terminal,
      `${weights_kg.length} of ${found} weights${range}${options.output ? `: ${options.output}` : ''}`,
    );
  }
}

/** Says on stderr that records of the file cannot be used. */
export function warnOf(terminal: Terminal, file: string, skipped: Skipped): void {
  const warning = skipped.warning(file);
  if (warning !== undefined) note(terminal, warning);
}

async function nightsAction(
  terminal: Terminal,
  file: string,
  options: NightChoice & OutputOptions,
): Promise<void> {
  const { readNights } = await import('../health/sleep.ts');
  const { chooseNights } = await import('../health/nights.ts');
  const { nights: all, skipped } = await reading(terminal, (reader) =>
    readNights(file, { gapHours: options.gap, source: options.source, ...reader }),
  );
  warnOf(terminal, file, skipped);
  const single = options.night !== undefined && options.night !== 'all';
  const nights = options.night === undefined ? all : chooseNights(file, all, options.night);
  const paths = await writeNights(nights, single, file, options.output);
  if (options.json) {
    const files = paths.length > 0 ? { files: paths } : {};
    printJson(terminal, { nights, skipped: skipped.count, ...files });
  } else if (single && options.output === undefined) printJson(terminal, { records: nights[0].records });
  else if (single)
    note(terminal, `${nights[0].records.length} records of ${nights[0].name ?? 'the night'}: ${paths[0]}`);
  else {
    print(terminal, await nightsTable(nights));
    note(
      terminal,
      paths.length > 0
        ? `${paths.length} nights in ${options.output}`
        : 'Choose one with --night DATE (or last), or write all with -o DIRECTORY.',
    );
  }
}

/** Nights too long for the program are listed and not written. */
async function writeNights(
  nights: Night[],
  single: boolean,
  file: string,
  output: string | undefined,
): Promise<string[]> {
  if (output === undefined) return [];
  if (single) {
    await checkOutputs([output], [file]);
    await writeInputs([{ path: output, input: { records: nights[0].records } }]);
    return [output];
  }
  try {
    await mkdir(output, { recursive: true });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    const hint = 'Give a directory, or choose one night with --night.';
    throw new CliError(
      'OUTPUT_UNWRITABLE',
      `cannot make the directory ${output}: ${why}`,
      EXIT.badInput,
      hint,
    );
  }
  const files = nights
    .filter(({ problem }) => problem === undefined)
    .map(({ name, records }, i) => ({ path: join(output, `${name ?? i + 1}.json`), input: { records } }));
  await writeInputs(files);
  return files.map(({ path }) => path);
}

const writeInputs = (files: { path: string; input: unknown }[]): Promise<void> =>
  writeOutputs(
    files.map(({ path, input }) => ({ path, bytes: new TextEncoder().encode(`${JSON.stringify(input)}\n`) })),
  );

const written = (path: string | undefined): Record<string, unknown> =>
  path === undefined ? {} : { file: path };

async function nightsTable(nights: Night[]): Promise<string> {
  const { minutesOf } = await import('../health/nights.ts');
  const duration = (minutes: number) =>
    `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
  const rows = nights.map(({ name, start, end, records, sources, problem, skipped }, i) => {
    const { inBed, asleep } = minutesOf(records);
    const cells = [name ?? String(i + 1), start ?? '', end?.slice(11) ?? '', records.length];
    return [
      ...cells,
      duration(inBed),
      duration(asleep),
      problem ?? sources.join(', ') + (skipped === undefined ? '' : ` (${skipped} skipped)`),
    ];
  });
  return table(['night', 'from', 'to', 'records', 'in bed', 'asleep', 'source'], rows);
}

/** Reads a file of any size, with progress and Ctrl-C. */
export async function reading<T>(
  terminal: Terminal,
  work: (reader: { signal: AbortSignal; onProgress: (done: number, total: number) => void }) => Promise<T>,
): Promise<T> {
  const progress = progressFor(terminal);
  const { signal, done } = interruptSignal();
  try {
    return await work({ signal, onProgress: (read, total) => progress.update('reading', read, total) });
  } catch (error) {
    if (signal.aborted) throw new CliError('ABORTED', 'interrupted', EXIT.interrupted);
    throw error;
  } finally {
    progress.clear();
    done();
  }
}
