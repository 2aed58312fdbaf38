/**
 * The graph on many samples at once, node by node: what calibration needs in order to fit a function on the values that
 * reach it, and what makes one pass over a large matrix serve several samples.
 * @module
 */
import type { Graph, GraphNode } from '../graph/graph.ts';
import { evaluateFunction } from '../graph/run.ts';
import type { SparseMatrix } from '../graph/sparse.ts';

/** One value of the graph, for each sample. */
export type Samples = Float64Array[];

export type Evaluator = (x: number, index: number) => number;

export interface ForwardHooks {
  /** Called with the inputs of a function node; what it returns takes the place of the exact function. */
  replace?: (node: number, inputs: Samples) => Evaluator | undefined;
  /** Called with every value, the graph's input included. */
  observe?: (value: number, samples: Samples) => void;
  /** Hold every value, not only those that are still needed. */
  keep?: boolean;
}

/**
 * Runs the nodes from `values.length - 1` on; `values` grows by one entry for each.
 * @param values values[0] is the input; with more entries, a run that stopped there goes on
 * @returns the graph's output
 */
export function forward(graph: Graph, values: (Samples | undefined)[], hooks: ForwardHooks = {}): Samples {
  const uses = lastUses(graph);
  if (values.length === 1) hooks.observe?.(0, values[0]!);
  for (let k = values.length - 1; k < graph.nodes.length; k++) {
    const node = graph.nodes[k];
    const result = nodeValues(node, values, (inputs) => hooks.replace?.(k, inputs));
    values.push(result);
    hooks.observe?.(k + 1, result);
    if (!hooks.keep) {
      for (const used of operands(node)) if (uses[used] <= k) values[used] = undefined;
      if (uses[k + 1] < 0) values[k + 1] = undefined;
    }
  }
  return values[graph.output.value]!;
}

function nodeValues(
  node: GraphNode,
  values: (Samples | undefined)[],
  replace: (inputs: Samples) => Evaluator | undefined,
): Samples {
  if (node.kind === 'affine') {
    const count = values.find((v) => v !== undefined)!.length;
    const result = Array.from({ length: count }, () => Float64Array.from(node.bias));
    for (const { value, matrix } of node.terms) addProducts(matrix, values[value]!, result);
    return result;
  }
  if (node.kind === 'product') {
    const right = values[node.right]!;
    return values[node.left]!.map((left, s) => left.map((x, i) => x * right[s][i]));
  }
  const inputs = values[node.value]!;
  const evaluate = replace(inputs) ?? ((x: number, i: number) => evaluateFunction(node.fn, x, i));
  return inputs.map((sample) => {
    const result = new Float64Array(sample.length);
    for (let i = 0; i < sample.length; i++) result[i] = evaluate(sample[i], i);
    return result;
  });
}

/** result_s += matrix x_s, four samples for each read of the matrix. */
function addProducts({ rows, start, column, value }: SparseMatrix, x: Samples, result: Samples): void {
  for (let s = 0; s < x.length; s += 4) {
    const last = x.length - 1;
    // The last group repeats its last sample and stores it once.
    const [x0, x1, x2, x3] = [
      x[s],
      x[Math.min(s + 1, last)],
      x[Math.min(s + 2, last)],
      x[Math.min(s + 3, last)],
    ];
    for (let r = 0; r < rows; r++) {
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let k = start[r]; k < start[r + 1]; k++) {
        const w = value[k];
        const i = column[k];
        a += w * x0[i];
        b += w * x1[i];
        c += w * x2[i];
        d += w * x3[i];
      }
      result[s][r] += a;
      if (s + 1 <= last) result[s + 1][r] += b;
      if (s + 2 <= last) result[s + 2][r] += c;
      if (s + 3 <= last) result[s + 3][r] += d;
    }
  }
}

/** Values that a node reads. */
export function operands(node: GraphNode): number[] {
  if (node.kind === 'affine') return node.terms.map((t) => t.value);
  return node.kind === 'product' ? [node.left, node.right] : [node.value];
}

/** For each value the last node that reads it, -1 for none; the output is needed to the end. */
export function lastUses(graph: Graph): Int32Array {
  const uses = new Int32Array(graph.nodes.length + 1).fill(-1);
  graph.nodes.forEach((node, k) => {
    for (const value of operands(node)) uses[value] = k;
  });
  uses[graph.output.value] = graph.nodes.length;
  return uses;
}

/** Elements of every value. */
export function valueSizes(graph: Graph): number[] {
  const sizes = [graph.input.shape.reduce((a, b) => a * b, 1)];
  for (const node of graph.nodes) {
    if (node.kind === 'affine') sizes.push(node.bias.length);
    else sizes.push(sizes[node.kind === 'product' ? node.left : node.value]);
  }
  return sizes;
}

/** Largest number of elements held at one time for one sample, the input and the outputs of two runs included. */
export function peakElements(graph: Graph): number {
  const uses = lastUses(graph);
  const sizes = valueSizes(graph);
  let live = sizes[0];
  let peak = live;
  graph.nodes.forEach((node, k) => {
    live += sizes[k + 1];
    peak = Math.max(peak, live);
    for (const used of new Set(operands(node))) if (uses[used] === k) live -= sizes[used];
    if (uses[k + 1] < 0) live -= sizes[k + 1];
  });
  return peak + sizes[0] + 2 * sizes[graph.output.value];
}

/** Multiplications of one run: the measure of what a pass costs. */
export function graphWork(graph: Graph): number {
  const sizes = valueSizes(graph);
  return graph.nodes.reduce((sum, node, k) => {
    if (node.kind === 'affine') return sum + node.terms.reduce((n, t) => n + t.matrix.value.length, 0);
    return sum + sizes[k + 1] * (node.kind === 'product' ? 1 : 16);
  }, 1);
}
