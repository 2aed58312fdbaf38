/**
 * What every benchmark shares: timing one call, tables, the machine, JSON files, Python peers.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Times of one thing in milliseconds. */
export interface Timing {
  median: number;
  /** Median absolute deviation from the median: how noisy the machine was. */
  mad: number;
  min: number;
  runs: number;
}

export interface MeasureOptions {
  /** Timed calls. */
  runs: number;
  /** Untimed calls before, so that the JIT has done its work. */
  warmup?: number;
  /** No further call begins after this many milliseconds of timed ones, once there are three. */
  limitMs?: number;
}

/** Times single calls; meant for calls of 20 us or more. A promise is awaited. */
export async function measure(
  call: () => unknown,
  { runs, warmup = 3, limitMs = 15_000 }: MeasureOptions,
): Promise<Timing> {
  for (let i = 0; i < warmup; i++) await call();
  const times: number[] = [];
  for (let spent = 0; times.length < runs && (times.length < 3 || spent < limitMs); ) {
    const start = performance.now();
    const pending = call();
    if (pending instanceof Promise) await pending;
    times.push(performance.now() - start);
    spent += times[times.length - 1];
  }
  return timing(times);
}

export function timing(times: readonly number[]): Timing {
  const median = quantile(times, 0.5);
  return {
    median,
    mad: quantile(
      times.map((t) => Math.abs(t - median)),
      0.5,
    ),
    min: times.reduce((a, b) => Math.min(a, b)),
    runs: times.length,
  };
}

/** Linear interpolation between the sorted values; `at` from 0 to 1. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = at * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  node: string;
  platform: string;
}

export function machine(): Machine {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** Three significant digits with a unit that suits: "31.2 us", "4.50 ms", "1.20 s". */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${digits(ms / 1000)} s`;
  return ms >= 1 ? `${digits(ms)} ms` : `${digits(ms * 1000)} us`;
}

/** Decimal units, as the published figures have them. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e6) return `${digits(bytes / 1e6)} MB`;
  return bytes >= 1e3 ? `${digits(bytes / 1e3)} KB` : `${bytes} B`;
}

/** Three significant digits, never in exponential form. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A table in plain text: the first column to the left, the others to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, c) => Math.max(...[header, ...rows].map((row) => (row[c] ?? '').length)));
  const line = (row: readonly string[]): string =>
    widths
      .map((w, c) => (c === 0 ? (row[c] ?? '').padEnd(w) : (row[c] ?? '').padStart(w)))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((w) => '-'.repeat(w)).join('  '), ...rows.map(line)].join('\n');
}

export function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** What a Python peer answered, or why there is none. */
export type PythonAnswer<T> = { result: T } | { absent: string };

/**
 * Runs `bench/peers/SCRIPT` with `input` as JSON on its stdin and takes JSON from its stdout.
 * The interpreter is VELUM_PYTHON, else python3. A script without its library exits with code 3.
 */
export function runPython<T>(script: string, input: unknown): PythonAnswer<T> {
  const python = process.env['VELUM_PYTHON'] || 'python3';
  const { status, stdout, stderr, error } = spawnSync(
    python,
    [fileURLToPath(new URL(`peers/${script}`, import.meta.url))],
    { input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1 << 28, env: oneThread() },
  );
  if (error) return { absent: `no Python (${python}): set VELUM_PYTHON` };
  if (status === 3) return { absent: stderr.trim() };
  if (status !== 0) throw new Error(`${script} ended with code ${status}:\n${stderr}`);
  return { result: JSON.parse(stdout) as T };
}

/** OpenMP and BLAS kept to one thread, as our side has one. */
function oneThread(): NodeJS.ProcessEnv {
  return { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
}
