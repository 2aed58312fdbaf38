/**
 * ONNX networks under encryption, beside HE-MAN's figures and TenSEAL in the same run: compile, keys, encrypt, infer on
 * one thread and on several, decrypt; bytes, peak memory of each process, and errors.
 *
 *   node bench/onnx.ts [--only NETWORK[,NETWORK]] [--threads 2] [--quick] [--json FILE]
 *
 * Every stage is a process of its own (onnx-stage.ts); times are of the work alone, without the start of the process.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SPEC, type SpecFigures } from './he-man-figures.ts';
import {
  digits,
  formatBytes,
  formatMs,
  type Machine,
  machine,
  runPython,
  type Timing,
  table,
  writeJson,
} from './measure.ts';
import { mnistNetwork, mnistWeights, NETWORKS, type NetworkId } from './onnx-models.ts';
import type { CompileResult, DecryptResult, InferResult, KeysResult, Stage } from './onnx-stage.ts';

export interface OnnxCase {
  id: NetworkId;
  compile: CompileResult;
  keys: KeysResult;
  infer: InferResult;
  /** The same on several threads, where the machine has them. */
  threaded?: InferResult;
  decrypt: DecryptResult;
  /** The same with as many samples in a ciphertext as are fastest, on one thread. */
  together?: Pick<OnnxCase, 'compile' | 'keys' | 'infer' | 'decrypt'>;
  spec: SpecFigures;
}

export interface TensealResult {
  threads: number;
  keygen: number;
  encrypt: Timing;
  compute: Timing;
  decrypt: Timing;
  up: number;
  down: number;
  keys: number;
  error: number;
  agreeing: number;
  samples: number;
}

export interface OnnxReport extends Machine {
  bench: 'onnx';
  build: string;
  quick: boolean;
  cases: OnnxCase[];
  /** The MNIST demo on TenSEAL, by threads. */
  tenseal?: { version: string; results: TensealResult[] };
  absent: string[];
}

const STAGE = fileURLToPath(new URL('onnx-stage.ts', import.meta.url));

interface Limits {
  runs: number;
  samples: number;
  /** Seconds for results that are only compared, beside those that are timed. */
  seconds: number;
  images: 1 | 'auto';
}

function runStage<T>(stage: Stage, id: NetworkId, folder: string, threads: number, limits: Limits): T {
  const flags = { threads, ...limits };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { status, signal, stdout, error } = spawnSync(process.execPath, [STAGE, stage, id, folder, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${stage} of ${id} ended with ${signal ?? `code ${status}`}`);
  return JSON.parse(stdout) as T;
}

function inFolder<T>(run: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'velum-onnx-'));
  try {
    return run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Networks small enough that several samples fit a ciphertext of theirs. */
const TOGETHER: readonly NetworkId[] = ['mnist', 'cryptonets'];
/** Where the run on several threads makes the outputs that are compared. */
const FEW_SECONDS = 10;

function benchNetwork(id: NetworkId, threads: number, limits: Limits): OnnxCase {
  const alone = inFolder((folder) => {
    const several = threads > 1;
    return {
      compile: runStage<CompileResult>('compile', id, folder, 1, limits),
      keys: runStage<KeysResult>('keys', id, folder, 1, limits),
      infer: runStage<InferResult>('infer', id, folder, 1, {
        ...limits,
        seconds: several ? Math.min(FEW_SECONDS, limits.seconds) : limits.seconds,
      }),
      ...(several && { threaded: runStage<InferResult>('infer', id, folder, threads, limits) }),
      decrypt: runStage<DecryptResult>('decrypt', id, folder, 1, limits),
    };
  });
  if (!TOGETHER.includes(id)) return { id, ...alone, spec: SPEC[id] };
  const together = inFolder((folder) => {
    const all: Limits = { ...limits, images: 'auto' };
    return {
      compile: runStage<CompileResult>('compile', id, folder, 1, all),
      keys: runStage<KeysResult>('keys', id, folder, 1, all),
      infer: runStage<InferResult>('infer', id, folder, 1, all),
      decrypt: runStage<DecryptResult>('decrypt', id, folder, 1, all),
    };
  });
  return { id, ...alone, together, spec: SPEC[id] };
}

const TENSEAL_IMAGES = 10;

function tenseal(threads: number): Pick<OnnxReport, 'tenseal' | 'absent'> {
  const { model, samples } = mnistNetwork();
  const images = Array.from({ length: TENSEAL_IMAGES }, (_, i) =>
    Array.from(samples[Math.floor((i * samples.length) / TENSEAL_IMAGES)]),
  );
  const answer = runPython<{ version: string; results: TensealResult[] }>('tenseal_mnist.py', {
    ...mnistWeights(model),
    side: 28,
    stride: 3,
    images,
    runs: 5,
    threads: threads > 1 ? [1, threads] : [1],
  });
  return 'absent' in answer
    ? { absent: [`TenSEAL: ${answer.absent}`] }
    : { tenseal: answer.result, absent: [] };
}

function benchOnnx(names: readonly NetworkId[], threads: number, quick: boolean): OnnxReport {
  const limits: Limits = quick
    ? { runs: 1, samples: 2, seconds: 60, images: 1 }
    : { runs: 7, samples: 1000, seconds: 60, images: 1 };
  const cases = names.map((id) => {
    console.error(`onnx: ${id}`);
    return benchNetwork(id, threads, limits);
  });
  const peer = quick
    ? { absent: ['TenSEAL: left out of a quick run'] }
    : names.includes('mnist')
      ? tenseal(threads)
      : { absent: [] };
  return { bench: 'onnx', ...machine(), build: cases[0].infer.build, quick, cases, ...peer };
}

function printOnnx({ cases, tenseal: peer, absent }: OnnxReport): string {
  const lines: string[] = [];
  for (const { id, compile, keys, infer, threaded, decrypt, together, spec } of cases) {
    const peers = id === 'mnist' && peer ? peer.results : [];
    const time = (t: Timing | undefined): string => (t ? formatMs(t.median) : '');
    const columns = [
      'Velum',
      ...peers.map(({ threads }) => `TenSEAL ${peer?.version}, ${threads} threads`),
      'HE-MAN (spec, their machine)',
    ];
    const of = (pick: (r: TensealResult) => string): string[] => peers.map(pick);
    lines.push(
      '',
      `${compile.source}: N = 2^${compile.logN}, log QP ${compile.logQP.toFixed(0)}, ${compile.levels} levels, ${compile.rotationKeys} rotation keys`,
      ...(compile.degrees.length > 0
        ? [
            `polynomials of degree ${compile.degrees.join(', ')}; ${percent(compile.agreement)} of the decisions on the calibration data are the exact network's`,
          ]
        : []),
      ...(compile.accuracy
        ? [
            `accuracy on ${compile.accuracy.samples} samples held out: ${percent(compile.accuracy.exact)} exact, ${percent(compile.accuracy.approximated)} approximated`,
          ]
        : []),
      table(
        ['', ...columns],
        [
          ['compile', formatMs(compile.milliseconds), ...of(() => ''), ''],
          ['key generation', formatMs(keys.keygen), ...of((r) => formatMs(r.keygen)), `${spec.keygen} s`],
          ['encrypt', time(keys.encrypt), ...of((r) => time(r.encrypt)), `${spec.encrypt} s`],
          ['load plan', formatMs(infer.load), ...of(() => ''), ''],
          ['load keys', formatMs(infer.loadKeys), ...of(() => ''), ''],
          [
            'inference, 1 thread',
            time(infer.compute),
            ...of((r) => (r.threads === 1 ? time(r.compute) : '')),
            `${spec.inferCpu} s of CPU`,
          ],
          [
            `inference, ${threaded?.threads ?? 2} threads`,
            time(threaded?.compute),
            ...of((r) => (r.threads > 1 ? time(r.compute) : '')),
            `${spec.infer} s (2 threads)`,
          ],
          ['decrypt', time(decrypt.decrypt), ...of((r) => time(r.decrypt)), `${spec.decrypt} s`],
          [
            'bytes of keys',
            formatBytes(keys.evaluationKeyBytes),
            ...of((r) => formatBytes(r.keys)),
            formatBytes(spec.keys),
          ],
          ['bytes up', formatBytes(keys.up), ...of((r) => formatBytes(r.up)), formatBytes(spec.up)],
          ['bytes down', formatBytes(infer.down), ...of((r) => formatBytes(r.down)), formatBytes(spec.down)],
          [
            'peak memory of inference',
            formatBytes(infer.peakMemory),
            ...of(() => ''),
            formatBytes(spec.peakMemory),
          ],
          [
            'largest error / largest output',
            decrypt.error.toExponential(1),
            ...of((r) => r.error.toExponential(1)),
            spec.error.toExponential(1),
          ],
          [
            'argmax as in the clear',
            `${decrypt.agreeing} of ${decrypt.samples}`,
            ...of((r) => `${r.agreeing} of ${r.samples}`),
            '',
          ],
          [
            'same, as in the exact network',
            `${decrypt.agreeingExact} of ${decrypt.samples}`,
            ...of(() => ''),
            '',
          ],
        ],
      ),
      ...(together ? [printTogether(infer, together)] : []),
    );
  }
  return [...lines, ...absent.map((line) => `\n${line}`)].join('\n');
}

/** Throughput: many samples to a ciphertext, beside one. */
function printTogether(
  infer: InferResult,
  { compile, keys, infer: many, decrypt }: NonNullable<OnnxCase['together']>,
): string {
  const { images } = compile;
  const each = many.compute.median / images;
  return [
    `${images} images to a ciphertext, 1 thread: ${formatMs(many.compute.median)}, ${formatMs(each)} an image, ${digits(1000 / each)} images a second (one to a ciphertext: ${digits(1000 / infer.compute.median)})`,
    `  an image takes ${formatBytes(keys.up / images)} up and ${formatBytes(many.down / images)} down; keys ${formatBytes(keys.evaluationKeyBytes)}; ` +
      `constants ${formatBytes(many.constantBytes)} (${formatBytes(infer.constantBytes)}), peak memory ${formatBytes(many.peakMemory)}`,
    `  largest error ${decrypt.error.toExponential(1)}, argmax as in the clear ${decrypt.agreeing} of ${decrypt.samples}`,
  ].join('\n');
}

const percent = (share: number | undefined): string =>
  share === undefined ? '?' : `${(100 * share).toFixed(1)} %`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const all = Object.keys(NETWORKS) as NetworkId[];
const wanted = values.only?.split(',').map((name) => name.trim());
const unknown = wanted?.find((name) => !all.includes(name as NetworkId));
if (unknown !== undefined) throw new Error(`--only: no network "${unknown}"; there are ${all.join(', ')}`);
// A quick run is for tests: the two small networks, the large ones take a minute.
const names = all.filter((id) =>
  wanted ? wanted.includes(id) : !values.quick || id === 'mnist' || id === 'cryptonets',
);
const report = benchOnnx(names, Number(values.threads), values.quick);
console.log(printOnnx(report));
if (values.json !== undefined) writeJson(values.json, report);
