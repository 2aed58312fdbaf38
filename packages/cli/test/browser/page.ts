/**
 * What an application's page does: connect, enrol, predict, restore, run programs; bundled by the test and run in a browser.
 * @module
 */
import { connect, fetchKernels, MemoryKeyStore, VelumError } from '@velum/client';
import type { Kernels } from '@velum/kernels';
import fma from '@velum/kernels/wasm/velum-fma.wasm?url';
import portable from '@velum/kernels/wasm/velum-portable.wasm?url';

export interface PageInput {
  url: string;
  token: string;
  modelUrl: string;
  rows: number[][];
  passphrase: string;
}

export interface PageOutput {
  build: string;
  predictions: number[][];
  job: number[][];
  restored: number[][];
  bytes: { up: number; down: number; keys: number };
  uploads: number;
  wrongCount: string;
  programs: {
    weights: unknown;
    ads: { top: unknown[] };
    /** What was heard of the two runs. */
    steps: string[];
    /** Bytes of server keys that were sent. */
    keys: number;
  };
}

export async function run({ url, token, modelUrl, rows, passphrase }: PageInput): Promise<PageOutput> {
  const kernels = await fetchKernels({ fma, portable });
  let uploads = 0;
  const model = await connect(url, token, { kernels, keyStore: new MemoryKeyStore() })
    .model(modelUrl)
    .enroll({ passphrase, onProgress: (step) => step.startsWith('upload') && uploads++ });
  const { predictions, bytes } = await model.predict(rows, { onProgress: () => {} });
  const job = await model.predict(rows, { sync: false });
  const other = await connect(url, token, { kernels }).model(modelUrl).restore(passphrase);
  const restored = await other.predict(rows);
  const wrongCount = await model.predict([[1]]).then(
    () => 'accepted',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );
  if (!(new VelumError('X', 'x') instanceof Error)) throw new Error('VelumError is no Error');
  model.dispose();
  other.dispose();
  return {
    build: kernels.build,
    predictions,
    job: job.predictions,
    restored: restored.predictions,
    bytes,
    uploads,
    wrongCount,
    programs: await runPrograms(url, token, kernels),
  };
}

async function runPrograms(url: string, token: string, kernels: Kernels): Promise<PageOutput['programs']> {
  const { programs } = connect(url, token, { kernels });
  const steps: string[] = [];
  const onProgress = (step: string): void => {
    if (steps.at(-1) !== step) steps.push(step);
  };
  const first = await programs.run('weight_stats', { weights_kg: [70, 71.5] }, { onProgress });
  const again = await programs.run('weight_stats', { weights_kg: [70, 71.5] });
  const profile = { age: 35, interests: ['music'] };
  const ads = await programs.run('ad_targeting', { profile }, { onProgress });
  return {
    weights: first.result,
    ads: ads.result as { top: unknown[] },
    steps,
    keys: first.bytes.keys + again.bytes.keys + ads.bytes.keys,
  };
}

Object.assign(globalThis, { velumPage: run });
