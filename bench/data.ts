/**
 * The models and samples that the end-to-end benchmarks run on: HE4Cloud's own where ../shared is beside the
 * repository, else the shipped breast-cancer model and a random network of the loan network's shape.
 * @module
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  type CompileOptions,
  HE4CLOUD_SIGMOID,
  importModel,
  type Model,
  type ModelFile,
  parseRequirements,
  predictPlain,
  readSamples,
} from '@velum/compiler';
import { squareNetwork, uniformRows } from '../packages/compiler/src/testing/models.ts';

export interface BenchModel {
  /** Where model and samples come from, for the report. */
  source: string;
  model: Model;
  rows: number[][];
  options: CompileOptions;
  /** Where the server computes the sigmoid. */
  serverOptions: CompileOptions;
  /** The files as a model owner deploys them, where there are files. */
  files: ModelFile[];
}

const SHARED = new URL('../../shared/data/he4cloud/', import.meta.url);
const DEMO = new URL('../packages/cli/demo/', import.meta.url);
const LOAN_SAMPLES = 15;

const file = async (folder: URL, path: string): Promise<ModelFile> => ({
  name: path.split('/').at(-1) ?? path,
  bytes: new Uint8Array(await readFile(new URL(path, folder))),
});

export async function logisticRegression(): Promise<BenchModel> {
  if (existsSync(SHARED)) {
    const files = [await file(SHARED, 'lr_fraud_inference/model.json')];
    const { rows } = await readSamples(await file(SHARED, 'lr_fraud_inference/x_test_short.h5'));
    return {
      source: 'HE4Cloud lr_fraud_inference',
      model: await importModel(files),
      rows,
      options: {},
      serverOptions: {},
      files,
    };
  }
  const files = [await file(DEMO, 'breast-cancer.lr.json')];
  const { rows } = await readSamples(await file(DEMO, 'breast-cancer.test.csv'));
  const hyperparams = (await file(DEMO, 'breast-cancer.hyperparams.json')).bytes;
  const model = await importModel(files);
  const linear = withoutActivation(model);
  const options = parseRequirements({ hyperparams });
  return {
    source: 'Wisconsin breast cancer (shipped with the demo)',
    model,
    // HE4Cloud's polynomial leaves the sigmoid beyond +-8, so such patients would measure that.
    rows: rows.filter((row) => Math.abs(predictPlain(linear, row)[0]) <= HE4CLOUD_SIGMOID.range).slice(0, 20),
    options,
    // For the same reason the compiler promises little over the whole box of ranges.
    serverOptions: { ...options, precision: 0.1 },
    files,
  };
}

export async function neuralNetwork(): Promise<BenchModel> {
  if (existsSync(SHARED)) {
    const files = await Promise.all(
      ['nn_loan_approval_model.json', 'nn_loan_approval_model_weights.h5'].map((name) =>
        file(SHARED, `nn_loan/${name}`),
      ),
    );
    const samples = await Promise.all(
      Array.from({ length: LOAN_SAMPLES }, async (_, i) =>
        readSamples(await file(SHARED, `nn_loan/samples/x_sample${i}.h5`)),
      ),
    );
    return {
      source: 'HE4Cloud nn_loan',
      model: await importModel(files),
      rows: samples.flatMap((sample) => sample.rows),
      options: {},
      serverOptions: {},
      files,
    };
  }
  return {
    source: 'random 62-200-100-1 network with squares',
    model: squareNetwork([62, 200, 100, 1]),
    rows: uniformRows(LOAN_SAMPLES, 62),
    options: {},
    serverOptions: {},
    files: [],
  };
}

/** The same scores without the final activation: what "error of the linear score" is measured on. */
export function withoutActivation(model: Model): Model {
  return { ...model, layers: model.layers.filter((layer) => layer.kind !== 'activation') };
}

/** `count` rows by repeating those there are. */
export function repeatRows(rows: readonly number[][], count: number): number[][] {
  return Array.from({ length: count }, (_, i) => rows[i % rows.length]);
}
