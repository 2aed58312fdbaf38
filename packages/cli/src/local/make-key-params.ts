/**
 * A model and its calibration data to keyparams.json and the calibrated plan.
 * @module
 */
import { basename } from 'node:path';
import {
  type CompiledFiles,
  type CompileFilesOptions,
  compileFiles,
  explainPlan,
  isOnnx,
  requestMilliseconds,
} from '@velum/compiler';
import { sha256Hex } from '@velum/fhe';
import { type Plan, type ProfileEstimate, requestShape } from '@velum/runtime';
import type { KeyparamsOptions } from '../commands/keyparams.ts';
import { CliError, EXIT } from '../errors.ts';
import { readModelFile } from '../files.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { checkOutputs, type OutputFile, writeOutputs } from '../output-files.ts';
import { type KeyParams, keyParams, type ModelIdentity } from './key-params.ts';
import { encodeCalibratedPlan } from './plan-files.ts';

export interface MadeKeyParams extends Measured {
  files: { keyParams: string; plan: string; report?: string };
  bytes: { keyParams: number; plan: number };
  parameters: KeyParams['parameters'];
  profileId: string;
  model: ModelIdentity;
  estimate: ProfileEstimate;
  /** Samples that the estimate is for, how many share a ciphertext, and the time for each when it is full. */
  batch: { samples: number; perCiphertext: number; millisecondsPerSample: number };
  warnings: string[];
  /** Approximation of the activations, and the model against the exact one on the calibration data. */
  report?: unknown;
  /** The same for people. */
  text?: string;
  explained: string;
}

export async function makeKeyParams(options: KeyparamsOptions): Promise<MadeKeyParams> {
  const { modelPath, calibrationDataPath: data, keyParamsPath, report } = options;
  const planPath = options.planPath ?? `${keyParamsPath.replace(/\.json$/i, '')}.plan`;
  const outputs = [keyParamsPath, planPath, ...(report === undefined ? [] : [report])];
  await checkOutputs(outputs, data === undefined ? [modelPath] : [modelPath, data]);
  const watch = new Stopwatch();
  const file = await readModelFile(modelPath);
  if (data !== undefined && !isOnnx(file.bytes)) {
    const message = `${modelPath} is no ONNX model, and calibration data is for those`;
    throw new CliError('CALIBRATION_UNUSED', message, EXIT.badInput, 'Leave out -c, or give an ONNX model.');
  }
  const calibration = data === undefined ? [] : [await readModelFile(data)];
  watch.lap('read');
  const compiled = await compileFiles([file, ...calibration], compileOptions(options));
  watch.lap('compile');
  const { plan } = compiled;
  const model = { name: file.name, sha256: await sha256Hex(file.bytes) };
  const params = keyParams(model, basename(planPath), plan.profile);
  const json = new TextEncoder().encode(`${JSON.stringify(params, null, 1)}\n`);
  const encoded = await encodeCalibratedPlan(plan, model);
  const files: OutputFile[] = [
    { path: keyParamsPath, bytes: json },
    { path: planPath, bytes: encoded },
  ];
  if (report !== undefined) files.push({ path: report, bytes: reportBytes(report, compiled) });
  await writeOutputs(files);
  watch.lap('write');
  return {
    files: { keyParams: keyParamsPath, plan: planPath, report },
    bytes: { keyParams: json.length, plan: encoded.length },
    parameters: params.parameters,
    profileId: plan.profile.id,
    model,
    estimate: plan.profile.estimate,
    batch: batchOf(plan),
    warnings: compiled.warnings,
    report: reportData(compiled),
    text: compiled.report?.text,
    explained: explainPlan(plan).text,
    ...watch.result(),
  };
}

function batchOf(plan: Plan): MadeKeyParams['batch'] {
  const { batchSize, input } = plan.profile;
  const samples = Math.min(batchSize, input.samplesPerRequest);
  const { capacity } = requestShape(plan.profile, samples);
  return {
    samples,
    perCiphertext: capacity,
    millisecondsPerSample: requestMilliseconds(plan, capacity) / capacity,
  };
}

export function compileOptions(options: Partial<KeyparamsOptions>): CompileFilesOptions {
  const {
    nBitsFractionalPrecision: bits,
    relativeError,
    keyWeight,
    batch,
    reluMode,
    domainMode,
    maxDepth,
  } = options;
  const given: CompileFilesOptions = {};
  if (relativeError !== undefined) given.relativeError = relativeError;
  else if (bits !== undefined) given.relativeError = 2 ** -bits;
  if (keyWeight !== undefined) given.keyWeight = keyWeight;
  if (batch === 'auto') given.images = batch;
  else if (batch !== undefined) given.batchSize = batch;
  const approximation: NonNullable<CompileFilesOptions['approximation']> = {};
  if (bits !== undefined) approximation.precisionBits = bits;
  if (reluMode !== undefined) approximation.reluMode = reluMode;
  if (domainMode !== undefined) approximation.domainMode = domainMode;
  if (maxDepth !== undefined) approximation.maxDepth = maxDepth;
  return { ...given, approximation };
}

/** The report without its text. */
function reportData({ report }: CompiledFiles): unknown {
  if (report === undefined) return undefined;
  const { text: _, ...data } = report;
  return data;
}

function reportBytes(path: string, compiled: CompiledFiles): Uint8Array {
  const text = path.toLowerCase().endsWith('.json')
    ? JSON.stringify(reportData(compiled) ?? {}, null, 1)
    : (compiled.report?.text ?? 'Nothing was approximated.');
  return new TextEncoder().encode(`${text}\n`);
}
