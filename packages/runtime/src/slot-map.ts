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

export function diagonalShape(map: SlotMap, outputPeriod: number): DiagonalShape {
  const g = geometry(map, outputPeriod);
  const present = new Uint8Array(g.shared + 1);
  for (let k = 0; k < map.weight.length; k++) present[offsetOf(map, g, k)] = 1;
  const offsets: number[] = [];
  present.forEach((hit, offset) => {
    if (hit) offsets.push(offset);
  });
  return {
    inputPeriod: map.inputPeriod,
    outputPeriod,
    offsets,
    babyModulus: map.babyModulus,
    foldRadix: map.foldRadix,
  };
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

/** The map on floats: every entry goes the way of its diagonal, and through the folds. @returns one output period */
export function applySlotMap(map: SlotMap, outputPeriod: number, x: ArrayLike<number>): Float64Array {
  const g = geometry(map, outputPeriod);
  const last = x.length - 1;
  const y = new Float64Array(outputPeriod);
  for (let k = 0; k < map.weight.length; k++) {
    const offset = offsetOf(map, g, k);
    const slot = slotOf(map, g, k, offset);
    y[slot & (outputPeriod - 1)] += map.weight[k] * x[(slot + offset) & last];
  }
  return y;
}
