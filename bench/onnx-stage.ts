/**
 * One stage of bench/onnx.ts in a process of its own, so that its peak memory is its own: compile (ONNX to plan), keys
 * (the client's keys and encrypted inputs), infer (the server), decrypt (the client again). Stages hand files on in a
 * folder, as HE-MAN's five commands do.
 *
 *   node bench/onnx-stage.ts STAGE NETWORK FOLDER [--threads N] [--runs N] [--samples N] [--images N|auto] [--seconds N]
 *
 * One line of JSON on stdout. @module
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileFiles } from '@velum/compiler';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys, decodePlan, encodePlan, type Plan, runClear, ServerPlan } from '@velum/runtime';
import { measure, type Timing } from './measure.ts';
import { NETWORKS, type Network, type NetworkId } from './onnx-models.ts';

export type Stage = 'compile' | 'keys' | 'infer' | 'decrypt';

interface Common {
  /** Largest resident set of the process, in bytes. */
  peakMemory: number;
}

export interface CompileResult extends Common {
  source: string;
  milliseconds: number;
  /** Samples that share a ciphertext. */
  images: number;
  logN: number;
  logQP: number;
  levels: number;
  rotationKeys: number;
  /** Degrees of the polynomials that stand in for activations. */
  degrees: number[];
  /** Share of equal decisions of the approximated and the exact network on the calibration data. */
  agreement?: number;
  /** On all labelled samples in the clear, where activations were approximated: shares that are right. */
  accuracy?: { samples: number; exact: number; approximated: number };
}

export interface KeysResult extends Common {
  keygen: number;
  /** One ciphertext, or those of as many samples as share one. */
  encrypt: Timing;
  publicKeyBytes: number;
  evaluationKeyBytes: number;
  up: number;
}

export interface InferResult extends Common {
  /** The kernels' build. */
  build: string;
  threads: number;
  /** Reading the plan and encoding its constants; reading and expanding the keys. */
  load: number;
  loadKeys: number;
  compute: Timing;
  /** The kernels' part of the memory. */
  arenaPeak: number;
  constantBytes: number;
  down: number;
}

export interface DecryptResult extends Common {
  decrypt: Timing;
  samples: number;
  /** Largest error relative to the largest output, against the approximated network in the clear. */
  error: number;
  /** The same against the network as it is in the file. */
  exactError: number;
  largestOutput: number;
  /** Samples whose largest output is that of the approximated network in the clear, and of the network in the file. */
  agreeing: number;
  agreeingExact: number;
  /** Samples whose largest output is the label, encrypted and exact. */
  right?: { encrypted: number; exact: number };
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    runs: { type: 'string', default: '5' },
    samples: { type: 'string', default: '1000' },
    images: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
  },
});
const [stage, id, folder] = positionals as [Stage, NetworkId, string];
const [threads, runs, most, limit] = [values.threads, values.runs, values.samples, values.seconds].map(
  Number,
);
const path = (name: string): string => join(folder, name);
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)));
const numbered = (prefix: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)));

/** What the later stages know of the network: samples to encrypt, and what is right for them. */
interface Data {
  samples: number[][];
  /** Scores of the network in the file. */
  exact: number[][];
  labels?: number[];
}

/** Evenly from the whole set, as HE-MAN's digits come sorted by class: indices. */
function sampled({ samples, encrypted = samples.length }: Network): number[] {
  const count = Math.min(most, encrypted, samples.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * samples.length) / count));
}

const readData = (): Data => JSON.parse(readFileSync(path('data.json'), 'utf8')) as Data;

async function elapsed<T>(call: () => T | Promise<T>): Promise<{ result: T; milliseconds: number }> {
  const start = performance.now();
  const result = await call();
  return { result, milliseconds: performance.now() - start };
}

const compileNetwork = ({ model, calibration, reluMode }: Network) =>
  compileFiles([{ name: `${id}.onnx`, bytes: model }], {
    calibration,
    images: values.images === 'auto' ? 'auto' : Number(values.images),
    approximation: reluMode === undefined ? undefined : { reluMode },
  });

async function compile(): Promise<Omit<CompileResult, keyof Common>> {
  const network = await NETWORKS[id]();
  const { result, milliseconds } = await elapsed(() => compileNetwork(network));
  const { plan, report } = result;
  writeFileSync(path('plan'), await encodePlan(plan));
  const { samples, labels } = network;
  const chosen = sampled(network);
  const data: Data = {
    samples: chosen.map((i) => [...samples[i]]),
    exact: chosen.map((i) => result.predict(samples[i])),
    ...(labels && { labels: chosen.map((i) => labels[i]) }),
  };
  writeFileSync(path('data.json'), JSON.stringify(data));
  const { parameters, keys, input } = plan.profile;
  return {
    source: network.source,
    milliseconds,
    images: input.images ?? 1,
    logN: parameters.logN,
    logQP: [...parameters.q, ...parameters.p].reduce((sum, q) => sum + Math.log2(q), 0),
    levels: input.level,
    rotationKeys: keys.evaluation.filter(({ galois }) => galois !== 0).length,
    degrees: report?.functions.map(({ degree }) => degree) ?? [],
    ...(report?.functions.length && {
      agreement: report.comparison.agreement,
      ...(labels && { accuracy: accuracyOf(samples, labels, plan, result.predict) }),
    }),
  };
}

const argmax = (row: readonly number[]): number => row.indexOf(Math.max(...row));

function accuracyOf(
  samples: readonly Float64Array[],
  labels: readonly number[],
  plan: Plan,
  predict: (row: Float64Array) => number[],
): NonNullable<CompileResult['accuracy']> {
  const share = (scores: (sample: Float64Array) => number[]): number =>
    samples.filter((sample, i) => argmax(scores(sample)) === labels[i]).length / samples.length;
  return {
    samples: samples.length,
    exact: share(predict),
    approximated: share((sample) => runClear(plan, [sample])[0]),
  };
}

const readPlan = async (): Promise<Plan> => decodePlan(read('plan'));

async function keys(): Promise<Omit<KeysResult, keyof Common>> {
  const { profile } = await readPlan();
  const kernels = await loadKernels({ threads });
  const { images = 1 } = profile.input;
  const { samples } = readData();
  const { result, milliseconds } = await elapsed(async () => {
    const client = ClientKeys.generate(kernels, profile);
    return { client, publicKey: await client.publicKey(), evaluationKey: await client.evaluationKey() };
  });
  const { client, publicKey, evaluationKey } = result;
  writeFileSync(path('key'), await client.exportSecret(), { mode: 0o600 });
  writeFileSync(path('key.pub'), publicKey);
  writeFileSync(path('key.eval'), evaluationKey);
  for (let first = 0; first < samples.length; first += images) {
    const rows = samples.slice(first, first + images);
    writeFileSync(path(`input.${first / images}`), await client.encrypt(rows));
  }
  const encrypt = await measure(() => client.encrypt(samples.slice(0, images)), { runs });
  client.dispose();
  await kernels.close();
  return {
    keygen: milliseconds,
    encrypt,
    publicKeyBytes: publicKey.length,
    evaluationKeyBytes: evaluationKey.length,
    up: statSync(path('input.0')).size,
  };
}

async function infer(): Promise<Omit<InferResult, keyof Common>> {
  const kernels = await loadKernels({ threads, wide: true });
  const loading = await elapsed(async () => new ServerPlan(kernels, await readPlan()));
  const server = loading.result;
  const keyLoading = await elapsed(() => server.loadKeys(read('key.pub'), read('key.eval')));
  const inputs = numbered('input.');
  let down = 0;
  const begin = performance.now();
  for (const name of inputs) {
    if (down > 0 && performance.now() - begin > 1000 * limit) break;
    const result = await server.predict(keyLoading.result, read(name));
    writeFileSync(path(name.replace('input', 'output')), result);
    down = result.length;
  }
  const input = read(inputs[0]);
  const compute = await measure(() => server.predict(keyLoading.result, input), {
    runs,
    warmup: inputs.length > 3 ? 0 : 1,
    limitMs: 60_000,
  });
  const { bytes: constantBytes } = server;
  await kernels.close();
  return {
    build: kernels.build,
    threads,
    load: loading.milliseconds,
    loadKeys: keyLoading.milliseconds,
    compute,
    arenaPeak: kernels.arena.peakBytes,
    constantBytes,
    down,
  };
}

async function decrypt(): Promise<Omit<DecryptResult, keyof Common>> {
  const plan = await readPlan();
  const kernels = await loadKernels();
  const client = await ClientKeys.fromSecret(kernels, plan.profile, read('key'));
  const outputs: number[][] = [];
  for (const name of numbered('output.')) outputs.push(...(await client.decrypt(read(name))));
  const data = readData();
  // The time may have been too short for all of them.
  const [samples, exact] = [data.samples, data.exact].map((rows) => rows.slice(0, outputs.length));
  const clear = samples.map((sample) => runClear(plan, [sample])[0]);
  const [result] = numbered('output.').map(read);
  const timing = await measure(() => client.decrypt(result), { runs });
  client.dispose();
  const all = (rows: readonly number[][]): number[] => rows.flat().map(Math.abs);
  const largest = (rows: readonly number[][]): number => all(rows).reduce((a, b) => Math.max(a, b), 0);
  const differences = (from: readonly number[][]): number[][] =>
    outputs.map((row, r) => row.map((v, i) => v - from[r][i]));
  const count = (matches: (row: number[], r: number) => boolean): number => outputs.filter(matches).length;
  const { labels } = data;
  return {
    decrypt: timing,
    samples: outputs.length,
    error: largest(differences(clear)) / largest(clear),
    exactError: largest(differences(exact)) / largest(exact),
    largestOutput: largest(exact),
    agreeing: count((row, r) => argmax(row) === argmax(clear[r])),
    agreeingExact: count((row, r) => argmax(row) === argmax(exact[r])),
    ...(labels && {
      right: {
        encrypted: count((row, r) => argmax(row) === labels[r]),
        exact: count((_, r) => argmax(exact[r]) === labels[r]),
      },
    }),
  };
}

const stages: Record<Stage, () => Promise<object>> = { compile, keys, infer, decrypt };
const result = await stages[stage]();
const common: Common = { peakMemory: process.resourceUsage().maxRSS * 1024 };
process.stdout.write(`${JSON.stringify({ ...result, ...common })}\n`);
