/**
 * The clear input of a program, from what a person has: JSON in the program's own form, an Apple Health export, a table.
 * @module
 */
import { readFile, stat } from 'node:fs/promises';
import { type NightChoice, reading, warnOf } from '../commands/health.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Night } from '../health/nights.ts';
import { note } from '../output.ts';
import type { Terminal } from '../terminal.ts';

export interface ClearInput {
  /** The night, where the file has several. */
  night?: string;
  input: unknown;
  /** Records of the export that cannot be used, for more than none. */
  skipped?: number;
}

/** The largest input of a program in JSON is far below. */
const MAX_JSON_BYTES = 2 ** 26;
/** Programs that an export or a table has something for. */
const FROM_HEALTH = ['weight_stats', 'sleep_quality'];

/**
 * One input, or one for each night with `--night all`.
 * @param path `-` for JSON on stdin
 * @throws CliError INPUT_NOT_JSON, INPUT_TOO_LARGE; those of the health files
 */
export async function readInput(
  terminal: Terminal,
  program: string,
  path: string,
  choice: NightChoice = {},
): Promise<ClearInput[]> {
  if (path === '-') return fromJson('stdin', program, await readAll(terminal.stdin), choice);
  const { kindOfFile } = await import('../health/apple-export.ts');
  const kind = await kindOfFile(path);
  if (kind === 'json') {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES) throw tooLarge(path);
    return fromJson(path, program, await readFile(path, 'utf8'), choice);
  }
  if (!FROM_HEALTH.includes(program)) {
    const hint = `\`velum program run ${program} --sample\` prints an input that it takes.`;
    throw new CliError('INPUT_NOT_JSON', `${path} is no JSON file`, EXIT.badInput, hint);
  }
  if (program === 'weight_stats') {
    const { readWeights } = await import('../health/weights.ts');
    const { weights_kg, skipped } = await reading(terminal, (reader) => readWeights(path, reader));
    warnOf(terminal, path, skipped);
    return [{ input: { weights_kg }, skipped: skipped.count || undefined }];
  }
  const { readNights } = await import('../health/sleep.ts');
  const { nights, skipped } = await reading(terminal, (reader) =>
    readNights(path, { gapHours: choice.gap, source: choice.source, ...reader }),
  );
  warnOf(terminal, path, skipped);
  const inputs = await nightInputs(path, nights, choice.night);
  for (const { night, skipped: inside } of inputs)
    if (inside !== undefined)
      note(terminal, `warning: ${inside} of them began in the night of ${night}: its score lacks them`);
  return inputs;
}

async function nightInputs(path: string, nights: Night[], wanted?: string): Promise<ClearInput[]> {
  const { chooseNights } = await import('../health/nights.ts');
  return chooseNights(path, nights, wanted).map(({ name, records, skipped }) => ({
    night: name,
    input: { records },
    skipped,
  }));
}

async function fromJson(
  name: string,
  program: string,
  text: string,
  choice: NightChoice,
): Promise<ClearInput[]> {
  let input: unknown;
  try {
    // some editors begin a file with a byte order mark
    input = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    const why = (error as Error).message.slice(0, 120);
    const hint = 'Give a file such as {"weights_kg": [68, 65.5]} or {"records": [[0, 0, 480]]}.';
    throw new CliError('INPUT_NOT_JSON', `${name} is not JSON: ${why}`, EXIT.badInput, hint);
  }
  // as `velum health nights --json` prints them
  const nights = (input as { nights?: unknown } | null)?.nights;
  if (program === 'sleep_quality' && Array.isArray(nights) && nights.every(isNight))
    return nightInputs(name, nights, choice.night);
  if (choice.night !== undefined)
    throw new CliError(
      'USAGE',
      `${name} holds one input, so --night chooses nothing`,
      EXIT.usage,
      'Leave it out.',
    );
  return [{ input }];
}

const isNight = (value: unknown): value is Night =>
  Array.isArray((value as { records?: unknown } | null)?.records);

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    const piece = Buffer.from(part as Uint8Array | string);
    bytes += piece.length;
    if (bytes > MAX_JSON_BYTES) throw tooLarge('stdin');
    parts.push(piece);
  }
  return Buffer.concat(parts).toString('utf8');
}

const tooLarge = (name: string): CliError =>
  new CliError(
    'INPUT_TOO_LARGE',
    `${name} has more than ${MAX_JSON_BYTES} bytes`,
    EXIT.badInput,
    'Give fewer values.',
  );
