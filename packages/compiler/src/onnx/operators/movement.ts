/**
 * Operators that only copy elements. Each is an index map, which serves constants (by gathering) and encrypted values
 * (by a selection matrix) alike; where the order stays, nothing is computed at all.
 * @module
 */

import { selection } from '../../graph/sparse.ts';
import { refuse } from '../draft.ts';
import {
  checkedShape,
  constant,
  encrypted,
  type Lower,
  type Lowering,
  type Operand,
  shapeOf,
} from '../lowering.ts';
import { DATA_TYPE, dataTypeName, type Tensor } from '../schema.ts';
import { broadcastMap, broadcastShapes, countOf, shapeText, stridedMap, stridesOf } from '../shapes.ts';
import { emptyValues } from '../tensor-proto.ts';

/** One output: its shape, and where its elements come from (absent: the same order; -1: `fill`). */
interface Move {
  shape: number[];
  map?: Int32Array;
  fill?: number;
}

/** @param move the outputs of the operator for an input of this shape */
const moves =
  (move: (node: Lowering, shape: number[]) => Move[]): Lower =>
  (node) => {
    const x = node.input(0);
    return move(node, shapeOf(x)).map(({ shape, map, fill }): Operand => {
      if (x.kind === 'encrypted') return map ? node.move(x, shape, map, fill) : encrypted(x.value, shape);
      if (!map) return constant({ ...x.tensor, shape });
      return constant(gather(node, x.tensor, shape, map, fill));
    });
  };

function gather(node: Lowering, tensor: Tensor, shape: number[], map: Int32Array, fill = 0): Tensor {
  node.draft.budget.folded(map.length);
  const values = emptyValues(tensor.dataType, map.length);
  for (let i = 0; i < map.length; i++) values[i] = map[i] < 0 ? fill : tensor.values[map[i]];
  return { dataType: tensor.dataType, shape, values };
}

const alias = moves((_, shape) => [{ shape }]);

const dropout: Lower = (node) => {
  const training = node.optionalConstant(2, 'training_mode');
  if (training && training.values[0] !== 0) refuse('training_mode is set; export the model for inference');
  return alias(node);
};

const FLOATS: number[] = [DATA_TYPE.FLOAT, DATA_TYPE.DOUBLE, DATA_TYPE.FLOAT16, DATA_TYPE.BFLOAT16];

/** Encrypted values keep their precision; a cast to integers would round them. */
const cast: Lower = (node) => {
  const to = node.int('to', DATA_TYPE.FLOAT);
  if (!FLOATS.includes(to)) refuse(`it rounds encrypted values to ${dataTypeName(to)}`);
  return [node.encrypted(0)];
};

const flatten = moves((node, shape) => {
  const given = node.int('axis', 1);
  const axis = given === shape.length ? given : node.axis(given, shape.length);
  return [{ shape: [countOf(shape.slice(0, axis)), countOf(shape.slice(axis))] }];
});

const reshape = moves((node, shape) => {
  const wanted = node.sizes(1, 'the shape');
  const copyZero = node.int('allowzero', 0) === 0;
  const sizes = wanted.map((d, i) =>
    d === 0 && copyZero ? (shape[i] ?? refuse('0 copies no dimension')) : d,
  );
  const free = sizes.indexOf(-1);
  if (free >= 0) {
    const others = countOf(sizes.filter((_, i) => i !== free));
    sizes[free] = others === 0 ? 0 : countOf(shape) / others;
  }
  checkedShape(sizes);
  if (countOf(sizes) !== countOf(shape)) {
    refuse(`an input of shape ${shapeText(shape)} does not reshape to ${shapeText(wanted)}`);
  }
  return [{ shape: sizes }];
});

const squeeze = moves((node, shape) => {
  const given = node.intsFrom('axes', 1);
  const axes = given ? node.axes(given, shape.length) : shape.flatMap((d, i) => (d === 1 ? [i] : []));
  if (axes.some((a) => shape[a] !== 1))
    refuse(`axes ${axes.join(', ')} of ${shapeText(shape)} are not all 1`);
  return [{ shape: shape.filter((_, i) => !axes.includes(i)) }];
});

const unsqueeze = moves((node, shape) => {
  const given = node.intsFrom('axes', 1) ?? refuse('axes is missing');
  const rank = shape.length + given.length;
  const axes = node.axes(given, rank);
  const rest = [...shape];
  return [
    {
      shape: checkedShape(Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!))),
    },
  ];
});

const transpose = moves((node, shape) => {
  const order = node.ints('perm') ?? shape.map((_, i) => shape.length - 1 - i);
  if (order.length !== shape.length || shape.some((_, i) => !order.includes(i)))
    refuse(`perm ${order.join(', ')}`);
  const to = order.map((d) => shape[d]);
  // Moving only dimensions of size 1 keeps the order.
  const long = order.filter((d) => shape[d] !== 1);
  if (long.every((d, i) => i === 0 || long[i - 1] < d)) return [{ shape: to }];
  const strides = stridesOf(shape);
  return [
    {
      shape: to,
      map: stridedMap(
        to,
        order.map((d) => strides[d]),
      ),
    },
  ];
});

/** Start, end and step along an axis as NumPy's slices take them. */
function sliceRange(
  size: number,
  start: number,
  end: number,
  step: number,
): { first: number; count: number } {
  if (step === 0 || !Number.isInteger(step)) refuse(`a step is ${step}`);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const bounded = (i: number) => Math.min(high, Math.max(low, i < 0 ? i + size : i));
  const first = step > 0 ? Math.min(size, Math.max(0, start < 0 ? start + size : start)) : bounded(start);
  return { first, count: Math.max(0, Math.ceil((bounded(end) - first) / step)) };
}

const slice = moves((node, shape) => {
  const starts = node.intsFrom('starts', 1) ?? refuse('starts is missing');
  const ends = node.intsFrom('ends', 2) ?? refuse('ends is missing');
  const axes = node.axes(node.intsFrom('axes', 3) ?? starts.map((_, i) => i), shape.length);
  const steps = node.intsFrom('steps', 4) ?? starts.map(() => 1);
  if ([ends, axes, steps].some((l) => l.length !== starts.length)) {
    refuse('starts, ends, axes and steps differ in length');
  }
  const to = [...shape];
  const strides = stridesOf(shape);
  let offset = 0;
  axes.forEach((axis, i) => {
    const { first, count } = sliceRange(shape[axis], starts[i], ends[i], steps[i]);
    offset += first * strides[axis];
    strides[axis] *= steps[i];
    to[axis] = count;
  });
  return [{ shape: to, map: stridedMap(to, strides, offset) }];
});

const split = moves((node, shape) => {
  const axis = node.axis(node.int('axis', 0), shape.length);
  const size = shape[axis];
  const parts = node.node.outputs.length;
  let sizes = node.intsFrom('split', 1);
  if (!sizes) {
    const each = Math.ceil(size / node.int('num_outputs', parts));
    sizes = Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
  }
  if (sizes.length !== parts || sizes.some((s) => !(s >= 0)) || sizes.reduce((a, b) => a + b, 0) !== size) {
    refuse(`split ${sizes.join(', ')} does not fit ${parts} outputs of axis ${axis} with ${size} elements`);
  }
  const strides = stridesOf(shape);
  let offset = 0;
  return sizes.map((length) => {
    const to = shape.map((d, i) => (i === axis ? length : d));
    const map = stridedMap(to, strides, offset * strides[axis]);
    offset += length;
    return { shape: to, map };
  });
});

type PadMode = (index: number, size: number) => number;

const PAD_MODES: Record<string, PadMode> = {
  constant: (i, size) => (i < 0 || i >= size ? -1 : i),
  edge: (i, size) => Math.min(size - 1, Math.max(0, i)),
  reflect: (i, size) => {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  },
  wrap: (i, size) => ((i % size) + size) % size,
};

const pad = moves((node, shape) => {
  const mode = node.text('mode', 'constant');
  const source = Object.hasOwn(PAD_MODES, mode) ? PAD_MODES[mode] : refuse(`mode ${mode} is unknown`);
  const given = node.intsFrom('pads', 1) ?? refuse('pads is missing');
  const fill = node.optionalConstant(2, 'the value')?.values[0] ?? node.float('value', 0);
  const listed = node.optionalConstant(3, 'axes');
  const axes = listed ? node.axes(Array.from(listed.values), shape.length) : shape.map((_, i) => i);
  if (given.length !== 2 * axes.length || given.some((p) => !Number.isSafeInteger(p)))
    refuse(`pads ${given.join(', ')}`);
  const before = shape.map(() => 0);
  const to = [...shape];
  axes.forEach((axis, i) => {
    before[axis] = given[i];
    to[axis] += given[i] + given[i + axes.length];
  });
  checkedShape(to);
  if (given.every((p) => p === 0)) return [{ shape: to }];
  if (mode !== 'constant' && shape.some((d) => d === 0)) refuse('its input is empty');
  const strides = stridesOf(shape);
  const lines = to.map((length, d) =>
    Int32Array.from({ length }, (_, i) => {
      const from = source(i - before[d], shape[d]);
      return from < 0 ? -1 : from * strides[d];
    }),
  );
  let map = Int32Array.of(0);
  for (const line of lines) {
    const next = new Int32Array(map.length * line.length);
    map.forEach((m, i) => {
      line.forEach((l, j) => {
        next[i * line.length + j] = m < 0 || l < 0 ? -1 : m + l;
      });
    });
    map = next;
  }
  return [{ shape: to, map, fill }];
});

const gatherOperator = moves((node, shape) => {
  const axis = node.axis(node.int('axis', 0), shape.length);
  const indices = node.constant(1, 'the indices');
  const picked = Array.from(indices.values, (i) => (i < 0 ? i + shape[axis] : i));
  const outside = picked.find((i) => !(i >= 0 && i < shape[axis] && Number.isInteger(i)));
  if (outside !== undefined)
    refuse(`index ${outside} is outside of axis ${axis} with ${shape[axis]} elements`);
  const to = checkedShape([...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)]);
  const outer = countOf(shape.slice(0, axis));
  const inner = countOf(shape.slice(axis + 1));
  const map = new Int32Array(countOf(to));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const i of picked) for (let k = 0; k < inner; k++) map[at++] = (o * shape[axis] + i) * inner + k;
  }
  return [{ shape: to, map }];
});

const expand = moves((node, shape) => {
  const wanted = node.sizes(1, 'the shape');
  const to =
    broadcastShapes(shape, wanted) ?? refuse(`${shapeText(shape)} does not expand to ${shapeText(wanted)}`);
  checkedShape(to);
  return [countOf(to) === countOf(shape) ? { shape: to } : { shape: to, map: broadcastMap(shape, to) }];
});

const tile = moves((node, shape) => {
  const repeats = node.sizes(1, 'repeats');
  if (repeats.length !== shape.length) refuse(`repeats ${repeats.join(', ')} do not fit ${shapeText(shape)}`);
  const to = checkedShape(shape.map((d, i) => d * repeats[i]));
  // [r0, d0, r1, d1, ...] with the repeats not moving in the input.
  const strides = stridesOf(shape);
  const map = stridedMap(
    shape.flatMap((d, i) => [repeats[i], d]),
    strides.flatMap((s) => [0, s]),
  );
  return [{ shape: to, map }];
});

/** [N, C r^2, H, W] -> [N, C, H r, W r]. */
const depthToSpace = moves((node, shape) => {
  const r = node.int('blocksize', 0);
  const [n, depth, h, w] = shape;
  const c = depth / r ** 2;
  if (shape.length !== 4 || r < 1 || !Number.isInteger(c))
    refuse(`blocksize ${r} does not fit ${shapeText(shape)}`);
  const plane = h * w;
  const [block, channel] = node.text('mode', 'DCR') === 'CRD' ? [1, r * r] : [c, 1];
  const strides = [depth * plane, channel * plane, w, r * block * plane, 1, block * plane];
  return [{ shape: [n, c, h * r, w * r], map: stridedMap([n, c, h, r, w, r], strides) }];
});

const concat: Lower = (node) => {
  const operands = node.inputs.map((_, i) => node.input(i));
  const first = shapeOf(operands[0] ?? refuse('it has no inputs'));
  const axis = node.axis(node.int('axis', 1), first.length);
  for (const operand of operands) {
    const shape = shapeOf(operand);
    if (shape.length !== first.length || shape.some((d, i) => i !== axis && d !== first[i])) {
      refuse(`shapes ${shapeText(first)} and ${shapeText(shape)} do not join along axis ${axis}`);
    }
  }
  const to = first.map((d, i) => (i === axis ? operands.reduce((sum, o) => sum + shapeOf(o)[axis], 0) : d));
  checkedShape(to);
  const outer = countOf(to.slice(0, axis));
  const row = countOf(to.slice(axis));
  const total = countOf(to);
  const constants = operands.every((o) => o.kind === 'constant');
  if (constants) node.draft.budget.folded(total);
  else node.draft.budget.entries(total);
  const type = operands[0].kind === 'constant' ? operands[0].tensor.dataType : DATA_TYPE.FLOAT;
  const values = constants ? emptyValues(type, total) : new Float64Array(total);
  const parts: { value: number; size: number; map: Int32Array }[] = [];
  let offset = 0;
  for (const operand of operands) {
    const length = countOf(shapeOf(operand).slice(axis));
    const map = new Int32Array(operand.kind === 'encrypted' ? total : 0).fill(-1);
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < length; k++) {
        const at = o * row + offset + k;
        if (operand.kind === 'constant') values[at] = operand.tensor.values[o * length + k];
        else map[at] = o * length + k;
      }
    }
    if (operand.kind === 'encrypted') parts.push({ value: operand.value, size: countOf(operand.shape), map });
    offset += length;
  }
  if (constants) return [constant({ dataType: type, shape: to, values })];
  const terms = parts.map((p) => ({ value: p.value, matrix: selection(p.map, p.size) }));
  return [encrypted(node.draft.affine(node.name, terms, Float64Array.from(values)), to)];
};

/** Operators that work on constants as they do on encrypted values. */
export const MOVEMENTS: [string, Lower][] = [
  ['Identity', alias],
  ['Dropout', dropout],
  ['Flatten', flatten],
  ['Reshape', reshape],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Transpose', transpose],
  ['Slice', slice],
  ['Split', split],
  ['Pad', pad],
  ['Gather', gatherOperator],
  ['Expand', expand],
  ['Tile', tile],
  ['DepthToSpace', depthToSpace],
  ['Concat', concat],
];

/** Of encrypted values only; constants are converted. */
export const CASTS: [string, Lower][] = [['Cast', cast]];
