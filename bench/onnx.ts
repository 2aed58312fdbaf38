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
import {
  formatBytes,
  formatMs,
  type Machine,
  machine,
  runPython,
  type Timing,
  table,
  writeJson,
} from './measure.ts';
import { mnistWeights, NETWORKS, type NetworkId } from './onnx-models.ts';
import type { CompileResult, DecryptResult, InferResult, KeysResult, Stage } from './onnx-stage.ts';

/**
 * HE-MAN on TenSEAL with 2 threads, from ../shared/specs/he-man.md sections 5.1 and 5.2: another machine and another day.
 * Seconds and bytes; for mobilefacenets and the LeNets HE-MAN's own trained weights.
 */
export interface SpecFigures {
  keygen: number;
  encrypt: number;
  /** Wall seconds on two threads, and CPU seconds. */
  infer: number;
  inferCpu: number;
  decrypt: number;
  keys: number;
  up: number;
  down: number;
  peakMemory: number;
  error: number;
}

const MIB = 2 ** 20;
const SPEC: Record<NetworkId, SpecFigures> = {
  mnist: {
    keygen: 3.4,
    encrypt: 1.1,
    infer: 16.2,
    inferCpu: 28.5,
    decrypt: 1,
    keys: 84_292_973,
    up: 465_380,
    down: 88_569,
    peakMemory: 824 * MIB,
    error: 3.96 / 16.5,
  },
  cryptonets: {
    keygen: 2.9,
    encrypt: 1,
    infer: 28.2,
    inferCpu: 38.8,
    decrypt: 1.2,
    keys: 84_290_104,
    up: 465_295,
    down: 88_587,
    peakMemory: 824 * MIB,
    error: 1.81 / 21.9,
  },
  'lenet5-square': {
    keygen: 22.3,
    encrypt: 5.9,
    infer: 828,
    inferCpu: 1085,
    decrypt: 6.2,
    keys: 648_670_090,
    up: 1_774_235,
    down: 214_479,
    peakMemory: 7020 * MIB,
    error: 5.42 / 13.8,
  },
  'lenet5-relu': {
    keygen: 38.9,
    encrypt: 12,
    infer: 1110,
    inferCpu: 1671,
    decrypt: 15,
    keys: 968_289_245,
    up: 2_079_876,
    down: 142_591,
    peakMemory: 10_980 * MIB,
    error: 14.6 / 21.1,
  },
  mobilefacenets: {
    keygen: 3.1,
    encrypt: 1.4,
    infer: 495,
    inferCpu: 966,
    decrypt: 2.8,
    keys: 179_218_828,
    up: 1_510_716,
    down: 524_442,
    peakMemory: 1268 * MIB,
    error: 7.26 / 11.6,
  },
};

export interface OnnxCase {
  id: NetworkId;
  compile: CompileResult;
  keys: KeysResult;
  infer: InferResult;
  /** The same on several threads, where the machine has them. */
  threaded?: InferResult;
  decrypt: DecryptResult;
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
}

function runStage<T>(stage: Stage, id: NetworkId, folder: string, threads: number, limits: Limits): T {
  const flags = { threads, runs: limits.runs, samples: limits.samples };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { status, signal, stdout, error } = spawnSync(process.execPath, [STAGE, stage, id, folder, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${stage} of ${id} ended with ${signal ?? `code ${status}`}`);
  return JSON.parse(stdout) as T;
}

function benchNetwork(id: NetworkId, threads: number, limits: Limits): OnnxCase {
  const folder = mkdtempSync(join(tmpdir(), 'velum-onnx-'));
  try {
    return {
      id,
      compile: runStage('compile', id, folder, 1, limits),
      keys: runStage('keys', id, folder, 1, limits),
      ...(threads > 1 && { threaded: runStage<InferResult>('infer', id, folder, threads, limits) }),
      // Last, so that its outputs are what is decrypted.
      infer: runStage('infer', id, folder, 1, limits),
      decrypt: runStage('decrypt', id, folder, 1, limits),
      spec: SPEC[id],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const TENSEAL_IMAGES = 10;

function tenseal(threads: number): Pick<OnnxReport, 'tenseal' | 'absent'> {
  const { model, samples } = NETWORKS.mnist();
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
  const limits: Limits = quick ? { runs: 1, samples: 2 } : { runs: 7, samples: 1000 };
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
  for (const { id, compile, keys, infer, threaded, decrypt, spec } of cases) {
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
    );
  }
  return [...lines, ...absent.map((line) => `\n${line}`)].join('\n');
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
