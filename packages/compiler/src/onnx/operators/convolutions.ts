/**
 * Conv and ConvTranspose in one to three (or more) dimensions, with groups.
 * @module
 */

import { RowBuilder } from '../../graph/sparse.ts';
import { refuse } from '../draft.ts';
import { checkedShape, encrypted, type Lower, type Lowering, type Operand } from '../lowering.ts';
import type { Tensor } from '../schema.ts';
import { countOf, shapeText } from '../shapes.ts';
import {
  spatialAttributes,
  transposedWindows,
  type WindowShape,
  type Windows,
  windowShape,
  windows,
} from '../windows.ts';

/** X [N, C, ...], W [M, C / group, ...], B [M] -> [N, M, ...]. */
const conv: Lower = (node) => {
  const x = node.encrypted(0);
  const weights = node.constant(1, 'the kernel');
  const rank = x.shape.length - 2;
  const group = groups(node);
  if (rank < 1 || weights.shape.length !== x.shape.length) mismatch(x.shape, weights);
  const [outputs, perGroup, ...kernel] = weights.shape;
  if (perGroup * group !== x.shape[1] || outputs % group !== 0) mismatch(x.shape, weights, group);
  const shape = windowShape(x.shape.slice(2), spatialAttributes(node, rank, kernel));
  const taps = windows(node, shape);
  const size = countOf(kernel);
  // Row-major [output, input in group, kernel position].
  const weight = (output: number, input: number) => (output * perGroup + input) * size;
  return convolution(node, { outputs, group, shape, taps, weight });
};

/** X [N, C, ...], W [C, M / group, ...], B [M] -> [N, M, ...]. */
const convTranspose: Lower = (node) => {
  const x = node.encrypted(0);
  const weights = node.constant(1, 'the kernel');
  const rank = x.shape.length - 2;
  const group = groups(node);
  if (rank < 1 || weights.shape.length !== x.shape.length) mismatch(x.shape, weights);
  const [inputs, perGroup, ...kernel] = weights.shape;
  if (inputs !== x.shape[1] || inputs % group !== 0) mismatch(x.shape, weights, group);
  const shape = transposedShape(node, x.shape.slice(2), kernel);
  const taps = transposedWindows(node, shape);
  const size = countOf(kernel);
  const inputsPerGroup = inputs / group;
  const weight = (output: number, input: number) => {
    const g = Math.floor(output / perGroup);
    return ((g * inputsPerGroup + input) * perGroup + (output % perGroup)) * size;
  };
  return convolution(node, { outputs: perGroup * group, group, shape, taps, weight });
};

function groups(node: Lowering): number {
  const group = node.int('group', 1);
  return group >= 1 && Number.isSafeInteger(group) ? group : refuse(`group is ${group}`);
}

function mismatch(x: number[], weights: Tensor, group = 1): never {
  return refuse(
    `a kernel of shape ${shapeText(weights.shape)} in ${group} groups does not fit an input of shape ${shapeText(x)}`,
  );
}

/** ONNX's rules for output_padding, output_shape and auto_pad. */
function transposedShape(node: Lowering, input: number[], kernel: number[]): WindowShape {
  const rank = input.length;
  const attributes = spatialAttributes(node, rank, kernel);
  const { strides, dilations, autoPad } = attributes;
  const extra = node.ints('output_padding') ?? new Array<number>(rank).fill(0);
  // Some exporters list the batch and channel dimensions too.
  const wanted = node.ints('output_shape')?.slice(-rank);
  if (extra.length !== rank || extra.some((e) => !(e >= 0 && e < 2 ** 24)))
    refuse(`output_padding is ${extra.join(', ')}`);
  if (wanted && (wanted.length !== rank || wanted.some((s) => !(s >= 1))))
    refuse(`output_shape is ${wanted.join(', ')}`);
  const shape: WindowShape = { input, kernel, strides, dilations, padBegin: [], padEnd: [], output: [] };
  input.forEach((size, d) => {
    const full = strides[d] * (size - 1) + extra[d] + (kernel[d] - 1) * dilations[d] + 1;
    const same = autoPad.startsWith('SAME') ? size * strides[d] : undefined;
    const target = wanted?.[d] ?? same;
    let begin = attributes.pads?.[d] ?? 0;
    let end = attributes.pads?.[d + rank] ?? 0;
    if (target !== undefined) {
      const total = Math.max(0, full - target);
      begin = autoPad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      end = total - begin;
    }
    shape.padBegin.push(begin);
    shape.padEnd.push(end);
    shape.output.push(target ?? full - begin - end);
  });
  if (shape.output.some((s) => s < 1)) refuse(`its output would have shape ${shapeText(shape.output)}`);
  checkedShape(shape.output);
  return shape;
}

interface Convolution {
  outputs: number;
  group: number;
  shape: WindowShape;
  taps: Windows;
  /** Offset in the weights of kernel position 0, for an output channel and an input channel within its group. */
  weight: (output: number, input: number) => number;
}

function convolution(node: Lowering, c: Convolution): Operand[] {
  const x = node.encrypted(0);
  const weights = node.constant(1, 'the kernel').values;
  const bias = node.optionalConstant(2, 'the bias');
  if (bias && bias.values.length !== c.outputs)
    refuse(`the bias has ${bias.values.length} values for ${c.outputs} channels`);
  const [batch, inputs] = x.shape;
  const perGroup = inputs / c.group;
  const outputsPerGroup = c.outputs / c.group;
  const positions = countOf(c.shape.output);
  const inputPositions = countOf(c.shape.input);
  const shape = checkedShape([batch, c.outputs, ...c.shape.output]);
  const entries = batch * c.outputs * perGroup * c.taps.input.length;
  node.draft.budget.entries(entries);
  const builder = new RowBuilder(countOf(shape), countOf(x.shape), entries);
  const shift = new Float64Array(countOf(shape));
  let row = 0;
  for (let n = 0; n < batch; n++) {
    for (let output = 0; output < c.outputs; output++) {
      const firstInput = n * inputs + Math.floor(output / outputsPerGroup) * perGroup;
      for (let p = 0; p < positions; p++) {
        for (let i = 0; i < perGroup; i++) {
          const column = (firstInput + i) * inputPositions;
          const offset = c.weight(output, i);
          for (let t = c.taps.start[p]; t < c.taps.start[p + 1]; t++) {
            builder.entry(column + c.taps.input[t], weights[offset + c.taps.kernel[t]]);
          }
        }
        builder.endRow();
        shift[row++] = bias ? bias.values[output] : 0;
      }
    }
  }
  return [encrypted(node.draft.linear(node.name, x.value, builder.build(), shift), shape)];
}

export const CONVOLUTIONS: [string, Lower][] = [
  ['Conv', conv],
  ['ConvTranspose', convTranspose],
];
