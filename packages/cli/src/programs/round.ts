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
  /** The same computed in the clear. */
  clear: Record<string, unknown>;
  agrees: boolean;
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
  { night, input }: ClearInput,
  run: { result: unknown; bootstraps: number; bytes: Record<string, number>; taskId?: string },
  times: Record<string, number>,
): Round {
  const result = shownPart(run.result);
  const clear = shownPart(program.clear(input));
  return {
    ...(night === undefined ? {} : { night }),
    result,
    clear,
    agrees: isDeepStrictEqual(result, clear),
    bootstraps: run.bootstraps,
    times_ms: Object.fromEntries(
      Object.entries(times).map(([step, ms]) => [snakeCase(step), Math.round(100 * ms) / 100]),
    ),
    bytes: run.bytes,
    ...(run.taskId === undefined ? {} : { task_id: run.taskId }),
  };
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Thousands of scores are for programs; the best are among them. */
export function shownPart(result: unknown): Record<string, unknown> {
  const { scores: _, ...shown } = result as Record<string, unknown>;
  return shown;
}
