/**
 * The diagonals of a slot map: how the entries of a linear layer meet the rotations.
 * @module
 */
import type { DiagonalShape } from '@velum/fhe';
import type { SlotMap } from './plan.ts';

type Entries = Pick<SlotMap, 'inputPeriod' | 'outputSlot' | 'inputSlot' | 'weight'>;

/** Offset of an entry and the slot at which its weight stands. */
function place(map: Entries, outputPeriod: number, k: number): { offset: number; slot: number } {
  const shared = Math.min(map.inputPeriod, outputPeriod);
  const difference = map.inputSlot[k] - map.outputSlot[k];
  const offset = ((difference % shared) + shared) % shared;
  // With a narrow output the copy of the slot is taken from which `offset` leads to the input slot.
  const period = Math.max(map.inputPeriod, outputPeriod);
  const slot =
    outputPeriod >= map.inputPeriod ? map.outputSlot[k] : (map.inputSlot[k] - offset + period) % period;
  return { offset, slot };
}

export function diagonalShape(map: SlotMap, outputPeriod: number): DiagonalShape {
  const offsets = new Set<number>();
  for (let k = 0; k < map.weight.length; k++) offsets.add(place(map, outputPeriod, k).offset);
  return {
    inputPeriod: map.inputPeriod,
    outputPeriod,
    offsets: [...offsets].sort((a, b) => a - b),
    babyModulus: map.babyModulus,
    foldRadix: map.foldRadix,
  };
}

/** The values of every diagonal, by offset. */
export function diagonalValues(map: SlotMap, outputPeriod: number): Map<number, Float64Array> {
  const period = Math.max(map.inputPeriod, outputPeriod);
  const diagonals = new Map<number, Float64Array>();
  for (let k = 0; k < map.weight.length; k++) {
    const { offset, slot } = place(map, outputPeriod, k);
    let values = diagonals.get(offset);
    if (!values) {
      values = new Float64Array(period);
      diagonals.set(offset, values);
    }
    values[slot] += map.weight[k];
  }
  return diagonals;
}

/** The map on floats, walking the same diagonals and folds. @returns one output period */
export function applySlotMap(map: SlotMap, outputPeriod: number, x: ArrayLike<number>): Float64Array {
  const period = Math.max(map.inputPeriod, outputPeriod);
  const sum = new Float64Array(period);
  for (const [offset, values] of diagonalValues(map, outputPeriod)) {
    for (let i = 0; i < period; i++) if (values[i] !== 0) sum[i] += values[i] * x[(i + offset) % x.length];
  }
  const y = new Float64Array(outputPeriod);
  for (let i = 0; i < period; i++) y[i % outputPeriod] += sum[i];
  return y;
}
