/** The map on floats goes the way that the encrypted one goes: rotations by the offsets, then folds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gaussianSource } from './gaussian.ts';
import type { SlotMap } from './plan.ts';
import { applySlotMap, diagonalShape, diagonalValues } from './slot-map.ts';

const random = gaussianSource(5);
const draw = (count: number, below: number): Float64Array =>
  Float64Array.from({ length: count }, () => Math.floor(Math.abs(random()) * 1e6) % below);

for (const [inputPeriod, outputPeriod] of [
  [64, 64],
  [64, 8],
  [8, 64],
]) {
  test(`${inputPeriod} slots to ${outputPeriod}`, () => {
    const entries = 90;
    const map: SlotMap = {
      value: 0,
      level: 1,
      weightScale: 1,
      inputPeriod,
      babyModulus: 4,
      foldRadix: 2,
      inputSlot: draw(entries, inputPeriod),
      outputSlot: draw(entries, outputPeriod),
      weight: Float64Array.from({ length: entries }, random),
    };
    const x = Float64Array.from({ length: inputPeriod }, random);
    const want = new Float64Array(outputPeriod);
    for (let k = 0; k < entries; k++) want[map.outputSlot[k]] += map.weight[k] * x[map.inputSlot[k]];

    const diagonals = diagonalValues(map, outputPeriod);
    const rotated = new Float64Array(outputPeriod);
    for (const [offset, values] of diagonals)
      for (const [i, v] of values.entries()) rotated[i % outputPeriod] += v * x[(i + offset) % inputPeriod];

    const { offsets } = diagonalShape(map, outputPeriod);
    assert.deepEqual([...diagonals.keys()], offsets);
    assert.deepEqual(
      offsets,
      [...offsets].sort((a, b) => a - b),
    );
    assert.ok(offsets.every((o) => o >= 0 && o < Math.min(inputPeriod, outputPeriod)));
    for (const got of [applySlotMap(map, outputPeriod, x), rotated])
      got.forEach((v, t) => {
        assert.ok(Math.abs(v - want[t]) < 1e-12, `slot ${t}: ${v}, not ${want[t]}`);
      });
  });
}
