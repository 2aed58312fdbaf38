/**
 * Where the elements of every value lie in the slots. Few distinct offsets between inputs and outputs mean few rotations, so a layer's
 * outputs are put where its sparsity pattern wants them: rows that read shifted copies of one pattern (a convolution's) are put at the same
 * shifts, and the channels between them where they add the fewest new offsets (multiplexing). What has no pattern lies in order.
 * @module
 */
import type { SparseMatrix } from '../graph/sparse.ts';
import { bestSplit } from './rotations.ts';

export interface SlotLayout {
  /** Slot of each element. */
  slots: Int32Array;
  /** Power of two. */
  period: number;
}

export const nextPowerOfTwo = (v: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, v)));

export function naturalLayout(size: number): SlotLayout {
  return { slots: Int32Array.from({ length: size }, (_, i) => i), period: nextPowerOfTwo(size) };
}

/** Distinct offsets of a matrix between two layouts. */
export function offsetsOf(matrix: SparseMatrix, input: SlotLayout, output: SlotLayout): number[] {
  const shared = Math.min(input.period, output.period);
  const seen = new Uint8Array(shared);
  for (let r = 0; r < matrix.rows; r++) {
    for (let k = matrix.start[r]; k < matrix.start[r + 1]; k++) {
      const difference = (input.slots[matrix.column[k]] - output.slots[r]) % shared;
      seen[difference < 0 ? difference + shared : difference] = 1;
    }
  }
  const offsets: number[] = [];
  seen.forEach((hit, d) => {
    if (hit) offsets.push(d);
  });
  return offsets;
}

/** Keys count when layouts are compared; how much they count in the end is tried out by the planner. */
const LAYOUT_KEY_PENALTY = 1;
/** A product with a plaintext against a key switch, by the cost model at the levels of deep networks; its constant is memory, too. */
const LAYOUT_PRODUCT_COST = 0.05;

/** @param parts ciphertexts that the input lies in, `input.period` slots in each */
export function layoutCost(matrix: SparseMatrix, input: SlotLayout, output: SlotLayout, parts = 1): number {
  const shape = {
    parts,
    inputPeriod: input.period,
    outputPeriod: output.period,
    offsets: offsetsOf(matrix, input, output),
  };
  const products = parts * shape.offsets.length;
  return bestSplit(shape, new Set(), LAYOUT_KEY_PENALTY).cost + LAYOUT_PRODUCT_COST * products;
}

/** Rows with the same support, in order of their first row. */
interface Group {
  rows: number[];
}

function groupRows(matrix: SparseMatrix): Group[] {
  const groups = new Map<string, Group>();
  for (let r = 0; r < matrix.rows; r++) {
    const support = matrix.column.subarray(matrix.start[r], matrix.start[r + 1]);
    const key = supportKey(support);
    const group = groups.get(key);
    if (group) group.rows.push(r);
    else groups.set(key, { rows: [r] });
  }
  return [...groups.values()];
}

/** Two 32-bit hashes, the length and the ends: collisions would cost speed, not correctness. */
function supportKey(support: Int32Array): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (const c of support) {
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b + c, 0x85ebca6b) ^ (b >>> 13);
  }
  return `${support.length}:${a}:${b}:${support[0] ?? -1}`;
}

/** The cheapest known layout for the result of `matrix` on a value in layout `input`. */
export function outputLayout(matrix: SparseMatrix, input: SlotLayout, slots: number): SlotLayout {
  const natural = naturalLayout(matrix.rows);
  if (natural.period > slots) return natural;
  let best = { layout: natural, cost: layoutCost(matrix, input, natural) };
  for (const layout of patternLayouts(matrix, input, slots)) {
    const cost = layoutCost(matrix, input, layout);
    if (cost < best.cost) best = { layout, cost };
  }
  return best.layout;
}

/** The slot positions of the entries of a row. */
function rowSlots(matrix: SparseMatrix, input: SlotLayout, row: number): number[] {
  const slots: number[] = [];
  for (let k = matrix.start[row]; k < matrix.start[row + 1]; k++) slots.push(input.slots[matrix.column[k]]);
  return slots;
}

/** Layouts after the pattern of the rows, one for each period that they fit. */
function patternLayouts(matrix: SparseMatrix, input: SlotLayout, slots: number): SlotLayout[] {
  const groups = groupRows(matrix);
  if (groups.length < 2 || groups.length > slots) return [];
  const widest = groups.reduce((best, g) => (support(matrix, g) > support(matrix, best) ? g : best));
  const main = new Map<number, number>();
  const anchorSlot = Math.min(...rowSlots(matrix, input, widest.rows[0]));
  rowSlots(matrix, input, widest.rows[0]).forEach((slot, i) => {
    main.set(slot - anchorSlot, matrix.value[matrix.start[widest.rows[0]] + i]);
  });
  const found: number[] = [];
  const taken = new Set<number>();
  for (const group of groups) {
    const anchor = findAnchor(matrix, input, group.rows[0], main, taken);
    if (anchor === undefined) return [];
    taken.add(anchor);
    found.push(anchor);
  }
  const base = found.reduce((least, a) => Math.min(least, a));
  // Slots are counted from the first anchor; the input's own offset goes into the diagonals.
  const anchors = found.map((a) => a - base);
  const channels = groups.reduce((m, g) => Math.max(m, g.rows.length), 0);
  const layouts: SlotLayout[] = [];
  for (let period = nextPowerOfTwo(matrix.rows); period <= slots; period *= 2) {
    const placements = placeChannels([...main.keys()], anchors, channels, period, input.period);
    if (!placements) continue;
    const layout = new Int32Array(matrix.rows);
    groups.forEach((group, g) => {
      group.rows.forEach((row, c) => {
        layout[row] = anchors[g] + placements[c];
      });
    });
    layouts.push({ slots: layout, period });
  }
  return layouts;
}

const support = (matrix: SparseMatrix, group: Group): number =>
  matrix.start[group.rows[0] + 1] - matrix.start[group.rows[0]];

/** Where the main pattern must be put so that the row lies in it: with equal weights if possible (a convolution's border), unused. */
function findAnchor(
  matrix: SparseMatrix,
  input: SlotLayout,
  row: number,
  main: ReadonlyMap<number, number>,
  taken: ReadonlySet<number>,
): number | undefined {
  const slots = rowSlots(matrix, input, row);
  if (slots.length === 0) return undefined;
  const first = matrix.start[row];
  let fallback: number | undefined;
  for (const relative of main.keys()) {
    const anchor = slots[0] - relative;
    if (taken.has(anchor) || !slots.every((slot) => main.has(slot - anchor))) continue;
    if (slots.every((slot, i) => Math.abs(main.get(slot - anchor)! - matrix.value[first + i]) <= 1e-9))
      return anchor;
    fallback ??= anchor;
  }
  return fallback;
}

/** Bounds the search for wide layers: entries of the pattern times offsets. */
const MOST_PAIRS = 2 ** 27;

/**
 * Offsets of the channels from their anchors within `period` slots: no collisions, few new rotations. Greedy. Offsets
 * are cyclic: channels that lie a multiple of the smaller period apart share all of theirs.
 */
function placeChannels(
  pattern: readonly number[],
  anchors: readonly number[],
  channels: number,
  period: number,
  inputPeriod: number,
): number[] | undefined {
  const shared = Math.min(period, inputPeriod);
  const cyclic = (v: number): number => ((v % shared) + shared) % shared;
  const taps = [...new Set(pattern.map(cyclic))];
  const highest = anchors.reduce((m, a) => Math.max(m, a), 0);
  if (highest >= period || taps.length * shared > MOST_PAIRS) return undefined;
  const used = new Uint8Array(period);
  const known = new Uint8Array(shared);
  /** By placement: how many of its offsets are known. */
  const hits = new Int32Array(shared);
  const placements: number[] = [];
  const place = (at: number): void => {
    placements.push(at);
    for (const a of anchors) used[a + at] = 1;
    for (const tap of taps) {
      const offset = cyclic(tap - at);
      if (known[offset]) continue;
      known[offset] = 1;
      for (const other of taps) hits[cyclic(other - offset)]++;
    }
  };
  place(0);
  while (placements.length < channels) {
    let best = -1;
    for (let at = 1; at + highest < period; at++) {
      if (best >= 0 && hits[at % shared] <= hits[best % shared]) continue;
      if (!anchors.some((a) => used[a + at])) best = at;
    }
    if (best < 0) return undefined;
    place(best);
  }
  return placements;
}

export interface GatheredLayouts {
  /** For each slot of the input's period the element, or -1. */
  gather: Int32Array;
  /** Slot from which a row reads a column; the parts lie one after another. */
  input(column: number, row: number): number;
  inputPeriod: number;
  /** Ciphertexts. */
  parts: number;
  output: SlotLayout;
  rowsPerGroup: number;
}

/**
 * The client lays out the input so that the first layer needs few rotations (im2col): group o of rows with a common support reads its k-th
 * element from slot k G + o, and its c-th row is computed in slot c G + o. Undefined when that does not fit the slots, or is no better.
 * @param slots all that the input may take
 * @param period those of one part
 */
export function gatheredLayouts(
  matrix: SparseMatrix,
  slots: number,
  period = slots,
): GatheredLayouts | undefined {
  const groups = groupRows(matrix);
  const widest = groups.reduce((m, g) => Math.max(m, support(matrix, g)), 0);
  const count = nextPowerOfTwo(groups.length);
  const inputPeriod = Math.min(period, nextPowerOfTwo(widest) * count);
  if (groups.length < 2 || nextPowerOfTwo(widest) * count > slots || count > period) return undefined;
  const parts = Math.ceil((widest * count) / inputPeriod);
  const gather = new Int32Array(parts * inputPeriod).fill(-1);
  const position = new Map<number, number>();
  const groupOf = new Int32Array(matrix.rows);
  const outputSlots = new Int32Array(matrix.rows);
  let last = 0;
  groups.forEach((group, o) => {
    for (let k = matrix.start[group.rows[0]], i = 0; k < matrix.start[group.rows[0] + 1]; k++, i++) {
      gather[i * count + o] = matrix.column[k];
      position.set(o * matrix.columns + matrix.column[k], i * count + o);
    }
    group.rows.forEach((row, c) => {
      groupOf[row] = o;
      outputSlots[row] = c * count + o;
      last = Math.max(last, outputSlots[row]);
    });
  });
  return {
    gather,
    input: (column, row) => position.get(groupOf[row] * matrix.columns + column)!,
    inputPeriod,
    parts,
    output: { slots: outputSlots, period: nextPowerOfTwo(last + 1) },
    rowsPerGroup: groups.reduce((m, g) => Math.max(m, g.rows.length), 0),
  };
}
