/**
 * A whole round of a program as the command reports it, and what goes into every way of running one.
 * @module
 */
import { isDeepStrictEqual } from 'node:util';
import type { Program } from '@velum/programs';
import type { ClearInput } from './read-input.ts';

export interface Round {
  night?: string;
  /** What the program says: `{"score": 1}`. */
  result: Record<string, unknown>;
  /** The same computed in the clear; null when the server computed on a catalogue of its own. */
  clear: Record<string, unknown> | null;
  /** All of it, scores as well; null where there is nothing to compare with. */
  agrees: boolean | null;
  /** Of every advertisement. */
  scores?: number[];
  /** Records of the export that cannot be used, for more than none. */
  skipped?: number;
  bootstraps: number;
  times_ms: Record<string, number>;
  bytes: Record<string, number>;
  task_id?: string;
}

export interface RunOptions {
  url?: string;
  /** A client.key file, instead of the stored keys. */
  keys?: string;
  passphraseFile?: string;
  threads?: number | 'auto';
}

export type RunProgram = (program: Program, inputs: ClearInput[], options: RunOptions) => Promise<Round[]>;

/** @param times milliseconds by step */
export function roundOf(
  program: Program,
  { night, input, skipped }: ClearInput,
  run: { result: unknown; bootstraps: number; bytes: Record<string, number>; taskId?: string },
  times: Record<string, number>,
): Round {
  const own = program.clear(input);
  const clear = isNumbered(run.result) && !isNumbered(own) ? null : own;
  const { scores } = run.result as { scores?: number[] };
  return {
    ...(night === undefined ? {} : { night }),
    result: shownPart(run.result),
    clear: clear === null ? null : shownPart(clear),
    agrees: clear === null ? null : isDeepStrictEqual(run.result, clear),
    ...(scores === undefined ? {} : { scores }),
    ...(skipped === undefined ? {} : { skipped }),
    bootstraps: run.bootstraps,
    times_ms: Object.fromEntries(
      Object.entries(times).map(([step, ms]) => [snakeCase(step), Math.round(100 * ms) / 100]),
    ),
    bytes: run.bytes,
    ...(run.taskId === undefined ? {} : { task_id: run.taskId }),
  };
}

/** Whether advertisements have no titles: in a result that is so when another catalogue than the one at hand was scored. */
function isNumbered(result: unknown): boolean {
  const best = (result as { top?: { index: number; title: string }[] }).top?.[0];
  return best?.title === `advertisement ${best?.index}`;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Thousands of scores are for programs; the best are among them. */
export function shownPart(result: unknown): Record<string, unknown> {
  const { scores: _, ...shown } = result as Record<string, unknown>;
  return shown;
}
