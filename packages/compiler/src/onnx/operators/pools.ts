/**
 * Pools. Averages are linear. A maximum is not: max(a, b) = (a + b) / 2 + |a - b| / 2 is applied in rounds until one
 * value of each window is left, and |.| is approximated under encryption.
 * @module
 */

import { RowBuilder } from '../../graph/sparse.ts';
import { refuse } from '../draft.ts';
import { checkedShape, type EncryptedOperand, encrypted, type Lower, type Lowering } from '../lowering.ts';
import { countOf, shapeText } from '../shapes.ts';
import {
  paddedCounts,
  type SpatialAttributes,
  spatialAttributes,
  type WindowShape,
  type Windows,
  windowShape,
  windows,
} from '../windows.ts';

function spatial(x: EncryptedOperand): number[] {
  if (x.shape.length < 3)
    refuse(`it needs an input of at least 3 dimensions; this one has shape ${shapeText(x.shape)}`);
  return x.shape.slice(2);
}

const averagePool: Lower = (node) => {
  const x = node.encrypted(0);
  const input = spatial(x);
  const w = windowShape(input, spatialAttributes(node, input.length), node.int('ceil_mode', 0) !== 0);
  const taps = windows(node, w);
  const counts = node.int('count_include_pad', 0) !== 0 ? paddedCounts(w) : undefined;
  const planes = x.shape[0] * x.shape[1];
  const inputPositions = countOf(input);
  const positions = countOf(w.output);
  const shape = checkedShape([x.shape[0], x.shape[1], ...w.output]);
  node.draft.budget.entries(planes * taps.input.length);
  const builder = new RowBuilder(countOf(shape), countOf(x.shape), planes * taps.input.length);
  for (let plane = 0; plane < planes; plane++) {
    for (let p = 0; p < positions; p++) {
      const factor = 1 / (counts ? counts[p] : taps.start[p + 1] - taps.start[p]);
      for (let t = taps.start[p]; t < taps.start[p + 1]; t++) {
        builder.entry(plane * inputPositions + taps.input[t], factor);
      }
      builder.endRow();
    }
  }
  return [encrypted(node.draft.linear(node.name, x.value, builder.build()), shape)];
};

const maxPool: Lower = (node) => {
  if (node.node.outputs.length > 1 && node.node.outputs[1] !== '')
    refuse('its second output, the indices, cannot be computed on encrypted values');
  const x = node.encrypted(0);
  const input = spatial(x);
  return [
    maximum(
      node,
      x,
      windowShape(input, spatialAttributes(node, input.length), node.int('ceil_mode', 0) !== 0),
    ),
  ];
};

const globalMaxPool: Lower = (node) => {
  const x = node.encrypted(0);
  const input = spatial(x);
  const ones = input.map(() => 1);
  const attributes: SpatialAttributes = {
    kernel: input,
    strides: ones,
    dilations: ones,
    pads: undefined,
    autoPad: 'VALID',
  };
  return [maximum(node, x, windowShape(input, attributes))];
};

function maximum(node: Lowering, x: EncryptedOperand, w: WindowShape): EncryptedOperand {
  const taps = windows(node, w);
  const candidates = windowMembers(taps, countOf(w.kernel));
  const width = candidates.length;
  const planes = x.shape[0] * x.shape[1];
  const size = countOf(w.input);
  const shape = checkedShape([x.shape[0], x.shape[1], ...w.output]);
  const positions = countOf(w.output);
  const rounds = Math.ceil(Math.log2(Math.max(1, width)));
  if (rounds > 0) {
    node.draft.warn(
      `${node.node.opType} "${node.name}" is approximated: |x| by a polynomial, ${rounds} times in a row; an AveragePool is exact and much cheaper`,
    );
  }
  const all = planes * positions;
  node.draft.budget.entries(2 * width * all);
  // Candidate c of every window, one block after the other.
  const map = new Int32Array(width * all);
  for (let c = 0; c < width; c++) {
    for (let plane = 0; plane < planes; plane++) {
      for (let p = 0; p < positions; p++) {
        map[(c * planes + plane) * positions + p] = plane * size + candidates[c][p];
      }
    }
  }
  checkedShape([width, all]);
  let value = node.move(x, [width, all], map).value;
  for (let left = width; left > 1; left = Math.ceil(left / 2)) value = maxRound(node, value, left, all);
  return encrypted(value, shape);
}

/** Halves `blocks` blocks of `size` values: block i becomes max(block 2i, block 2i + 1). */
function maxRound(node: Lowering, value: number, blocks: number, size: number): number {
  const pairs = Math.floor(blocks / 2);
  const differences = new RowBuilder(pairs * size, blocks * size, 2 * pairs * size);
  const means = new RowBuilder(Math.ceil(blocks / 2) * size, blocks * size, blocks * size);
  const halves = new RowBuilder(Math.ceil(blocks / 2) * size, pairs * size, pairs * size);
  for (let i = 0; i < pairs; i++) {
    for (let k = 0; k < size; k++) {
      const a = 2 * i * size + k;
      differences.entry(a, 1);
      differences.entry(a + size, -1);
      differences.endRow();
      means.entry(a, 0.5);
      means.entry(a + size, 0.5);
      means.endRow();
      halves.entry(i * size + k, 0.5);
      halves.endRow();
    }
  }
  if (blocks % 2 === 1) {
    for (let k = 0; k < size; k++) {
      means.entry((blocks - 1) * size + k, 1);
      means.endRow();
    }
  }
  const { draft, name } = node;
  const distance = draft.fn(name, draft.linear(name, value, differences.build()), { type: 'abs' });
  const terms = [
    { value, matrix: means.build() },
    { value: distance, matrix: halves.build() },
  ];
  return draft.affine(name, terms, new Float64Array(Math.ceil(blocks / 2) * size));
}

/**
 * Member c of each window as an input position. Windows cut by the border repeat a member: it changes no maximum,
 * while a very negative padding would ruin every approximation of |x|.
 */
function windowMembers(taps: Windows, kernel: number): Int32Array[] {
  const positions = taps.start.length - 1;
  let width = 0;
  for (let p = 0; p < positions; p++) {
    const length = taps.start[p + 1] - taps.start[p];
    if (length === 0) refuse('a window lies wholly in the padding, where a maximum does not exist');
    width = Math.max(width, Math.min(kernel, length));
  }
  return Array.from({ length: width }, (_, c) =>
    Int32Array.from({ length: positions }, (_, p) => {
      const length = taps.start[p + 1] - taps.start[p];
      return taps.input[taps.start[p] + Math.min(c, length - 1)];
    }),
  );
}

export const POOLS: [string, Lower][] = [
  ['AveragePool', averagePool],
  ['MaxPool', maxPool],
  ['GlobalMaxPool', globalMaxPool],
];
