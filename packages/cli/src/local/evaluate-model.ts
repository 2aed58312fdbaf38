/**
 * A model on labelled data three ways: exact, approximated in the clear, and encrypted under keys made for the occasion.
 * @module
 */
import { type CompiledFiles, compileFiles } from '@velum/compiler';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys, type Plan, runClear, ServerPlan } from '@velum/runtime';
import type { EvaluateOptions } from '../commands/evaluate.ts';
import { CliError } from '../errors.ts';
import { readModelFile } from '../files.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { type Progress, progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { readEvaluationData } from './evaluation-data.ts';
import { findPlan } from './plan-files.ts';
import { inParts } from './samples.ts';

export interface Evaluation extends Measured {
  samples: number;
  /** Shares; absent without labels, `exact` without the model's own file. */
  accuracy: { exact?: number; approximated?: number; encrypted?: number };
  /** Share of the samples for which the encrypted model decides alike. */
  agreement: { exact?: number; approximated?: number };
  /** Largest |encrypted - plain| relative to the largest |plain|. */
  error: { exact?: number; approximated: number };
  throughput: { millisecondsPerSample: number; samplesPerSecond: number };
  threads: number;
  notes: string[];
}

export async function evaluateModel(terminal: Terminal, options: EvaluateOptions): Promise<Evaluation> {
  const watch = new Stopwatch();
  const notes: string[] = [];
  const found = await planOf(options, notes);
  const { plan } = found;
  const { rows, labels } = await readEvaluationData(
    options.data,
    options.labels,
    plan.profile,
    options.limit,
  );
  const predict = found.predict ?? (await exactModel(options, found.known, rows, notes));
  watch.lap('compile');
  const exact = predict && rows.map((row) => predict(row));
  const approximated = inParts(rows, plan.profile).flatMap((part) => runClear(plan, part));
  watch.lap('plain');
  const progress = progressFor(terminal);
  const { predictions: encrypted, threads } = await encryptedRun(plan, rows, options, watch, progress);
  const measured = watch.result();
  const decisions = [exact, approximated, encrypted].map((values) => values && decisionsOf(values, plan));
  const [ofExact, ofApproximated, ofEncrypted] = decisions;
  if (labels === undefined)
    notes.push('no labels, so no accuracy: give --labels, or files named CLASS-NUMBER.npy');
  const milliseconds = measured.times['inference'] / rows.length;
  return {
    samples: rows.length,
    accuracy: {
      exact: share(ofExact, labels),
      approximated: share(ofApproximated, labels),
      encrypted: share(ofEncrypted, labels),
    },
    agreement: { exact: share(ofExact, ofEncrypted), approximated: share(ofApproximated, ofEncrypted) },
    error: {
      exact: exact && relativeError(encrypted, exact),
      approximated: relativeError(encrypted, approximated),
    },
    throughput: { millisecondsPerSample: milliseconds, samplesPerSecond: 1000 / milliseconds },
    threads,
    notes,
    ...measured,
  };
}

interface PlanOf {
  plan: Plan;
  /** Whether the model's own file was given. */
  known: boolean;
  predict?: CompiledFiles['predict'];
}

/** The plan beside the model, or one calibrated now. */
async function planOf(options: EvaluateOptions, notes: string[]): Promise<PlanOf> {
  try {
    const { plan, modelBytes } = await findPlan({ model: options.modelPath, plan: options.plan });
    return { plan, known: modelBytes !== undefined };
  } catch (error) {
    if (!(error instanceof CliError && error.code === 'PLAN_NOT_FOUND')) throw error;
  }
  const files = [await readModelFile(options.modelPath)];
  if (options.calibrationDataPath !== undefined) files.push(await readModelFile(options.calibrationDataPath));
  const { plan, predict } = await compileFiles(files);
  notes.push('no plan of the model was found: it was calibrated now');
  return { plan, known: true, predict };
}

/** The exact model. It comes with a plan, which is made as cheaply as it can be and thrown away. */
async function exactModel(
  { modelPath }: EvaluateOptions,
  known: boolean,
  rows: readonly Float64Array[],
  notes: string[],
): Promise<CompiledFiles['predict'] | undefined> {
  if (!known) {
    notes.push('a plan alone does not know the exact model: give the ONNX file as -m for that');
    return undefined;
  }
  const compiled = await compileFiles([await readModelFile(modelPath)], {
    calibration: rows.slice(0, 16),
    approximation: { reluMode: 'deg3' },
  });
  return compiled.predict;
}

async function encryptedRun(
  plan: Plan,
  rows: readonly Float64Array[],
  { threads }: EvaluateOptions,
  watch: Stopwatch,
  progress: Progress,
): Promise<{ predictions: number[][]; threads: number }> {
  const kernels = await loadKernels({ threads: threads ?? 'auto', wide: true });
  try {
    const client = ClientKeys.generate(kernels, plan.profile);
    const server = new ServerPlan(kernels, plan);
    const evaluation = await client.evaluationKey((done, total) => progress.update('keys', done, total));
    const keys = await server.loadKeys(await client.publicKey(), evaluation);
    watch.lap('keys');
    const predictions: number[][] = [];
    for (const part of inParts(rows, plan.profile)) {
      const input = await client.encrypt(part);
      watch.lap('encrypt');
      const result = await server.predict(keys, input, {
        onProgress: (done, total) =>
          progress.update('inference', predictions.length + (part.length * done) / total, rows.length),
      });
      watch.lap('inference');
      predictions.push(...(await client.decrypt(result)));
      watch.lap('decrypt');
    }
    return { predictions, threads: kernels.threads };
  } finally {
    progress.clear();
    await kernels.close();
  }
}

/** Classes; undefined for a model that decides nothing. */
function decisionsOf(predictions: readonly number[][], { profile }: Plan): number[] | undefined {
  const { activation, threshold, values } = profile.output;
  if (activation === 'argmax') return predictions.map(([label]) => label);
  if (values > 1) return predictions.map((scores) => scores.indexOf(Math.max(...scores)));
  if (activation !== 'sigmoid') return undefined;
  return predictions.map(([score]) => (score > (threshold ?? 0.5) ? 1 : 0));
}

function share(
  left: readonly number[] | undefined,
  right: readonly number[] | undefined,
): number | undefined {
  if (left === undefined || right === undefined || left.length === 0) return undefined;
  return left.filter((value, i) => value === right[i]).length / left.length;
}

function relativeError(values: readonly number[][], reference: readonly number[][]): number {
  let error = 0;
  let largest = 0;
  for (const [r, row] of reference.entries()) {
    for (const [i, value] of row.entries()) {
      error = Math.max(error, Math.abs(values[r][i] - value));
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return largest === 0 ? error : error / largest;
}
