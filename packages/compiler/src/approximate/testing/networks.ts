/**
 * Small networks in the graph's own terms, with made-up weights, and inputs for them.
 * @module
 */
import type { ElementwiseFunction, Graph, GraphNode } from '../../graph/graph.ts';
import { SparseBuilder, type SparseMatrix } from '../../graph/sparse.ts';

/** Uniform numbers in [-1, 1), the same for the same seed. */
export function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export function dense(rows: number, columns: number, weight: () => number): SparseMatrix {
  const builder = new SparseBuilder(rows, columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) builder.add(r, c, weight());
  return builder.build();
}

/** A valid convolution without padding over [channels, size, size]. */
export function convolution(
  [channels, size]: [number, number],
  [filters, kernel, stride]: [number, number, number],
  weight: () => number,
): SparseMatrix {
  const out = Math.floor((size - kernel) / stride) + 1;
  const weights = Array.from({ length: filters * channels * kernel * kernel }, weight);
  const builder = new SparseBuilder(filters * out * out, channels * size * size);
  for (let f = 0; f < filters; f++)
    for (let y = 0; y < out; y++)
      for (let x = 0; x < out; x++)
        for (let c = 0; c < channels; c++)
          for (let dy = 0; dy < kernel; dy++)
            for (let dx = 0; dx < kernel; dx++)
              builder.add(
                (f * out + y) * out + x,
                (c * size + y * stride + dy) * size + x * stride + dx,
                weights[((f * channels + c) * kernel + dy) * kernel + dx],
              );
  return builder.build();
}

/** Affine layers with a function after each but the last. */
export function sequential(
  input: number[],
  layers: { matrix: SparseMatrix; bias?: Float64Array; fn?: ElementwiseFunction }[],
  final: Graph['final'] = 'none',
): Graph {
  const nodes: GraphNode[] = [];
  layers.forEach(({ matrix, bias = new Float64Array(matrix.rows), fn }, i) => {
    nodes.push({ kind: 'affine', name: `layer${i}`, terms: [{ value: nodes.length, matrix }], bias });
    if (fn) nodes.push({ kind: 'function', name: `${fn.type}${i}`, value: nodes.length, fn });
  });
  const size = layers[layers.length - 1].matrix.rows;
  return {
    name: 'small',
    input: { name: 'x', shape: input },
    output: { name: 'y', shape: [1, size], value: nodes.length },
    nodes,
    final,
    warnings: [],
  };
}

/** [1, 1, 12, 12] -> 4 filters 3x3 stride 1 -> fn -> 8 filters 3x3 stride 2 -> fn -> 24 -> fn -> 10. */
export function smallCnn(fn: ElementwiseFunction, seed = 1): Graph {
  const random = uniform(seed);
  const scaled = (fanIn: number) => () => random() * Math.sqrt(6 / fanIn);
  const bias = (n: number) => Float64Array.from({ length: n }, () => 0.2 * random());
  return sequential(
    [1, 1, 12, 12],
    [
      { matrix: convolution([1, 12], [4, 3, 1], scaled(9)), bias: bias(400), fn },
      { matrix: convolution([4, 10], [8, 3, 2], scaled(36)), bias: bias(128), fn },
      { matrix: dense(24, 128, scaled(128)), bias: bias(24), fn },
      { matrix: dense(10, 24, scaled(24)), bias: bias(10) },
    ],
  );
}

/** Smooth blobs: what an image is to a convolution, rather than noise. */
export function images(count: number, size: number, seed = 7): Float64Array[] {
  const random = uniform(seed);
  return Array.from({ length: count }, () => {
    const blobs = Array.from({ length: 3 }, () => [random(), random(), random()]);
    return Float64Array.from({ length: size * size }, (_, i) => {
      const [y, x] = [(2 * Math.floor(i / size)) / size - 1, (2 * (i % size)) / size - 1];
      return blobs.reduce((sum, [by, bx, b]) => sum + b * Math.exp(-4 * ((y - by) ** 2 + (x - bx) ** 2)), 0);
    });
  });
}
