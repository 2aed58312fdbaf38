/**
 * Small networks as graphs, with repeatable weights, for tests of the planner.
 * @module
 */
import { gaussianSource } from '@velum/runtime';
import type { Graph, GraphNode } from '../graph/graph.ts';
import { SparseBuilder, type SparseMatrix } from '../graph/sparse.ts';

export type Shape = readonly [channels: number, height: number, width: number];

export interface ConvolutionSpec {
  input: Shape;
  channels: number;
  kernel: number;
  stride?: number;
  pad?: number;
}

/** A convolution with random weights as a matrix, channel-major, and its output shape. */
export function convolution(
  { input, channels, kernel, stride = 1, pad = 0 }: ConvolutionSpec,
  random: () => number,
): { matrix: SparseMatrix; output: Shape } {
  const [depth, height, width] = input;
  const rows = Math.floor((height + 2 * pad - kernel) / stride) + 1;
  const columns = Math.floor((width + 2 * pad - kernel) / stride) + 1;
  const fan = depth * kernel * kernel;
  const weights = Float64Array.from({ length: channels * fan }, () => random() / Math.sqrt(fan));
  const builder = new SparseBuilder(channels * rows * columns, depth * height * width);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < rows * columns; i++) {
      for (let k = 0; k < fan; k++) {
        const y = Math.floor(i / columns) * stride + (Math.floor(k / kernel) % kernel) - pad;
        const x = (i % columns) * stride + (k % kernel) - pad;
        if (y < 0 || x < 0 || y >= height || x >= width) continue;
        builder.add(
          c * rows * columns + i,
          (Math.floor(k / (kernel * kernel)) * height + y) * width + x,
          weights[c * fan + k],
        );
      }
    }
  }
  return { matrix: builder.build(), output: [channels, rows, columns] };
}

export function denseMatrix(rows: number, columns: number, random: () => number): SparseMatrix {
  const builder = new SparseBuilder(rows, columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) builder.add(r, c, random() / Math.sqrt(columns));
  return builder.build();
}

/** Affine maps one after the other with squares between them. */
export function squareGraph(shape: number[], matrices: readonly SparseMatrix[], seed = 3): Graph {
  const random = gaussianSource(seed);
  const nodes: GraphNode[] = [];
  matrices.forEach((matrix, i) => {
    const bias = Float64Array.from({ length: matrix.rows }, () => 0.1 * random());
    nodes.push({ kind: 'affine', name: `linear_${i}`, terms: [{ value: nodes.length, matrix }], bias });
    if (i < matrices.length - 1)
      nodes.push({ kind: 'product', name: `square_${i}`, left: nodes.length, right: nodes.length });
  });
  return graphOf(shape, nodes, matrices[matrices.length - 1].rows);
}

export function graphOf(shape: number[], nodes: GraphNode[], outputs: number): Graph {
  return {
    name: 'test',
    input: { name: 'x', shape },
    output: { name: 'y', shape: [outputs], value: nodes.length },
    nodes,
    final: 'none',
    warnings: [],
  };
}
