/**
 * One model, two engines: the imported graph in floats against onnxruntime.
 * @module
 */

import assert from 'node:assert/strict';
import type { Graph } from '../../graph/graph.ts';
import { runGraph } from '../../graph/run.ts';
import { importOnnx } from '../import-onnx.ts';
import { countOf } from '../shapes.ts';
import { referenceOutput } from './onnxruntime.ts';
import { type ModelSpec, numbers, writeModel } from './write-model.ts';

export interface CompareOptions {
  /** Inputs; default: numbers in (-range, range). */
  x?: ArrayLike<number>;
  range?: number;
  /** Largest error relative to the largest output; default 1e-5. */
  tolerance?: number;
  /** Opset 18 changes what onnxruntime checks; the graph's shape is compared unless a final step changes it. */
  shape?: boolean;
}

/** Imports, runs both, compares all values and the shape; gives the simplified graph. */
export async function assertAgrees(bytes: Uint8Array, options: CompareOptions = {}): Promise<Graph> {
  const graph = importOnnx(bytes);
  const x = options.x ?? numbers(countOf(graph.input.shape), 99).map((v) => v * (options.range ?? 2));
  const expected = await referenceOutput(bytes, graph.input.shape, x);
  for (const g of [graph, importOnnx(bytes, { keepNodes: true })]) {
    const actual = runGraph(g, x)[g.output.value];
    assertClose(actual, expected.values, options.tolerance ?? 1e-5);
    if (options.shape !== false) assert.deepEqual(g.output.shape, expected.shape);
  }
  return graph;
}

/** The same for a model written here. */
export const assertModel = (spec: ModelSpec, options?: CompareOptions): Promise<Graph> =>
  assertAgrees(writeModel(spec), options);

export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length, 'number of outputs');
  const largest = Array.from(expected).reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / largest;
    assert.ok(error <= tolerance, `output ${i} is ${actual[i]}, onnxruntime has ${expected[i]}`);
  }
}
