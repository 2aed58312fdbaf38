import assert from 'node:assert/strict';
import { it } from 'node:test';
import { integers, overBuilds, random, withMemory } from './testing.ts';
import { coefficientOf, makeTables, negacyclic, toInteger, torusVector, toTorus } from './tfhe-testing.ts';

const SIZES = [512, 1024, 2048, 4096, 8192];

overBuilds('negacyclic transform', (kernels) => {
  const { x } = kernels;

  it('takes products of integer polynomials to their exact product', () => {
    const N = 512;
    withMemory(kernels, (memory) => {
      const tables = makeTables(memory, N);
      const [a, b] = [integers(N, 2 ** 15, 1), integers(N, 2 ** 15, 2)];
      const [pa, pb] = [memory.f64(a), memory.f64(b)];
      const dst = memory.room(8 * N);
      x.tfhe_fourier(dst, pa, N, tables);
      x.tfhe_fourier(pb, pb, N, tables);
      x.tfhe_fourier_mul(dst, dst, pb, N);
      x.tfhe_fourier_inverse(dst, dst, N, tables);
      const expected = negacyclic(a.map(BigInt), b.map(BigInt));
      assert.deepEqual(Array.from(kernels.f64(dst, N), Math.round), expected.map(Number));
    });
  });

  it('multiplies by monomials and adds, for every size', () => {
    for (const N of SIZES) {
      withMemory(kernels, (memory) => {
        const tables = makeTables(memory, N);
        const values = integers(N, 1000, N);
        const src = memory.f64(values);
        x.tfhe_fourier(src, src, N, tables);
        const [sum, power] = [memory.room(8 * N), memory.room(8 * N)];
        kernels.f64(sum, N).fill(0);
        for (const shift of [1, N - 1]) {
          kernels.f64(power, N).fill(0)[shift] = 1;
          x.tfhe_fourier(power, power, N, tables);
          x.tfhe_fourier_muladd(sum, src, power, N);
        }
        x.tfhe_fourier_inverse(sum, sum, N, tables);
        const at = (j: number) => (j < 0 ? -values[j + N] : values[j]);
        kernels.f64(sum, N).forEach((y, j) => {
          assert.ok(Math.abs(y - at(j - 1) - at(j - N + 1)) < 1e-9, `N = ${N}, coefficient ${j}`);
        });
      });
    }
  });

  it('stays far from the rounding limit where tfhe_mul_small needs it, at the ends of its range', () => {
    for (const N of SIZES) {
      withMemory(kernels, (memory) => {
        const tables = makeTables(memory, N);
        const next = random(N);
        const signs = (size: number) => Array.from({ length: N }, () => (next() < 0.5 ? size : -size));
        const cases = [
          [signs(2 ** 25), signs(256)],
          [new Array<number>(N).fill(2 ** 25), new Array<number>(N).fill(256)],
          [Array.from({ length: N }, (_, i) => (i % 2 ? 2 ** 25 : -(2 ** 25))), signs(256)],
        ];
        let worst = 0;
        for (const [a, s] of cases) {
          const [pa, ps] = [memory.f64(a), memory.f64(s)];
          x.tfhe_fourier(pa, pa, N, tables);
          x.tfhe_fourier(ps, ps, N, tables);
          x.tfhe_fourier_mul(pa, pa, ps, N);
          x.tfhe_fourier_inverse(pa, pa, N, tables);
          for (const y of kernels.f64(pa, N)) worst = Math.max(worst, Math.abs(y - Math.round(y)));
        }
        assert.ok(worst < 2 ** -4, `N = ${N}: ${worst}`);
      });
    }
  });

  it('multiplies torus elements by small integers exactly', () => {
    for (const N of SIZES) {
      withMemory(kernels, (memory) => {
        const tables = makeTables(memory, N);
        const [dst, scratch] = [memory.room(8 * N), memory.room(24 * N)];
        const next = random(N + 1);
        for (const limit of [1, 256]) {
          const a = torusVector(N, N + limit);
          const s =
            limit === 1 ? Array.from({ length: N }, () => Number(next() < 0.5)) : integers(N, limit, N);
          x.tfhe_mul_small(dst, memory.f64(a), memory.f64(s), N, tables, scratch);
          const [A, S] = [a.map(toInteger), s.map(BigInt)];
          const got = kernels.f64(dst, N);
          for (let i = 0; i < 24; i++) {
            const j = i < 2 ? i * (N - 1) : Math.floor(next() * N);
            assert.equal(got[j], toTorus(coefficientOf(A, S, j)), `N = ${N}, coefficient ${j}`);
          }
          assert.ok(got.every((y) => y >= -0.5 && y < 0.5 && Number.isInteger(y * 2 ** 52)));
        }
      });
    }
  });
});
