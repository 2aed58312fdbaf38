import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Kernels } from './kernels.ts';
import {
  assertResidues,
  centered,
  integers,
  inverse,
  LAZY,
  overBuilds,
  PRIMES,
  random,
  residues,
  withMemory,
} from './testing.ts';

const cases = fc.record({
  q: fc.constantFrom(...PRIMES),
  n: fc.integer({ min: 1, max: 20 }).map((blocks) => 8 * blocks),
  seed: fc.integer({ min: 1, max: 1 << 30 }),
});
const RUNS = { numRuns: 40 };

/** Applies `call` to reduced operands a, b, c (c is also the destination) and compares with `expected`. */
function binary(
  kernels: Kernels,
  call: (dst: number, a: number, b: number, s: number, n: number, q: number) => void,
  expected: (a: bigint, b: bigint, s: bigint, dst: bigint) => bigint,
  limit: (q: number) => number = (q) => Math.floor(q / 2 + 1),
): void {
  fc.assert(
    fc.property(cases, fc.constantFrom('none', 'a', 'b'), ({ q, n, seed }, alias) => {
      withMemory(kernels, (memory) => {
        const a = integers(n, limit(q), seed);
        const b = integers(n, limit(q), seed + 1);
        const c = residues(n, q, seed + 2);
        const [s] = residues(1, q, seed + 3);
        const [pa, pb] = [memory.f64(a), memory.f64(b)];
        const dst = alias === 'a' ? pa : alias === 'b' ? pb : memory.f64(c);
        const before = Array.from(kernels.f64(dst, n), BigInt);
        call(dst, pa, pb, s, n, q);
        const want = a.map((x, i) => expected(BigInt(x), BigInt(b[i]), BigInt(s), before[i]));
        assertResidues(kernels.f64(dst, n), want, q);
      });
    }),
    RUNS,
  );
}

overBuilds('element-wise arithmetic', (kernels) => {
  const { x } = kernels;
  it('adds, subtracts, negates', () => {
    binary(
      kernels,
      (d, a, b, _s, n, q) => x.v_add(d, a, b, n, q, 1 / q),
      (a, b) => a + b,
    );
    binary(
      kernels,
      (d, a, b, _s, n, q) => x.v_sub(d, a, b, n, q, 1 / q),
      (a, b) => a - b,
    );
    binary(
      kernels,
      (d, a, _b, _s, n) => x.v_neg(d, a, n),
      (a) => -a,
    );
  });

  it('copies any doubles, and no more than it is told', () => {
    for (const n of [8, 64, 1000]) {
      withMemory(kernels, (memory) => {
        const values = Array.from(
          { length: n },
          (_, i) => [Math.PI * i, Number.NaN, -0, Number.MAX_VALUE][i % 4],
        );
        const [src, dst] = [memory.f64(values), memory.f64(new Array(n + 8).fill(1))];
        kernels.x.v_copy(dst, src, n);
        assert.deepEqual(Array.from(kernels.f64(dst, n + 8)), [...values, ...new Array(8).fill(1)]);
      });
    }
  });

  it('reduces integers below 2^52', () => {
    binary(
      kernels,
      (d, a, _b, _s, n, q) => x.v_reduce(d, a, n, q, 1 / q),
      (a) => a,
      () => 2 ** 52 - 1,
    );
  });

  it('multiplies vectors', () => {
    binary(
      kernels,
      (d, a, b, _s, n, q) => x.v_mul(d, a, b, n, q, 1 / q),
      (a, b) => a * b,
    );
    fc.assert(
      fc.property(cases, ({ q, n, seed }) => {
        withMemory(kernels, (memory) => {
          const [a, b, c] = [0, 1, 2].map((i) => residues(n, q, seed + i));
          const dst = memory.f64(c);
          x.v_muladd(dst, memory.f64(a), memory.f64(b), n, q, 1 / q);
          const want = c.map((v, i) => BigInt(v) + BigInt(a[i]) * BigInt(b[i]));
          assertResidues(kernels.f64(dst, n), want, q);
        });
      }),
      RUNS,
    );
  });

  it('multiplies by and adds scalars', () => {
    binary(
      kernels,
      (d, a, _b, s, n, q) => x.v_mulscalar(d, a, s, n, q, 1 / q),
      (a, _b, s) => a * s,
    );
    binary(
      kernels,
      (d, a, _b, s, n, q) => x.v_muladdscalar(d, a, s, n, q, 1 / q),
      (a, _b, s, dst) => dst + a * s,
      (q) => Math.floor(q / 2),
    );
    binary(
      kernels,
      (d, a, _b, s, n, q) => x.v_addscalar(d, a, s, n, q, 1 / q),
      (a, _b, s) => a + s,
    );
  });

  it('scales differences of integers up to 2^52', () => {
    binary(
      kernels,
      (d, a, b, s, n, q) => x.v_submulscalar(d, a, b, s, n, q, 1 / q),
      (a, b, s) => (a - b) * s,
      () => 2 ** 51,
    );
  });

  it('scales differences and adds in one pass', () => {
    fc.assert(
      fc.property(cases, ({ q, n, seed }) => {
        withMemory(kernels, (memory) => {
          const [a, c] = [residues(n, q, seed), residues(n, q, seed + 1)];
          const b = integers(n, LAZY, seed + 2);
          const [s] = residues(1, q, seed + 3);
          const [pa, pb, pc] = [memory.f64(a), memory.f64(b), memory.f64(c)];
          x.v_submuladd(pb, pa, pb, pc, s, n, q, 1 / q);
          assertResidues(
            kernels.f64(pb, n),
            a.map((v, i) => (BigInt(v) - BigInt(b[i])) * BigInt(s) + BigInt(c[i])),
            q,
          );
        });
      }),
      RUNS,
    );
  });

  it('multiplies by periodic operands', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 3 }), ({ q, n, seed }, runlog) => {
        withMemory(kernels, (memory) => {
          const [a, c] = [residues(n, q, seed), residues(n, q, seed + 1)];
          const small = residues(n >> runlog, q, seed + 2);
          const [pa, ps, product, sum] = [a, small, c, c].map((values) => memory.f64(values));
          x.v_mulrun(product, pa, ps, runlog, n, q, 1 / q);
          x.v_muladdrun(sum, pa, ps, runlog, n, q, 1 / q);
          const want = a.map((v, i) => BigInt(v) * BigInt(small[i >> runlog]));
          assertResidues(kernels.f64(product, n), want, q);
          assertResidues(
            kernels.f64(sum, n),
            want.map((v, i) => v + BigInt(c[i])),
            q,
          );
        });
      }),
      RUNS,
    );
  });
});

overBuilds('inner products', (kernels) => {
  const { x } = kernels;
  it('agree with exact sums, for few and many terms', () => {
    fc.assert(
      fc.property(
        cases,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 3 }),
        ({ q, n, seed }, count, runlog) => {
          withMemory(kernels, (memory) => {
            const many = (length: number, from: number) =>
              Array.from({ length: count }, (_, k) => residues(length, q, from + k));
            const [a, b, c] = [many(n, seed), many(n, seed + 100), many(n, seed + 200)];
            const small = many(n >> runlog, seed + 300);
            const d = a.map((_, k) => integers(n, LAZY, seed + 400 + k));
            const w = residues(count, q, seed + 500);
            const list = (vectors: number[][]) => memory.i32(vectors.map((v) => memory.f64(v)));
            const [pa, pb, pc, pd, ps, pw] = [list(a), list(b), list(c), list(d), list(small), memory.f64(w)];
            const [dst, other] = [memory.room(8 * n), memory.room(8 * n)];
            const sum = (u: number[][], v: (k: number, i: number) => number) =>
              Array.from({ length: n }, (_, i) =>
                u.reduce((s, uk, k) => s + BigInt(uk[i]) * BigInt(v(k, i)), 0n),
              );
            x.v_dot(dst, pa, pb, count, n, q, 1 / q);
            assertResidues(
              kernels.f64(dst, n),
              sum(a, (k, i) => b[k][i]),
              q,
            );
            x.v_dotrun(dst, pa, ps, runlog, count, n, q, 1 / q);
            assertResidues(
              kernels.f64(dst, n),
              sum(a, (k, i) => small[k][i >> runlog]),
              q,
            );
            x.v_dotscalar(dst, pa, pw, count, n, q, 1 / q);
            assertResidues(
              kernels.f64(dst, n),
              sum(a, (k) => w[k]),
              q,
            );
            x.ks_dot(dst, other, pd, pb, pc, count, n, q, 1 / q);
            assertResidues(
              kernels.f64(dst, n),
              sum(d, (k, i) => b[k][i]),
              q,
            );
            assertResidues(
              kernels.f64(other, n),
              sum(d, (k, i) => c[k][i]),
              q,
            );
          });
        },
      ),
      { numRuns: 15 },
    );
  });

  it('do not overflow when every term is as large as it may be', () => {
    // 2^50 - 27: its residues, unlike those of primes that are 1 mod 2^18, have odd sums, which are lost beyond 2^53.
    const q = 2 ** 50 - 27;
    const count = 64;
    const n = 64;
    const next = random(9);
    // Pairs |a| <= LAZY, b reduced whose product is just below q/2, or just above -q/2.
    const pairs = (sign: number) =>
      Array.from({ length: n * count }, () => {
        const b = 2 * Math.round((next() - 0.5) * (q / 2 - 2)) + 1;
        const target = BigInt(Math.round(sign * (0.49 - 0.13 * next()) * q));
        return {
          a: Number(centered(target * inverse(BigInt(b), q), q)) + (next() < 0.5 ? 2 * q : -2 * q),
          b,
        };
      });
    for (const sign of [1, -1]) {
      const all = pairs(sign);
      const column = (k: number, key: 'a' | 'b') => all.slice(k * n, (k + 1) * n).map((pair) => pair[key]);
      withMemory(kernels, (memory) => {
        const list = (key: 'a' | 'b') =>
          memory.i32(Array.from({ length: count }, (_, k) => memory.f64(column(k, key))));
        const [pa, pb, dst, other] = [list('a'), list('b'), memory.room(8 * n), memory.room(8 * n)];
        kernels.x.ks_dot(dst, other, pa, pb, pb, count, n, q, 1 / q);
        const want = Array.from({ length: n }, (_, i) => {
          let sum = 0n;
          for (let k = 0; k < count; k++) sum += BigInt(all[k * n + i].a) * BigInt(all[k * n + i].b);
          return sum;
        });
        assertResidues(kernels.f64(dst, n), want, q);
        assertResidues(kernels.f64(other, n), want, q);
        // The same with reduced first operands.
        for (const pair of all) pair.a = Number(centered(BigInt(pair.a), q));
        kernels.x.v_dot(dst, list('a'), pb, count, n, q, 1 / q);
        assertResidues(kernels.f64(dst, n), want, q);
      });
    }
  });
});

overBuilds('scalars', (kernels) => {
  it('multiply and raise to powers', () => {
    fc.assert(
      fc.property(cases, ({ q, seed }) => {
        const [a, b] = residues(2, q, seed);
        assertResidues([kernels.x.mod_mul(a, b, q, 1 / q)], [BigInt(a) * BigInt(b)], q);
        assert.equal(kernels.x.mod_pow(3, q - 1, q), 1);
        const e = Math.abs(b) % 1000;
        let want = 1n;
        for (let i = 0; i < e; i++) want = (want * BigInt(a)) % BigInt(q);
        const got = kernels.x.mod_pow(a, e, q);
        assert.ok(got >= 0 && got < q);
        assert.equal((BigInt(got) - want) % BigInt(q), 0n);
      }),
      RUNS,
    );
  });
});
