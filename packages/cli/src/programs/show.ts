/**
 * The rounds of a program, for people.
 * @module
 */
import type { Program } from '@velum/programs';
import { bytesText, millisecondsText, table } from '../output.ts';
import type { Round } from './round.ts';

/** The words of the original application for the scores 1 to 5. */
export const SCORE_WORDS = ['excellent', 'good', 'moderate', 'poor', 'very poor'] as const;
const STEPS: Readonly<Record<string, string>> = {
  keys: 'keys',
  upload_keys: 'upload of keys',
  encrypt: 'encrypt',
  upload: 'upload',
  wait: 'server',
  run: 'run',
  compute: 'compute',
  fetch: 'fetch',
  decrypt: 'decrypt',
};

const AGREEMENT: Readonly<Record<string, string>> = {
  true: 'The encrypted result is the clear one.',
  false: 'The encrypted result IS NOT the clear one.',
  null: 'The server has a catalogue of its own: there is no clear result here to compare with.',
};

/** The result beside the clear one. */
export function resultText(program: Program, rounds: Round[]): string {
  const unit = program.name === 'weight_stats' ? ' kg' : '';
  const named = rounds.some(({ night }) => night !== undefined);
  const rows = rounds.flatMap(({ night, result, clear }) =>
    lines(result, clear ?? {}).map(([name, encrypted, plain]) => [
      ...(named ? [night ?? ''] : []),
      name,
      encrypted + unit,
      clear === null ? '' : plain + unit,
    ]),
  );
  return table([...(named ? ['night'] : []), 'result', 'encrypted', 'in the clear'], rows);
}

function lines(
  result: Record<string, unknown>,
  clear: Record<string, unknown>,
): [name: string, encrypted: string, clear: string][] {
  return Object.entries(result).flatMap(([name, value]) => {
    const plain = clear[name];
    if (!Array.isArray(value))
      return [[name, cell(name, value), cell(name, plain)] as [string, string, string]];
    return value.map((item, i): [string, string, string] => [
      `#${i + 1} ${adTitle(item)}`,
      cell(name, item),
      cell(name, (plain as unknown[] | undefined)?.[i]),
    ]);
  });
}

const adTitle = (item: unknown): string => String((item as { title?: unknown } | null)?.title ?? '');

function cell(name: string, value: unknown): string {
  if (typeof value === 'number' && name === 'score') return `${value} (${scoreWord(value)})`;
  if (typeof value === 'object' && value !== null)
    return `score ${(value as { score?: unknown }).score ?? JSON.stringify(value)}`;
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** A result alone. */
export function plainText(result: Record<string, unknown>): string {
  return lines(result, {})
    .map(([name, value]) => `${name}  ${value}`)
    .join('\n');
}

/** `excellent` for 1. */
export const scoreWord = (score: number): string => SCORE_WORDS[score - 1] ?? '?';

/** Times and bytes of each step, and whether the two agree. */
export function measuredText({ times_ms, bytes, bootstraps, agrees, task_id }: Round): string {
  const { total, ...steps } = times_ms;
  const times = Object.entries(steps)
    .filter(([, ms]) => ms > 0)
    .map(([step, ms]) => `${STEPS[step] ?? step} ${millisecondsText(ms)}`);
  const key =
    bytes['server_key'] > 0
      ? `, server key ${bytesText(bytes['server_key'])}${task_id === undefined ? '' : ' once'}`
      : '';
  return [
    AGREEMENT[String(agrees)],
    `${times.join(', ')}; in all ${millisecondsText(total)}, ${bootstraps} bootstraps`,
    `${bytesText(bytes['input'])} up, ${bytesText(bytes['result'])} down${key}`,
  ].join('\n');
}
