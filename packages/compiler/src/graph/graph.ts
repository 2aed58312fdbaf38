/**
 * What a network is between the importers and the planner: values are flattened tensors, and there are three kinds of
 * nodes. Everything linear (convolutions, pools, transposes, concatenations, residual adds ...) is an affine node, so
 * that fusing layers is multiplying matrices.
 * @module
 */
import type { SparseMatrix } from './sparse.ts';

/** Index of a node's value: 0 is the input, node k makes value k + 1. */
export type ValueId = number;

/** y = sum_i matrix_i x_i + bias. */
export interface AffineNode {
  kind: 'affine';
  /** Names of the model's nodes that went into it, for messages and tables. */
  name: string;
  terms: { value: ValueId; matrix: SparseMatrix }[];
  bias: Float64Array;
}

/** An elementwise function that encryption must approximate, or a polynomial that it computes as it is. */
export interface FunctionNode {
  kind: 'function';
  name: string;
  value: ValueId;
  fn: ElementwiseFunction;
}

export type ElementwiseFunction =
  /** Lowest degree first. */
  | { type: 'polynomial'; coefficients: number[] }
  /** sum_k c_k T_k((2 x - a - b) / (b - a)) on the domain [a, b]; lowest degree first. */
  | { type: 'chebyshev'; coefficients: number[]; domain: [number, number] }
  | {
      type:
        | 'relu'
        | 'sigmoid'
        | 'tanh'
        | 'gelu'
        | 'erf'
        | 'softplus'
        | 'silu'
        | 'hardswish'
        | 'exp'
        | 'sqrt'
        | 'abs';
    }
  | { type: 'leakyrelu' | 'elu'; alpha: number }
  | { type: 'hardsigmoid'; alpha: number; beta: number }
  | { type: 'clip'; min: number; max: number }
  /** One slope for each element of the flattened tensor. */
  | { type: 'prelu'; slopes: Float64Array };

/** x * y, elementwise; x = y is a square. */
export interface ProductNode {
  kind: 'product';
  name: string;
  left: ValueId;
  right: ValueId;
}

export type GraphNode = AffineNode | FunctionNode | ProductNode;

export interface Graph {
  name: string;
  input: { name: string; shape: number[] };
  output: { name: string; shape: number[]; value: ValueId };
  nodes: GraphNode[];
  /** Applied by the client after decryption. `axis` groups: softmax over the last `classes` values. */
  final: 'none' | 'sigmoid' | 'softmax' | 'argmax';
  /** What the user should know, e.g. that a MaxPool is approximated. */
  warnings: string[];
}

export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
