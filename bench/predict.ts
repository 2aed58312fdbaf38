/**
 * Predictions end to end without the network: keys, encryption, server compute, decryption, bytes and error,
 * beside node-seal and TenSEAL doing it HE4Cloud's way, and what HE4Cloud and HElayers published.
 *
 *   node bench/predict.ts [--quick] [--json FILE]
 *
 * The server's compute is bytes to bytes: it parses the input, expands its masks, evaluates, re-randomises and
 * packs the result. The peers' is the evaluation alone, on ciphertexts in memory with constants encoded. @module
 */
import { parseArgs } from 'node:util';
import {
  type CompileOptions,
  compileModel,
  type DenseLayer,
  HE4CLOUD_SIGMOID,
  type Model,
  predictPlain,
  sigmoidPolynomial,
} from '@velum/compiler';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys, decodePlan, encodePlan, ServerPlan } from '@velum/runtime';
import { type BenchModel, logisticRegression, neuralNetwork, repeatRows, withoutActivation } from './data.ts';
import {
  formatBytes,
  formatMs,
  type Machine,
  machine,
  measure,
  runPython,
  type Timing,
  table,
  writeJson,
} from './measure.ts';
import { HE4CLOUD_SET, SealCkks, SMALL_SET } from './peers/seal-ckks.ts';
import { sealNetwork } from './peers/seal-network.ts';
import {
  batchRegression,
  latencyRegression,
  type Regression,
  type SealProgram,
} from './peers/seal-regression.ts';

/** One system on one case; what it does not have is absent. Bytes, milliseconds. */
export interface Column {
  name: string;
  up?: number;
  down?: number;
  keys?: number;
  keygen?: Timing;
  encrypt?: Timing;
  compute?: Timing;
  decrypt?: Timing;
  /** Largest absolute difference from the model in double precision. */
  error?: number;
}

/** A figure that somebody else measured elsewhere, as text: no ratio is made of it without saying so. */
export interface Published {
  name: string;
  up?: string;
  down?: string;
  keys?: string;
  compute?: string;
  encrypt?: string;
}

export type CaseId = 'lr-1' | 'lr-batch' | 'lr-server-1' | 'lr-server-batch' | 'nn-1';

export interface Case {
  id: CaseId;
  what: string;
  samples: number;
  velum: Column;
  peers: Column[];
  published?: Published;
}

export interface PredictReport extends Machine {
  bench: 'predict';
  build: string;
  quick: boolean;
  data: { lr: string; nn: string };
  cases: Case[];
  /** Why a peer is missing. */
  absent: string[];
}

const BATCH = 8192;

/** Its own estimate; its server, like HElayers' runs, computes the sigmoid too. */
const HE4CLOUD = 'HE4Cloud';
const PUBLISHED: Record<CaseId, Published> = {
  'lr-1': {
    name: HE4CLOUD,
    up: '27.5 MB',
    down: '0.26 MB',
    keys: '47 MB',
    compute: '168 ms',
    encrypt: '272 ms',
  },
  'lr-batch': { name: 'HElayers, 88 CPUs', compute: '350 ms' },
  'lr-server-1': {
    name: HE4CLOUD,
    up: '27.5 MB',
    down: '0.26 MB',
    keys: '47 MB',
    compute: '168 ms',
    encrypt: '272 ms',
  },
  'lr-server-batch': { name: 'HElayers, 88 CPUs', compute: '350 ms' },
  'nn-1': { name: HE4CLOUD, keys: '75 MB' },
};

interface Repeats {
  compute: number;
  keygen: number;
  peer: number;
}

async function velumColumn(
  kernels: Kernels,
  { model, options, plain }: { model: Model; options: CompileOptions; plain: (row: number[]) => number },
  rows: number[][],
  samples: number,
  repeats: Repeats,
): Promise<Column> {
  const plan = await decodePlan(await encodePlan(await compileModel(model, options)));
  const keygen = await measure(
    async () => {
      const keys = ClientKeys.generate(kernels, plan.profile);
      await keys.publicKey();
      await keys.evaluationKey();
      keys.dispose();
    },
    { runs: repeats.keygen, warmup: 1 },
  );
  const client = ClientKeys.generate(kernels, plan.profile);
  const [publicKey, evaluationKey] = [await client.publicKey(), await client.evaluationKey()];
  const server = new ServerPlan(kernels, plan);
  const keys = await server.loadKeys(publicKey, evaluationKey);
  const perRequest = samples === 1 ? rows.map((row) => [row]) : [repeatRows(rows, samples)];
  let error = 0;
  for (const request of perRequest) {
    const scores = await client.decrypt(await server.predict(keys, await client.encrypt(request)));
    request.forEach((row, i) => {
      error = Math.max(error, Math.abs(scores[i][0] - plain(row)));
    });
  }
  const [request] = perRequest;
  const input = await client.encrypt(request);
  const result = await server.predict(keys, input);
  const column: Column = {
    name: 'Velum',
    up: input.length,
    down: result.length,
    keys: publicKey.length + evaluationKey.length,
    keygen,
    encrypt: await measure(() => client.encrypt(request), { runs: repeats.compute }),
    compute: await measure(() => server.predict(keys, input), { runs: repeats.compute }),
    decrypt: await measure(() => client.decrypt(result), { runs: repeats.compute }),
    error,
  };
  keys.dispose();
  server.dispose();
  client.dispose();
  return column;
}

/** `peer` serves several cases: making a context takes SEAL a second. Its keys and constants are freed with it. */
async function sealColumn(
  peer: SealCkks,
  build: (peer: SealCkks) => SealProgram,
  rows: number[][],
  plain: (row: number[]) => number,
  repeats: Repeats,
): Promise<Column> {
  const program = build(peer);
  const inputs = program.encrypt(rows);
  const result = program.evaluate(inputs);
  const scores = program.decrypt(result, rows.length);
  const { up, keys } = program.bytes(rows);
  const column: Column = {
    name: peer.set.name,
    up,
    down: peer.resultBytes(result),
    keys,
    compute: await measure(() => program.evaluate(inputs).delete(), { runs: repeats.peer, warmup: 0 }),
    error: scores.reduce((worst, score, i) => Math.max(worst, Math.abs(score - plain(rows[i]))), 0),
  };
  for (const ct of [...inputs, result]) ct.delete();
  return column;
}

type TensealAnswer = { version: string; keygenMs: number; keys: number } & Record<
  CaseId,
  { compute: Timing; up: number; down: number; error: number }
>;

/** Adds TenSEAL's column to each case, or says why there is none. */
function addTenseal(
  cases: Case[],
  lr: Regression,
  lrRows: number[][],
  nn: BenchModel,
  runs: number,
): string[] {
  const layers = nn.model.layers
    .filter((layer): layer is DenseLayer => layer.kind === 'dense')
    .map(({ inputs, outputs, weights, bias }) => ({
      weights: Array.from({ length: inputs }, (_, i) =>
        Array.from({ length: outputs }, (_, o) => weights[o * inputs + i]),
      ),
      bias: [...bias],
    }));
  const answer = runPython<TensealAnswer>('tenseal_predict.py', {
    lr: { weights: Array.from(lr.weights), bias: lr.bias, rows: lrRows },
    sigmoid: sigmoidPolynomial(HE4CLOUD_SIGMOID.degree, HE4CLOUD_SIGMOID.range),
    batch: BATCH,
    nn: { layers, rows: nn.rows.slice(0, 1) },
    runs,
  });
  if ('absent' in answer) return [`TenSEAL: ${answer.absent}`];
  for (const entry of cases) {
    const { compute, up, down, error } = answer.result[entry.id];
    const name = `TenSEAL ${answer.result.version}, HE4Cloud set`;
    entry.peers.push({ name, compute, up, down, keys: answer.result.keys, error });
  }
  return [];
}

/** The batches repeat a few rows: each is predicted in the clear once. */
function remembered(predict: (row: number[]) => number): (row: number[]) => number {
  const known = new Map<number[], number>();
  return (row) => {
    let value = known.get(row);
    if (value === undefined) known.set(row, (value = predict(row)));
    return value;
  };
}

/** Measures every case. `quick` is for tests: few repeats, and the peers once. */
async function benchPredict({ quick }: { quick: boolean }): Promise<PredictReport> {
  const kernels = await loadKernels({ wide: true });
  const repeats: Repeats = quick ? { compute: 3, keygen: 1, peer: 1 } : { compute: 50, keygen: 5, peer: 10 };
  const [lr, nn] = [await logisticRegression(), await neuralNetwork()];
  for (const { rows } of quick ? [lr, nn] : []) rows.splice(3);
  const linear = withoutActivation(lr.model);
  const [{ weights, bias }] = linear.layers as DenseLayer[];
  const regression: Regression = { weights, bias: bias[0] };
  const score = remembered((row) => predictPlain(linear, row)[0]);
  const curve = remembered((row) => predictPlain(lr.model, row, { serverActivation: true })[0]);
  const one = lr.rows.slice(0, 1);
  const batch = repeatRows(lr.rows, BATCH);
  const features = `${lr.model.inputs} features`;
  const latency = (server: boolean) => (peer: SealCkks) => latencyRegression(peer, regression, server);
  const throughput = (server: boolean) => (peer: SealCkks) => batchRegression(peer, regression, server);
  const [peer, small] = [await SealCkks.open(HE4CLOUD_SET), await SealCkks.open(SMALL_SET)];
  const cases: Case[] = [];
  const add = (id: CaseId, what: string, samples: number, velum: Column, peers: Column[]): void => {
    cases.push({ id, what, samples, velum, peers, published: PUBLISHED[id] });
  };

  const clientSide = { model: linear, options: lr.options, plain: score };
  add(
    'lr-1',
    `logistic regression, ${features}, linear score, 1 sample`,
    1,
    await velumColumn(kernels, clientSide, lr.rows, 1, repeats),
    [
      await sealColumn(peer, latency(false), one, score, repeats),
      await sealColumn(small, latency(false), one, score, repeats),
    ],
  );
  add(
    'lr-batch',
    `logistic regression, ${features}, linear score, ${BATCH} samples`,
    BATCH,
    await velumColumn(kernels, clientSide, lr.rows, BATCH, repeats),
    [await sealColumn(peer, throughput(false), batch, score, repeats)],
  );
  const serverSide = (batchSize: number) => ({
    model: lr.model,
    options: { ...lr.serverOptions, activation: 'server' as const, batchSize },
    plain: curve,
  });
  add(
    'lr-server-1',
    `logistic regression, ${features}, sigmoid of degree 9 on the server, 1 sample`,
    1,
    await velumColumn(kernels, serverSide(1), lr.rows, 1, repeats),
    [await sealColumn(peer, latency(true), one, curve, repeats)],
  );
  add(
    'lr-server-batch',
    `logistic regression, ${features}, sigmoid of degree 9 on the server, ${BATCH} samples`,
    BATCH,
    await velumColumn(kernels, serverSide(BATCH), lr.rows, BATCH, repeats),
    [await sealColumn(peer, throughput(true), batch, curve, repeats)],
  );
  const network = (row: number[]): number => predictPlain(nn.model, row)[0];
  add(
    'nn-1',
    'network 62-200-100-1 with squares, 1 sample',
    1,
    await velumColumn(kernels, { model: nn.model, options: nn.options, plain: network }, nn.rows, 1, {
      ...repeats,
      compute: Math.min(repeats.compute, 20),
      keygen: Math.min(repeats.keygen, 3),
    }),
    [
      await sealColumn(peer, () => sealNetwork(peer, nn.model), nn.rows.slice(0, 1), network, {
        ...repeats,
        peer: Math.min(repeats.peer, 5),
      }),
    ],
  );
  peer.dispose();
  small.dispose();
  const absent = quick
    ? ['TenSEAL: left out of a quick run']
    : addTenseal(cases, regression, lr.rows, nn, repeats.peer);
  return {
    bench: 'predict',
    ...machine(),
    build: kernels.build,
    quick,
    data: { lr: lr.source, nn: nn.source },
    cases,
    absent,
  };
}

function printPredict(report: PredictReport): string {
  const lines = [
    `data: ${report.data.lr}; ${report.data.nn}`,
    'HE4Cloud set: N=16384, 7 data primes; small set: N=8192, 2 data primes. Published figures include the sigmoid on the server.',
  ];
  for (const { what, velum, peers, published } of report.cases) {
    const columns = [velum, ...peers];
    const bytes = (pick: (c: Column) => number | undefined, given: string | undefined): string[] => [
      ...columns.map((c) => optional(pick(c), formatBytes)),
      given ?? '',
    ];
    const time = (pick: (c: Column) => Timing | undefined, given?: string): string[] => [
      ...columns.map((c) => optional(pick(c)?.median, formatMs)),
      given ?? '',
    ];
    lines.push(
      '',
      what,
      table(
        ['', ...columns.map((c) => c.name), published ? `published (${published.name})` : ''],
        [
          ['server compute', ...time((c) => c.compute, published?.compute)],
          ['bytes up', ...bytes((c) => c.up, published?.up)],
          ['bytes down', ...bytes((c) => c.down, published?.down)],
          ['bytes of keys', ...bytes((c) => c.keys, published?.keys)],
          ['key generation', ...time((c) => c.keygen)],
          ['encrypt', ...time((c) => c.encrypt, published?.encrypt)],
          ['decrypt', ...time((c) => c.decrypt)],
          ['largest error', ...columns.map((c) => optional(c.error, (e) => e.toExponential(1)))],
        ],
      ),
    );
  }
  return [...lines, ...report.absent.map((line) => `\n${line}`)].join('\n');
}

function optional(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '' : format(value);
}

const { values } = parseArgs({ options: { json: { type: 'string' }, quick: { type: 'boolean' } } });
const report = await benchPredict({ quick: values.quick ?? false });
console.log(printPredict(report));
if (values.json !== undefined) writeJson(values.json, report);
