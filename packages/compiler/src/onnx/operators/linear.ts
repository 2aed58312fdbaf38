/**
 * Gemm and MatMul with a constant on either side.
 * @module
 */

import { identity, RowBuilder } from '../../graph/sparse.ts';
import { refuse } from '../draft.ts';
import {
  checkedShape,
  type EncryptedOperand,
  encrypted,
  type Lower,
  type Lowering,
  type Operand,
  shapeOf,
} from '../lowering.ts';
import type { Tensor } from '../schema.ts';
import { broadcastMap, broadcastShapes, countOf, sameShape, shapeText } from '../shapes.ts';

/** Batches of matrix products; strides in elements, for one batch entry. */
interface Product {
  batch: { a: ArrayLike<number>; b: ArrayLike<number> };
  m: number;
  k: number;
  n: number;
  /** Strides of a by (m, k) and of b by (k, n). */
  a: [number, number];
  b: [number, number];
  factor: number;
}

/**
 * The matrix of sum_k a[m, k] b[k, n] with one side constant. A row's columns ascend with k, as the strides of the
 * encrypted side are positive.
 */
function productMatrix(
  node: Lowering,
  p: Product,
  constants: Tensor['values'],
  columns: number,
  side: 'a' | 'b',
) {
  const batches = p.batch.a.length;
  const entries = batches * p.m * p.n * p.k;
  node.draft.budget.entries(entries);
  const builder = new RowBuilder(batches * p.m * p.n, columns, entries);
  for (let batch = 0; batch < batches; batch++) {
    for (let m = 0; m < p.m; m++) {
      for (let n = 0; n < p.n; n++) {
        let a = p.batch.a[batch] * p.m * p.k + m * p.a[0];
        let b = p.batch.b[batch] * p.k * p.n + n * p.b[1];
        for (let k = 0; k < p.k; k++) {
          if (side === 'a') builder.entry(a, p.factor * constants[b]);
          else builder.entry(b, p.factor * constants[a]);
          a += p.a[1];
          b += p.b[0];
        }
        builder.endRow();
      }
    }
  }
  return builder.build();
}

/** The encrypted side of a product, and the values of the other. */
function sides(
  a: Operand,
  b: Operand,
): { x: EncryptedOperand; constants: Tensor['values']; side: 'a' | 'b' } {
  if (a.kind === 'encrypted' && b.kind === 'constant') return { x: a, constants: b.tensor.values, side: 'a' };
  if (b.kind === 'encrypted' && a.kind === 'constant') return { x: b, constants: a.tensor.values, side: 'b' };
  return refuse('both factors are computed from encrypted data; one of them must be a constant');
}

const matMul: Lower = (node) => {
  const a = node.input(0);
  const b = node.input(1);
  let aShape = shapeOf(a);
  let bShape = shapeOf(b);
  if (aShape.length === 0 || bShape.length === 0) refuse('a factor is a scalar');
  const vectorA = aShape.length === 1;
  const vectorB = bShape.length === 1;
  if (vectorA) aShape = [1, ...aShape];
  if (vectorB) bShape = [...bShape, 1];
  const [m, k] = aShape.slice(-2);
  const [inner, n] = bShape.slice(-2);
  const aBatch = aShape.slice(0, -2);
  const bBatch = bShape.slice(0, -2);
  const batch = broadcastShapes(aBatch, bBatch);
  if (inner !== k || !batch) {
    return refuse(`factors of shape ${shapeText(shapeOf(a))} and ${shapeText(shapeOf(b))} do not fit`);
  }
  const { x, constants, side } = sides(a, b);
  const shape = checkedShape([...batch, ...(vectorA ? [] : [m]), ...(vectorB ? [] : [n])]);
  const maps = { a: broadcastMap(aBatch, batch), b: broadcastMap(bBatch, batch) };
  const product: Product = { batch: maps, m, k, n, a: [k, 1], b: [n, 1], factor: 1 };
  const matrix = productMatrix(node, product, constants, countOf(x.shape), side);
  return [encrypted(node.draft.linear(node.name, x.value, matrix), shape)];
};

/** alpha A' B' + beta C. */
const gemm: Lower = (node) => {
  const a = node.input(0);
  const b = node.input(1);
  const transA = node.int('transA', 0) !== 0;
  const transB = node.int('transB', 0) !== 0;
  const [aShape, bShape] = [shapeOf(a), shapeOf(b)];
  if (aShape.length !== 2 || bShape.length !== 2) refuse('its factors must be matrices');
  const [m, k] = transA ? [aShape[1], aShape[0]] : aShape;
  const [inner, n] = transB ? [bShape[1], bShape[0]] : bShape;
  if (inner !== k) refuse(`factors of shape ${shapeText([m, k])} and ${shapeText([inner, n])} do not fit`);
  const { x, constants, side } = sides(a, b);
  const shape = checkedShape([m, n]);
  const product: Product = {
    batch: { a: [0], b: [0] },
    m,
    k,
    n,
    a: transA ? [1, m] : [k, 1],
    b: transB ? [1, k] : [n, 1],
    factor: node.float('alpha', 1),
  };
  const matrix = productMatrix(node, product, constants, countOf(x.shape), side);
  const terms = [{ value: x.value, matrix }];
  const bias = new Float64Array(m * n);
  const c = node.inputs[2];
  const beta = node.float('beta', 1);
  if (c && beta !== 0) {
    const fits = broadcastShapes(shapeOf(c), shape);
    if (!fits || !sameShape(fits, shape))
      refuse(`C of shape ${shapeText(shapeOf(c))} does not fit ${shapeText(shape)}`);
    if (c.kind === 'constant') {
      const map = broadcastMap(c.tensor.shape, shape);
      bias.forEach((_, i) => {
        bias[i] = beta * c.tensor.values[map[i]];
      });
    } else {
      const wide = node.broadcast(c, shape);
      const value = node.draft.scaled(node.name, wide.value, beta);
      return [
        encrypted(node.draft.affine(node.name, [...terms, { value, matrix: identity(m * n) }], bias), shape),
      ];
    }
  }
  return [encrypted(node.draft.affine(node.name, terms, bias), shape)];
};

export const LINEAR: [string, Lower][] = [
  ['MatMul', matMul],
  ['Gemm', gemm],
];
