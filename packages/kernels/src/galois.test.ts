import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assertResidues, minimalRoot, NEAR_2_50, overBuilds, residues, withMemory } from './testing.ts';

overBuilds('Galois automorphisms', (kernels) => {
  const { x } = kernels;

  it('act on the NTT order as X -> X^g does on coefficients', () => {
    const q = NEAR_2_50;
    for (const n of [16, 64, 1024]) {
      const root = minimalRoot(n, q);
      for (const g of [1, 3, 5, 25, n + 1, 2 * n - 1]) {
        const a = residues(n, q, g);
        const image = new Array<number>(n).fill(0);
        for (let i = 0; i < n; i++) {
          const e = (i * g) % (2 * n);
          image[e % n] = e < n ? a[i] : -a[i];
        }
        withMemory(kernels, (memory) => {
          const [tables, idx, dst] = [memory.room(32 * n), memory.room(4 * n), memory.room(8 * n)];
          const [pa, pi] = [memory.f64(a), memory.f64(image)];
          x.ntt_tables(tables, n, q, root);
          x.ntt_forward(pa, tables, n, q, 1 / q);
          x.ntt_forward(pi, tables, n, q, 1 / q);
          x.galois_index(idx, n, g);
          x.v_permute(dst, pa, idx, n);
          assertResidues(kernels.f64(dst, n), Array.from(kernels.f64(pi, n), BigInt), q);
        });
      }
    }
  });

  it('compose', () => {
    const n = 8192;
    withMemory(kernels, (memory) => {
      const [a, b, c] = [memory.room(4 * n), memory.room(4 * n), memory.room(4 * n)];
      x.galois_index(a, n, 5);
      x.galois_index(b, n, 2 * n - 1);
      x.galois_index(c, n, (5 * (2 * n - 1)) % (2 * n));
      const [ia, ib, ic] = [a, b, c].map((ptr) => kernels.i32(ptr, n));
      assert.deepEqual(
        Array.from(ia, (i) => ib[i]),
        Array.from(ic),
      );
      assert.equal(new Set(ia).size, n);
    });
  });
});
