import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { quantiles, RunningStatistics } from './statistics.ts';

test('property: any split of a stream gives the moments of the whole, and the histogram counts every value', () => {
  const chunk = fc.array(fc.double({ min: -1e5, max: 1e5, noNaN: true }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(chunk, { minLength: 1, maxLength: 12 }), (chunks) => {
      const all = chunks.flat();
      fc.pre(all.length > 0);
      const s = new RunningStatistics();
      for (const c of chunks) s.add(c);
      const mean = all.reduce((a, b) => a + b, 0) / all.length;
      const std = Math.sqrt(all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length);
      assert.deepEqual([s.count, s.min, s.max], [all.length, Math.min(...all), Math.max(...all)]);
      const size = Math.max(Math.abs(s.min), Math.abs(s.max));
      assert.ok(Math.abs(s.mean - mean) <= 1e-10 * size && Math.abs(s.std - std) <= 1e-7 * size);
      const { lower, upper, counts } = s.histogram;
      assert.equal(
        Array.from(counts).reduce((a, b) => a + b, 0),
        all.length,
      );
      assert.ok(lower <= s.min + 1e-9 * size && upper >= s.max - 1e-9 * size);
    }),
  );
});

test('the histogram stays near the values it should hold while its range grows', () => {
  const s = new RunningStatistics();
  for (let i = 0; i < 4096; i++) s.add([Math.sin(i) * 2 ** (i / 256)]);
  const values = Array.from({ length: 4096 }, (_, i) => Math.sin(i) * 2 ** (i / 256)).sort((a, b) => a - b);
  const { lower, upper, counts } = s.histogram;
  const bin = (upper - lower) / counts.length;
  assert.ok(upper - lower <= 4 * (s.max - s.min));
  for (const share of [0.01, 0.3, 0.5, 0.9])
    assert.ok(Math.abs(quantiles(s.histogram, [share])[0] - values[Math.floor(share * 4096)]) < 3 * bin);
});

test('values that are not finite are counted apart', () => {
  const s = new RunningStatistics();
  s.add([1, Number.NaN, 3, Number.POSITIVE_INFINITY]);
  assert.deepEqual([s.count, s.nonFinite, s.mean, s.std], [2, 2, 2, 1]);
});
