import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tfheRotateScratchBytes } from './exports-tfhe.ts';
import { builds, overBuilds, random, withMemory } from './testing.ts';
import { distance, ToyKey, type ToyShape, torusVector } from './tfhe-testing.ts';

const SHAPES: { name: string; shape: ToyShape; noise: number }[] = [
  { name: 'k = 1, one level', shape: { n: 6, N: 2048, k: 1, levels: 1, baseLog: 23 }, noise: 2 ** -16 },
  { name: 'odd log2(N/2)', shape: { n: 6, N: 1024, k: 1, levels: 1, baseLog: 23 }, noise: 2 ** -16 },
  { name: 'k = 4', shape: { n: 4, N: 512, k: 4, levels: 1, baseLog: 23 }, noise: 2 ** -16 },
  { name: 'k = 2, three levels', shape: { n: 4, N: 512, k: 2, levels: 3, baseLog: 8 }, noise: 2 ** -16 },
];

for (const { name, shape, noise } of SHAPES) {
  for (const kernels of builds) {
    describe(`blind rotation, ${name}, ${kernels.build}`, () => {
      const { n, N, k, levels, baseLog } = shape;
      const { x } = kernels;

      it('rotates by the phase, for each of a batch', () => {
        const key = new ToyKey(kernels, shape, 1);
        const next = random(2);
        const count = 5;
        const luts = Array.from({ length: count }, (_, c) => torusVector(N, 10 + c));
        const switched = Array.from({ length: count * (n + 1) }, () => Math.floor(next() * 2 * N));
        // no rotation, a rotation by X^N, and one by a single step
        switched.splice(0, 4, 0, N, 1, 2 * N - 1);
        withMemory(kernels, (memory) => {
          const acc = memory.room(8 * N * (k + 1) * count);
          const ptrs = memory.i32(luts.map((lut) => memory.f64(lut)));
          const scratch = memory.room(tfheRotateScratchBytes(N, k, count));
          x.tfhe_blind_rotate(
            acc,
            ptrs,
            memory.i32(switched),
            key.bsk,
            n,
            N,
            k,
            levels,
            baseLog,
            key.tables,
            scratch,
            count,
          );
          let worst = 0;
          for (let c = 0; c < count; c++) {
            const row = switched.slice(c * (n + 1), (c + 1) * (n + 1));
            const phase = row[n] - row.slice(0, n).reduce((sum, a, i) => sum + a * key.small[i], 0);
            const got = key.glwePhase(kernels.f64(acc + 8 * N * (k + 1) * c, N * (k + 1)));
            for (let j = 0; j < N; j++) {
              const from = (((j + phase) % (2 * N)) + 2 * N) % (2 * N);
              const want = from < N ? luts[c][from] : -luts[c][from - N];
              worst = Math.max(worst, distance(got[j], want));
            }
          }
          assert.ok(worst < noise, `error 2^${Math.log2(worst)}`);
        });
        key.free();
      });
    });
  }
}

overBuilds('bootstrap', (kernels) => {
  it('reads the right entry of the table for every message, through sample extraction', () => {
    const shape: ToyShape = { n: 12, N: 512, k: 2, levels: 1, baseLog: 23 };
    const { n, N, k } = shape;
    const key = new ToyKey(kernels, shape, 3);
    const next = random(4);
    // Boxes of N/16 around each message, the first one split between both ends with opposite signs
    const entry = (message: number) => (((message * 7 + 3) % 16) - 8) / 32;
    const lut = Array.from({ length: N }, (_, j) => {
      const box = Math.floor((j * 16) / N + 0.5);
      return box < 16 ? entry(box) : -entry(0);
    });
    withMemory(kernels, (memory) => {
      const luts = memory.i32(new Array(16).fill(memory.f64(lut)));
      const switched = [];
      for (let message = 0; message < 16; message++) {
        const mask = Array.from({ length: n }, () => Math.floor(next() * 2 * N));
        const noise = Math.floor((next() - 0.5) * (N / 18));
        const body = mask.reduce((sum, a, i) => sum + a * key.small[i], (message * N) / 16 + noise);
        switched.push(...mask, ((body % (2 * N)) + 2 * N) % (2 * N));
      }
      const acc = memory.room(8 * N * (k + 1) * 16);
      const scratch = memory.room(tfheRotateScratchBytes(N, k, 16));
      const rows = memory.i32(switched);
      kernels.x.tfhe_blind_rotate(acc, luts, rows, key.bsk, n, N, k, 1, 23, key.tables, scratch, 16);
      const big = memory.f64(key.glwe.flat());
      const row = memory.room(8 * (k * N + 1));
      for (let message = 0; message < 16; message++) {
        const at = acc + 8 * N * (k + 1) * message;
        const phases = key.glwePhase(kernels.f64(at, N * (k + 1)));
        for (const index of [0, 1, N - 1]) {
          kernels.x.tfhe_extract(row, at, index, N, k);
          const values = kernels.f64(row, k * N + 1);
          assert.ok(values.every((v) => v >= -0.5 && v < 0.5));
          const phase = values[k * N] - kernels.x.tfhe_dot(row, big, k * N);
          assert.ok(distance(phase, phases[index]) < 1e-12, `extraction at ${index}`);
        }
        assert.ok(distance(phases[0], entry(message)) < 2 ** -12, `message ${message}: ${phases[0]}`);
      }
    });
    key.free();
  });
});
