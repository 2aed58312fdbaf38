/**
 * What the REST service adds to a prediction: the service in this process with a real worker, one client, a
 * logistic regression, synchronous predictions one after the other.
 *
 *   node bench/rest.ts [--quick] [--json FILE]
 *
 * Client and API share one event loop here, so a client on another machine sees less overhead (and a network).
 * @module
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect, signUp } from '@velum/client/node';
import { startServer } from '@velum/server';
import { logisticRegression } from './data.ts';
import { formatMs, type Machine, machine, quantile, table, writeJson } from './measure.ts';

/** Milliseconds. */
interface Spread {
  median: number;
  p95: number;
  min: number;
}

export interface RestReport extends Machine {
  bench: 'rest';
  quick: boolean;
  data: string;
  predictions: number;
  /** The worker's own figure (Server-Timing). */
  compute: Spread;
  /** Of `predictionOverhead`: asking for the upload link, the upload, and the predict request less compute. */
  linkRequest: Spread;
  uploadRequest: Spread;
  predictRequest: Spread;
  /** All three requests of a prediction (ask for an upload link, upload, predict), less compute. */
  predictionOverhead: Spread;
}

function spread(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), p95: quantile(values, 0.95), min: quantile(values, 0) };
}

async function benchRest({ quick }: { quick: boolean }): Promise<RestReport> {
  const directory = await mkdtemp(join(tmpdir(), 'velum-bench-'));
  const server = await startServer({ host: '127.0.0.1', port: 0, dataDir: directory, workers: 1 });
  try {
    return await walk(server.url, quick);
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function walk(url: string, quick: boolean): Promise<RestReport> {
  const { source, files, rows } = await logisticRegression();
  const account = { username: 'bench', email: 'bench@example.org', password: randomUUID() };
  const { token } = await signUp(url, account);
  /** Of the latest prediction, by the client's name for the step. */
  const steps = new Map<string, number>();
  const step = (what: string): number => {
    const milliseconds = steps.get(what);
    if (milliseconds === undefined) throw new Error(`the client did not report "${what}"`);
    return milliseconds;
  };
  const velum = connect(url, token, { onStep: ({ what, milliseconds }) => steps.set(what, milliseconds) });
  const { modelUrl } = await velum.deploy({ name: 'bench', version: 'v1', files });
  const model = await velum.model(modelUrl).enroll();
  const [compute, link, upload, predict, prediction]: number[][] = [[], [], [], [], []];
  const [warmup, runs] = quick ? [2, 5] : [20, 100];
  for (let i = 0; i < warmup + runs; i++) {
    const { times } = await model.predict([rows[i % rows.length]]);
    if (i < warmup) continue;
    if (!(times.compute > 0)) throw new Error('the service states no compute time (Server-Timing)');
    compute.push(times.compute);
    link.push(step('link for samples'));
    upload.push(step('upload of samples'));
    predict.push(step('predict') - times.compute);
    prediction.push(times.total - times.encrypt - times.decrypt - times.compute);
  }
  await model.unregister();
  return {
    bench: 'rest',
    ...machine(),
    quick,
    data: source,
    predictions: runs,
    compute: spread(compute),
    linkRequest: spread(link),
    uploadRequest: spread(upload),
    predictRequest: spread(predict),
    predictionOverhead: spread(prediction),
  };
}

function printRest(report: RestReport): string {
  const row = (name: string, { median, p95, min }: Spread): string[] => [
    name,
    ...[median, p95, min].map(formatMs),
  ];
  return [
    `${report.predictions} synchronous predictions of one sample (${report.data})`,
    table(
      ['', 'median', 'p95', 'min'],
      [
        row('compute in the worker', report.compute),
        row('request for the upload link', report.linkRequest),
        row('upload', report.uploadRequest),
        row('predict request beyond compute', report.predictRequest),
        row('all three beyond compute', report.predictionOverhead),
      ],
    ),
  ].join('\n');
}

const { values } = parseArgs({ options: { json: { type: 'string' }, quick: { type: 'boolean' } } });
const report = await benchRest({ quick: values.quick ?? false });
console.log(printRest(report));
if (values.json !== undefined) writeJson(values.json, report);
