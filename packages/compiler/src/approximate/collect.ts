/**
 * One pass of the exact network over the calibration data: statistics of every value from all samples, and as many
 * samples with their exact outputs as memory allows, drawn evenly.
 * @module
 */
import { CompileError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { forward, peakElements, type Samples, valueSizes } from './forward.ts';
import { RunningStatistics } from './statistics.ts';

export interface Collected {
  /** Of all samples, by value of the graph. */
  values: RunningStatistics[];
  /** Of the samples kept, in their order. */
  inputs: Samples;
  outputs: Samples;
  labels?: number[];
  /** All samples seen. */
  count: number;
}

const CHUNK = 16;

/** @throws CompileError CALIBRATION_EMPTY, CALIBRATION_SHAPE, CALIBRATION_VALUE, CALIBRATION_LABELS */
export function collect(
  graph: Graph,
  samples: Iterable<ArrayLike<number>>,
  memory: number,
  labels?: ArrayLike<number>,
): Collected {
  const [inputSize] = valueSizes(graph);
  const values = Array.from({ length: graph.nodes.length + 1 }, () => new RunningStatistics());
  const capacity = Math.max(1, Math.floor(memory / (8 * peakElements(graph))));
  const kept: { input: Float64Array; output: Float64Array; index: number }[] = [];
  const random = generator();
  let count = 0;
  let chunk: Samples = [];
  const run = () => {
    const outputs = forward(graph, [chunk], {
      observe: (v, all) => {
        for (const x of all) values[v].add(x);
      },
    });
    chunk.forEach((input, s) => {
      const index = count++;
      const at = kept.length < capacity ? kept.length : Math.floor(random() * count);
      if (at < capacity) kept[at] = { input, output: outputs[s], index };
    });
    chunk = [];
  };
  for (const sample of samples) {
    checkSample(sample, count + chunk.length, inputSize, graph);
    chunk.push(Float64Array.from(sample));
    if (chunk.length === CHUNK) run();
  }
  if (chunk.length > 0) run();
  if (count === 0)
    fail('CALIBRATION_EMPTY', 'there is no calibration sample: give at least one', 'samples', 0);
  values.forEach((statistics, v) => {
    if (statistics.nonFinite === 0) return;
    const name = v === 0 ? graph.input.name : graph.nodes[v - 1].name;
    fail(
      'CALIBRATION_VALUE',
      `the network itself is not finite at "${name}" on this data: check both`,
      'samples',
      name,
    );
  });
  kept.sort((p, q) => p.index - q.index);
  return {
    values,
    count,
    inputs: kept.map((k) => k.input),
    outputs: kept.map((k) => k.output),
    labels: labels && labelsOf(kept, labels, count),
  };
}

function labelsOf(kept: { index: number }[], labels: ArrayLike<number>, count: number): number[] {
  if (labels.length === 0 || labels.length % count !== 0) {
    fail(
      'CALIBRATION_LABELS',
      `${labels.length} labels for ${count} samples: give one for each`,
      'labels',
      labels.length,
    );
  }
  const each = labels.length / count;
  return kept.flatMap(({ index }) => Array.from({ length: each }, (_, i) => labels[index * each + i]));
}

function checkSample(sample: ArrayLike<number>, index: number, size: number, graph: Graph): void {
  if (sample.length !== size) {
    const wanted = `"${graph.input.name}" takes ${graph.input.shape.join(' x ')}`;
    fail(
      'CALIBRATION_SHAPE',
      `sample ${index} has ${sample.length} values, ${wanted}`,
      'samples',
      sample.length,
    );
  }
  for (let i = 0; i < size; i++) {
    if (!Number.isFinite(sample[i]))
      fail(
        'CALIBRATION_VALUE',
        `sample ${index} has ${sample[i]} at ${i}: remove the sample`,
        'samples',
        sample[i],
      );
  }
}

/** The same draws every time, so that a calibration can be repeated (mulberry32). */
function generator(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function fail(code: string, message: string, argument: string, value: unknown): never {
  throw new CompileError(code, message, { argument, value });
}
