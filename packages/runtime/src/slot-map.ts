/**
 * The diagonals of a slot map: how the entries of a linear layer meet the rotations.
 * @module
 */
import type { DiagonalShape } from '@velum/fhe';
import type { SlotMap } from './plan.ts';

type Entries = Pick<SlotMap, 'inputPeriod' | 'outputSlot' | 'inputSlot' | 'weight'>;

/** Periods are powers of two: remainders are masks. */
interface Geometry {
  /** Of the smaller period: offsets. */
  shared: number;
  /** Of the larger period: slots at which weights stand. */
  period: number;
  narrow: boolean;
}

const geometry = (map: Entries, outputPeriod: number): Geometry => ({
  shared: Math.min(map.inputPeriod, outputPeriod) - 1,
  period: Math.max(map.inputPeriod, outputPeriod) - 1,
  narrow: outputPeriod < map.inputPeriod,
});

const offsetOf = (map: Entries, { shared }: Geometry, k: number): number =>
  (map.inputSlot[k] - map.outputSlot[k]) & shared;

/** The slot at which an entry's weight stands. */
function slotOf(map: Entries, { period, narrow }: Geometry, k: number, offset: number): number {
  // With a narrow output the copy of the slot is taken from which `offset` leads to the input slot.
  return narrow ? (map.inputSlot[k] - offset) & period : map.outputSlot[k];
}

/** Terms that make one transform: the maps of an input in several parts belong together. */
export function transformsOf(terms: readonly SlotMap[]): SlotMap[][] {
  const groups = new Map<number, SlotMap[]>();
  return terms.flatMap((term) => {
    if (term.part === undefined) return [[term]];
    const group = groups.get(term.value);
    group?.push(term);
    if (group) return [];
    const first = [term];
    groups.set(term.value, first);
    return [first];
  });
}

/** The shape of the transform of one map, or of the maps of the parts of the input, for one sample. */
export function diagonalShape(maps: SlotMap | readonly SlotMap[], outputPeriod: number): DiagonalShape {
  const parts = Array.isArray(maps) ? (maps as readonly SlotMap[]) : [maps as SlotMap];
  const [{ inputPeriod, babyModulus, foldRadix }] = parts;
  const present = new Uint8Array(Math.min(inputPeriod, outputPeriod));
  for (const map of parts) {
    const g = geometry(map, outputPeriod);
    for (let k = 0; k < map.weight.length; k++) present[offsetOf(map, g, k)] = 1;
  }
  const offsets: number[] = [];
  present.forEach((hit, offset) => {
    if (hit) offsets.push(offset);
  });
  const shape = { inputPeriod, outputPeriod, offsets, babyModulus, foldRadix };
  return parts.length > 1 ? { ...shape, parts: parts.length } : shape;
}

/** The transform of `images` interleaved samples: every rotation is as many times as long. */
export function interleavedShape(shape: DiagonalShape, images: number): DiagonalShape {
  return {
    ...shape,
    inputPeriod: shape.inputPeriod * images,
    outputPeriod: shape.outputPeriod * images,
    offsets: shape.offsets.map((offset) => offset * images),
    babyModulus: shape.babyModulus * images,
  };
}

/** Every value `images` times in a row. */
export function repeatEach(values: Float64Array, images: number): Float64Array {
  if (images === 1) return values;
  const repeated = new Float64Array(values.length * images);
  values.forEach((v, t) => {
    repeated.fill(v, t * images, (t + 1) * images);
  });
  return repeated;
}

/** The values of every diagonal, by offset. */
export function diagonalValues(map: SlotMap, outputPeriod: number): Map<number, Float64Array> {
  const g = geometry(map, outputPeriod);
  const diagonals = new Array<Float64Array | undefined>(g.shared + 1);
  for (let k = 0; k < map.weight.length; k++) {
    const offset = offsetOf(map, g, k);
    const values = (diagonals[offset] ??= new Float64Array(g.period + 1));
    values[slotOf(map, g, k, offset)] += map.weight[k];
  }
  const present = new Map<number, Float64Array>();
  diagonals.forEach((values, offset) => {
    if (values) present.set(offset, values);
  });
  return present;
}

/**
 * The map on floats: every entry goes the way of its diagonal, and through the folds.
 * @param x `images` interleaved samples
 * @returns one output period of each of them, interleaved
 */
export function applySlotMap(
  map: SlotMap,
  outputPeriod: number,
  x: ArrayLike<number>,
  images = 1,
): Float64Array {
  const g = geometry(map, outputPeriod);
  const last = x.length / images - 1;
  const y = new Float64Array(outputPeriod * images);
  for (let k = 0; k < map.weight.length; k++) {
    const offset = offsetOf(map, g, k);
    const slot = slotOf(map, g, k, offset);
    const to = (slot & (outputPeriod - 1)) * images;
    const from = ((slot + offset) & last) * images;
    for (let i = 0; i < images; i++) y[to + i] += map.weight[k] * x[from + i];
  }
  return y;
}
