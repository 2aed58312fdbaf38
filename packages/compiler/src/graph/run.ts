/**
 * A graph on floats, with the exact functions: the reference that approximated and encrypted runs are measured against.
 * @module
 */

import { CompilerError } from '../errors.ts';
import { erf } from './erf.ts';
import { type ElementwiseFunction, elements, type Graph } from './graph.ts';
import { multiplyVector } from './sparse.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const clip = (x: number, min: number, max: number): number => Math.min(max, Math.max(min, x));

/** Clenshaw's recurrence for sum_k c_k T_k on `domain` mapped to [-1, 1]. */
function chebyshev(coefficients: readonly number[], [a, b]: readonly [number, number], x: number): number {
  const u = (2 * x - a - b) / (b - a);
  let next = 0;
  let current = 0;
  for (let k = coefficients.length - 1; k >= 1; k--) {
    [current, next] = [2 * u * current - next + coefficients[k], current];
  }
  return u * current - next + (coefficients[0] ?? 0);
}

/** fn(x). @param index of x in the flattened tensor; only PRelu's slopes depend on it */
export function evaluateFunction(fn: ElementwiseFunction, x: number, index: number): number {
  switch (fn.type) {
    case 'polynomial': {
      let sum = 0;
      for (let k = fn.coefficients.length - 1; k >= 0; k--) sum = sum * x + fn.coefficients[k];
      return sum;
    }
    case 'chebyshev':
      return chebyshev(fn.coefficients, fn.domain, x);
    case 'relu':
      return Math.max(0, x);
    case 'sigmoid':
      return sigmoid(x);
    case 'tanh':
      return Math.tanh(x);
    case 'gelu':
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case 'erf':
      return erf(x);
    case 'softplus':
      return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
    case 'silu':
      return x * sigmoid(x);
    case 'hardswish':
      return x * clip(x / 6 + 0.5, 0, 1);
    case 'exp':
      return Math.exp(x);
    case 'sqrt':
      return Math.sqrt(x);
    case 'abs':
      return Math.abs(x);
    case 'leakyrelu':
      return x < 0 ? fn.alpha * x : x;
    case 'elu':
      return x < 0 ? fn.alpha * Math.expm1(x) : x;
    case 'hardsigmoid':
      return clip(fn.alpha * x + fn.beta, 0, 1);
    case 'clip':
      return clip(x, fn.min, fn.max);
    case 'prelu':
      return x < 0 ? fn.slopes[index] * x : x;
  }
}

export interface RunOptions {
  /** Functions in place of those of the graph, by index of the function node in `graph.nodes`. */
  functions?: ReadonlyMap<number, ElementwiseFunction>;
}

/**
 * Every value of the graph for one input: entry 0 is the input, entry k + 1 the value of node k.
 * @param x the flattened input, `elements(graph.input.shape)` numbers
 * @throws CompilerError GRAPH_INPUT_LENGTH
 */
export function runGraph(graph: Graph, x: ArrayLike<number>, options: RunOptions = {}): Float64Array[] {
  const expected = elements(graph.input.shape);
  if (x.length !== expected) {
    const shape = graph.input.shape.join(' x ');
    const message = `x has ${x.length} values; "${graph.input.name}" takes ${shape} = ${expected} of them`;
    throw new CompilerError('GRAPH_INPUT_LENGTH', message, { argument: 'x', value: x.length });
  }
  const values: Float64Array[] = [Float64Array.from(x)];
  graph.nodes.forEach((node, k) => {
    if (node.kind === 'affine') {
      const y = Float64Array.from(node.bias);
      for (const { value, matrix } of node.terms) {
        const part = multiplyVector(matrix, values[value]);
        for (let i = 0; i < y.length; i++) y[i] += part[i];
      }
      values.push(y);
    } else if (node.kind === 'product') {
      const right = values[node.right];
      values.push(values[node.left].map((v, i) => v * right[i]));
    } else {
      const fn = options.functions?.get(k) ?? node.fn;
      values.push(values[node.value].map((v, i) => evaluateFunction(fn, v, i)));
    }
  });
  return values;
}
