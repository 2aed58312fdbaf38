/**
 * Sums and means over axes, and BatchNormalization, which at inference is a scaling and a shift for each channel.
 * @module
 */

import { RowBuilder, SparseBuilder } from '../../graph/sparse.ts';
import { refuse } from '../draft.ts';
import { checkedShape, type EncryptedOperand, encrypted, type Lower, type Lowering } from '../lowering.ts';
import { broadcastMap, countOf, shapeText } from '../shapes.ts';

function reduceOver(
  node: Lowering,
  x: EncryptedOperand,
  axes: number[],
  keep: boolean,
  mean: boolean,
): EncryptedOperand {
  const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const size = countOf(x.shape);
  const rows = countOf(kept);
  const factor = mean ? rows / size : 1;
  node.draft.budget.entries(size);
  const builder = new SparseBuilder(rows, size);
  broadcastMap(kept, x.shape).forEach((row, column) => {
    builder.add(row, column, factor);
  });
  const shape = keep ? kept : x.shape.filter((_, i) => !axes.includes(i));
  return encrypted(node.draft.linear(node.name, x.value, builder.build()), checkedShape(shape));
}

const reduce =
  (mean: boolean): Lower =>
  (node) => {
    const x = node.encrypted(0);
    const given = node.intsFrom('axes', 1) ?? [];
    if (given.length === 0 && node.int('noop_with_empty_axes', 0) !== 0) return [x];
    const axes = given.length === 0 ? x.shape.map((_, i) => i) : node.axes(given, x.shape.length);
    return [reduceOver(node, x, axes, node.int('keepdims', 1) !== 0, mean)];
  };

const globalAveragePool: Lower = (node) => {
  const x = node.encrypted(0);
  if (x.shape.length < 3) refuse(`its input of shape ${shapeText(x.shape)} has no spatial dimensions`);
  const axes = x.shape.map((_, i) => i).slice(2);
  return [reduceOver(node, x, axes, true, true)];
};

/** scale (x - mean) / sqrt(var + epsilon) + B, along axis 1. */
const batchNormalization: Lower = (node) => {
  const x = node.encrypted(0);
  const [scale, bias, mean, variance] = ['scale', 'B', 'the mean', 'the variance'].map((what, i) =>
    node.constant(i + 1, what),
  );
  if (node.int('training_mode', 0) !== 0) refuse('training_mode is set; export the model for inference');
  if (node.int('spatial', 1) === 0) refuse('spatial = 0 is not supported; export with opset 9 or later');
  const channels = x.shape[1];
  if (
    x.shape.length < 2 ||
    [scale, bias, mean, variance].some((t) => t.shape.length !== 1 || t.shape[0] !== channels)
  ) {
    refuse(`its parameters do not fit an input of shape ${shapeText(x.shape)}`);
  }
  const epsilon = node.float('epsilon', 1e-5);
  const factors = Float64Array.from(scale.values, (s, c) => s / Math.sqrt(variance.values[c] + epsilon));
  const shifts = Float64Array.from(bias.values, (b, c) => b - mean.values[c] * factors[c]);
  if (factors.some((f) => !Number.isFinite(f))) refuse('a variance is negative or zero');
  const size = countOf(x.shape);
  node.draft.budget.entries(size);
  const inner = countOf(x.shape.slice(2));
  const builder = new RowBuilder(size, size, size);
  const shift = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const channel = Math.floor(i / inner) % channels;
    builder.entry(i, factors[channel]);
    builder.endRow();
    shift[i] = shifts[channel];
  }
  return [encrypted(node.draft.linear(node.name, x.value, builder.build(), shift), x.shape)];
};

export const REDUCTIONS: [string, Lower][] = [
  ['ReduceSum', reduce(false)],
  ['ReduceMean', reduce(true)],
  ['GlobalAveragePool', globalAveragePool],
  ['BatchNormalization', batchNormalization],
];
