/** The map on floats goes the way that the encrypted one goes: rotations by the offsets, then folds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gaussianSource } from './gaussian.ts';
import type { SlotMap } from './plan.ts';
import {
  applySlotMap,
  diagonalShape,
  diagonalValues,
  interleavedShape,
  repeatEach,
  transformsOf,
} from './slot-map.ts';

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
    // Four samples in the place of one: each as if it were alone, on floats and by the longer rotations.
    const images = 4;
    const samples = Array.from({ length: images }, (_, i) => x.map((v) => v * (i + 1)));
    const together = Float64Array.from(
      { length: inputPeriod * images },
      (_, s) => samples[s % images][Math.floor(s / images)],
    );
    const shape = interleavedShape(diagonalShape(map, outputPeriod), images);
    const longer = new Float64Array(outputPeriod * images);
    for (const offset of shape.offsets) {
      const values = repeatEach(diagonals.get(offset / images)!, images);
      for (const [i, v] of values.entries())
        longer[i % shape.outputPeriod] += v * together[(i + offset) % shape.inputPeriod];
    }
    for (const got of [applySlotMap(map, outputPeriod, together, images), longer])
      got.forEach((v, s) => {
        const wanted = want[Math.floor(s / images)] * ((s % images) + 1);
        assert.ok(Math.abs(v - wanted) < 1e-11, `slot ${s}: ${v}, not ${wanted}`);
      });

    for (const got of [applySlotMap(map, outputPeriod, x), rotated])
      got.forEach((v, t) => {
        assert.ok(Math.abs(v - want[t]) < 1e-12, `slot ${t}: ${v}, not ${want[t]}`);
      });
  });
}

test('the maps of the parts of the input are one transform', () => {
  const term = (value: number, part?: number): SlotMap => ({
    value,
    ...(part === undefined ? {} : { part }),
    level: 1,
    weightScale: 1,
    inputPeriod: 8,
    babyModulus: 1,
    foldRadix: 2,
    inputSlot: Float64Array.of(part ?? 0),
    outputSlot: Float64Array.of(0),
    weight: Float64Array.of(1),
  });
  const terms = [term(0, 0), term(0, 1), term(1), term(1)];
  assert.deepEqual(
    transformsOf(terms).map((maps) => maps.map((m) => terms.indexOf(m))),
    [[0, 1], [2], [3]],
  );
  const shape = diagonalShape(terms.slice(0, 2), 8);
  assert.deepEqual([shape.parts, shape.offsets], [2, [0, 1]]);
  assert.equal(diagonalShape(terms[2], 8).parts, undefined);
});
