/**
 * What an application's page does: connect, enrol, predict, restore; bundled by the test and run in a browser.
 * @module
 */
import { connect, fetchKernels, MemoryKeyStore, VelumError } from '@velum/client';
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
  };
}

Object.assign(globalThis, { velumPage: run });
