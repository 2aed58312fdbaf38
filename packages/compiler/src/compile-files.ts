/**
 * From model files of any kind to a plan: what the service and the commands call.
 * @module
 */
import { applyActivation, gaussianSource, type Plan } from '@velum/runtime';
import {
  type CalibrateOptions,
  type CalibrationReport,
  readCalibration,
  report as reportOf,
} from './approximate/index.ts';
import { calibrateAndPlan } from './calibrate-and-plan.ts';
import { compileModel } from './compile.ts';
import { CompileError } from './errors.ts';
import { elements, type Graph, runGraph } from './graph/index.ts';
import { importModel } from './import.ts';
import { predictPlain } from './model.ts';
import type { ModelFile } from './model-files.ts';
import { importOnnx, isOnnx } from './onnx/index.ts';
import { type CompileOptions, checkOptions } from './requirements.ts';

export interface CompileFilesOptions extends CompileOptions {
  /** Samples, flattened in the order of the model's input. Needed for activations that are no polynomials. */
  calibration?: Iterable<ArrayLike<number>>;
  /** ONNX: largest error of an output relative to the largest output. Default 1e-4. */
  relativeError?: number;
  approximation?: CalibrateOptions;
  /** ONNX: milliseconds of computing that a megabyte of evaluation keys is worth. */
  keyWeight?: number;
  /** ONNX: in the place of `batchSize`, or `auto` for as many samples in a ciphertext as give the shortest time for each. */
  images?: number | 'auto';
}

export interface CompiledFiles {
  plan: Plan;
  source: 'onnx' | 'keras' | 'sklearn-logistic' | 'sklearn-linear';
  inputs: number;
  outputs: number;
  warnings: string[];
  /** How well the polynomials stand in for the activations. */
  report?: CalibrationReport;
  /** The exact model on floats, final activation included. */
  predict(row: ArrayLike<number>): number[];
}

/**
 * Files may come in any order. Beside an ONNX model a zip, npz or npy is its calibration data, unless samples are given.
 * For a network `batchSize` is how many samples come at a time: up to so many share a ciphertext where that is faster.
 * @throws ImportError, ModelError, CompileError; SampleFileError from the calibration data
 */
export async function compileFiles(
  files: ModelFile[],
  options: CompileFilesOptions = {},
): Promise<CompiledFiles> {
  const onnx = files.find((file) => isOnnx(file.bytes));
  if (onnx) return compileOnnx(onnx, files.find(isCalibration), options);
  if (options.images !== undefined) {
    throw new CompileError(
      'REQUIREMENTS_INVALID',
      `images is ${options.images}, and the model is no ONNX network; give batchSize as a number`,
      { argument: 'images', value: options.images },
    );
  }
  const model = await importModel(files);
  return {
    plan: await compileModel(model, options),
    source: model.source,
    inputs: model.inputs,
    outputs: model.outputs,
    warnings: [],
    predict: (row) => predictPlain(model, row, { serverActivation: options.activation === 'server' }),
  };
}

/** Probes for networks without calibration data: inputs of networks are usually scaled to [0, 1]. */
const DEFAULT_RANGE: readonly [number, number] = [0, 1];
const MADE_UP_SAMPLES = 16;

/** "PK" of a zip or npz, or numpy's magic. */
function isCalibration({ bytes }: ModelFile): boolean {
  return (bytes[0] === 0x50 && bytes[1] === 0x4b) || (bytes[0] === 0x93 && bytes[1] === 0x4e);
}

async function compileOnnx(
  file: ModelFile,
  data: ModelFile | undefined,
  options: CompileFilesOptions,
): Promise<CompiledFiles> {
  const images = options.images ?? options.batchSize;
  checkOptions({ ...options, batchSize: images === 'auto' ? undefined : images });
  const exact = importOnnx(file.bytes);
  const size = elements(exact.input.shape);
  const calibrationData = options.calibration ?? (data && readCalibration(data, exact.input.shape).samples);
  const given = calibrationData ? [...calibrationData] : undefined;
  if (!given && exact.nodes.some((node) => node.kind === 'function' && node.fn.type !== 'polynomial')) {
    const names = exact.nodes.flatMap((n) =>
      n.kind === 'function' && n.fn.type !== 'polynomial' ? [`${n.name} (${n.fn.type})`] : [],
    );
    throw new CompileError(
      'CALIBRATION_NEEDED',
      `${names.join(', ')} must be approximated; give calibration data (a zip or npz of typical inputs)`,
      {
        argument: 'calibration',
      },
    );
  }
  const samples = given ?? madeUpSamples(size, options.featureRanges);
  const { calibration, plan } = await calibrateAndPlan(exact, samples, options.approximation, {
    relativeError: options.relativeError,
    keyWeight: options.keyWeight,
    images,
    range: given ? rangeOf(given) : undefined,
  });
  return {
    plan,
    source: 'onnx',
    inputs: size,
    outputs: elements(exact.output.shape),
    warnings: [...calibration.graph.warnings],
    report: reportOf(calibration),
    predict: (row) => predictGraph(exact, row),
  };
}

function predictGraph(graph: Graph, row: ArrayLike<number>): number[] {
  const values = runGraph(graph, row);
  return applyActivation(graph.final, [...values[graph.output.value]]);
}

function madeUpSamples(size: number, ranges: readonly [number, number][] | undefined): Float64Array[] {
  const random = gaussianSource(17);
  // The normal distribution function, roughly: uniform enough for probing.
  const uniform = (): number => 1 / (1 + Math.exp(-1.7 * random()));
  return Array.from({ length: MADE_UP_SAMPLES }, () =>
    Float64Array.from({ length: size }, (_, i) => {
      const [a, b] = ranges?.[i] ?? DEFAULT_RANGE;
      return a + (b - a) * uniform();
    }),
  );
}

/** The range of all features together: that a pixel was black in every sample says nothing of the next one. */
function rangeOf(samples: readonly ArrayLike<number>[]): [number, number] {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const sample of samples) {
    for (let i = 0; i < sample.length; i++) {
      min = Math.min(min, sample[i]);
      max = Math.max(max, sample[i]);
    }
  }
  return [min, max];
}
