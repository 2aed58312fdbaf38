/**
 * Sliding windows of convolutions and pools in any number of dimensions: output sizes, implicit padding, and for each
 * output position the kernel positions that hit the input.
 * @module
 */

import { refuse } from './draft.ts';
import { checkedShape, type Lowering } from './lowering.ts';
import { ONNX_LIMITS } from './schema.ts';
import { countOf, shapeText } from './shapes.ts';

/** Compressed rows: output position p takes entries start[p] .. start[p + 1], ascending in `input`. */
export interface Windows {
  start: Int32Array;
  kernel: Int32Array;
  input: Int32Array;
}

export interface WindowShape {
  /** Sizes of the spatial dimensions. */
  input: number[];
  kernel: number[];
  strides: number[];
  dilations: number[];
  padBegin: number[];
  padEnd: number[];
  output: number[];
}

interface Tap {
  kernel: number;
  input: number;
}

export interface SpatialAttributes {
  kernel: number[];
  strides: number[];
  dilations: number[];
  /** Undefined where auto_pad or output_shape decides. */
  pads: number[] | undefined;
  autoPad: string;
}

function positive(values: number[], rank: number, what: string): number[] {
  if (values.length !== rank || values.some((v) => !Number.isSafeInteger(v) || v < 1 || v > 2 ** 24)) {
    refuse(`${what} ${values.join(', ')} does not fit ${rank} spatial dimensions`);
  }
  return values;
}

/** Attributes that convolutions and pools share. @param kernel sizes from the weights, or undefined for a pool */
export function spatialAttributes(node: Lowering, rank: number, kernel?: number[]): SpatialAttributes {
  const given = node.ints('kernel_shape');
  if (given && kernel && given.join() !== kernel.join()) {
    refuse(`kernel_shape ${given.join(', ')} differs from the weights' ${kernel.join(', ')}`);
  }
  const sizes = kernel ?? given ?? refuse('kernel_shape is missing');
  const autoPad = node.text('auto_pad', 'NOTSET');
  if (!['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(autoPad)) {
    refuse(`auto_pad ${autoPad} is not one of ONNX's`);
  }
  const pads = node.ints('pads');
  if (
    autoPad === 'NOTSET' &&
    pads &&
    (pads.length !== 2 * rank || pads.some((p) => p < 0 || !(p < 2 ** 24)))
  ) {
    refuse(`pads ${pads.join(', ')} do not fit ${rank} spatial dimensions`);
  }
  return {
    kernel: positive(sizes, rank, 'kernel_shape'),
    strides: positive(node.ints('strides') ?? sizes.map(() => 1), rank, 'strides'),
    dilations: positive(node.ints('dilations') ?? sizes.map(() => 1), rank, 'dilations'),
    pads: autoPad === 'NOTSET' ? (pads ?? new Array<number>(2 * rank).fill(0)) : undefined,
    autoPad,
  };
}

/** Sizes of a convolution or a pool. @param ceil round the number of windows up (ceil_mode) */
export function windowShape(
  input: number[],
  { kernel, strides, dilations, pads, autoPad }: SpatialAttributes,
  ceil = false,
): WindowShape {
  const shape: WindowShape = { input, kernel, strides, dilations, padBegin: [], padEnd: [], output: [] };
  input.forEach((size, d) => {
    const extent = (kernel[d] - 1) * dilations[d] + 1;
    let begin = pads?.[d] ?? 0;
    let end = pads?.[d + input.length] ?? 0;
    if (autoPad.startsWith('SAME')) {
      const total = Math.max(0, (Math.ceil(size / strides[d]) - 1) * strides[d] + extent - size);
      begin = autoPad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      end = total - begin;
    }
    const room = size + begin + end - extent;
    let count = (ceil ? Math.ceil(room / strides[d]) : Math.floor(room / strides[d])) + 1;
    // A window that starts in the padding after the input would average nothing.
    if (ceil && (count - 1) * strides[d] >= size + begin) count--;
    if (room < 0 || count < 1)
      refuse(`its kernel ${shapeText(kernel)} is larger than the input ${shapeText(input)}`);
    shape.padBegin.push(begin);
    shape.padEnd.push(end);
    shape.output.push(count);
  });
  checkedShape(shape.output);
  return shape;
}

/** Windows of a convolution or pool: output o and kernel position k meet input o * stride - pad + k * dilation. */
export function windows(node: Lowering, w: WindowShape): Windows {
  checkTaps(
    w,
    w.input.map((size, d) => Math.min(w.kernel[d], size)),
  );
  const taps = w.input.map((size, d) =>
    Array.from({ length: w.output[d] }, (_, o) => {
      const list: Tap[] = [];
      const first = o * w.strides[d] - w.padBegin[d];
      for (let k = Math.max(0, Math.ceil(-first / w.dilations[d])); k < w.kernel[d]; k++) {
        const i = first + k * w.dilations[d];
        if (i >= size) break;
        list.push({ kernel: k, input: i });
      }
      return list;
    }),
  );
  return combine(node, taps, w.kernel, w.input);
}

/** Windows of a transposed convolution: input i and kernel position k meet output i * stride - pad + k * dilation. */
export function transposedWindows(node: Lowering, w: WindowShape): Windows {
  checkTaps(w, w.kernel);
  const taps = w.input.map((size, d) =>
    Array.from({ length: w.output[d] }, (_, o) => {
      const list: Tap[] = [];
      for (let k = w.kernel[d] - 1; k >= 0; k--) {
        const i = (o + w.padBegin[d] - k * w.dilations[d]) / w.strides[d];
        if (Number.isInteger(i) && i >= 0 && i < size) list.push({ kernel: k, input: i });
      }
      return list;
    }),
  );
  return combine(node, taps, w.kernel, w.input);
}

/** Taps of one dimension: a kernel as long as a long signal would make too many. */
const MAX_TAPS = 2 ** 23;

/** @param tried kernel positions that are looked at for each output coordinate, by dimension */
function checkTaps(w: WindowShape, tried: number[]): void {
  tried.forEach((count, d) => {
    if (w.output[d] * count > MAX_TAPS) refuse(`its kernel ${shapeText(w.kernel)} is too large`);
  });
}

/** The product of the dimensions' lists. @param taps for each dimension and output coordinate, ascending in input */
function combine(node: Lowering, taps: Tap[][][], kernel: number[], input: number[]): Windows {
  const positions = countOf(taps.map((t) => t.length));
  const total = countOf(taps.map((t) => t.reduce((sum, list) => sum + list.length, 0)));
  if (positions > ONNX_LIMITS.valueElements) refuse(`it makes a tensor of ${positions} positions`);
  node.draft.budget.entries(total);
  const result: Windows = {
    start: new Int32Array(positions + 1),
    kernel: new Int32Array(total),
    input: new Int32Array(total),
  };
  let position = 0;
  let at = 0;
  const walkTaps = (lists: Tap[][], d: number, k: number, i: number): void => {
    if (d === lists.length) {
      result.kernel[at] = k;
      result.input[at++] = i;
      return;
    }
    for (const tap of lists[d]) walkTaps(lists, d + 1, k * kernel[d] + tap.kernel, i * input[d] + tap.input);
  };
  const walkPositions = (lists: Tap[][]): void => {
    if (lists.length === taps.length) {
      walkTaps(lists, 0, 0, 0);
      result.start[++position] = at;
      return;
    }
    for (const list of taps[lists.length]) walkPositions([...lists, list]);
  };
  walkPositions([]);
  return result;
}

/** For each output position, kernel positions inside the padded input: what an average counts. */
export function paddedCounts(w: WindowShape): Float64Array {
  const counts = w.input.map((size, d) => {
    const end = size + w.padBegin[d] + w.padEnd[d];
    return Array.from({ length: w.output[d] }, (_, o) =>
      Math.min(w.kernel[d], Math.ceil((end - o * w.strides[d]) / w.dilations[d])),
    );
  });
  let all = [1];
  for (const list of counts) all = all.flatMap((a) => list.map((b) => a * b));
  return Float64Array.from(all);
}
