import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Kernels } from './kernels.ts';
import {
  assertResidues,
  bitReverse,
  builds,
  centered,
  integers,
  inverse,
  LAZY,
  minimalRoot,
  mod,
  NEAR_2_50,
  overBuilds,
  PRIMES,
  pow,
  random,
  residues,
  withMemory,
} from './testing.ts';

/** out[i] by Horner's rule at psi^(2*brv(i)+1) */
function evaluate(a: number[], i: number, root: number, q: number): bigint {
  const point = pow(BigInt(root), BigInt(2 * bitReverse(i, Math.log2(a.length)) + 1), q);
  let value = 0n;
  for (let j = a.length - 1; j >= 0; j--) value = (value * point + BigInt(a[j])) % BigInt(q);
  return value;
}

/** Forward and back; `positions` of the forward result are compared with direct evaluation. */
function check(kernels: Kernels, a: number[], q: number, root: number, positions: number[]): void {
  const { x } = kernels;
  const n = a.length;
  withMemory(kernels, (memory) => {
    const tables = memory.room(32 * n);
    const data = memory.f64(a);
    x.ntt_tables(tables, n, q, root);
    x.ntt_forward(data, tables, n, q, 1 / q);
    const out = kernels.f64(data, n).slice();
    assertResidues(
      positions.map((i) => out[i]),
      positions.map((i) => evaluate(a, i, root, q)),
      q,
    );
    for (const value of out) assert.ok(Math.abs(value) <= q / 2 + 1);
    x.ntt_inverse(data, tables, n, q, 1 / q);
    assertResidues(kernels.f64(data, n), a.map(BigInt), q);
  });
}

/** mulmod_pre of lanes.h: the residue that the kernels compute for x*w, which depends on how the quotient rounds. */
function lazyProduct(x: number, w: bigint, q: number): number {
  const ratio = Number(w) / q;
  const quotient = x * ratio;
  const down = Math.floor(quotient);
  const rest = quotient - down;
  const k = rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
  return Number(BigInt(x) * w - BigInt(k) * BigInt(q));
}

/**
 * An input on which the unmultiplied lane 0 grows as fast as it can: 2q at position 0, and at position n/2^(s+1), which
 * meets W[2^s] in stage s and nothing before, the x in [-2q, 2q] with the largest product found. Products come out
 * above q/2 where the quotient is rounded the wrong way.
 */
function growing(n: number, q: number, root: number): { input: number[]; peak: number } {
  const next = random(n);
  const logn = Math.log2(n);
  const input = new Array<number>(n).fill(0);
  input[0] = 2 * q;
  let peak = 2 * q;
  for (let stage = 0; stage < logn; stage++) {
    const power = pow(BigInt(root), BigInt(bitReverse(2 ** stage, logn)), q);
    const w = centered(power, q);
    const back = inverse(power, q);
    let best = 0;
    for (let trial = 0; trial < 300; trial++) {
      const target = BigInt(Math.round((0.49 + 0.13 * next()) * q));
      const x = Number(mod(target * back, q)) + (trial & 1 ? q : -2 * q);
      const product = lazyProduct(x, w, q);
      if (product > best) {
        best = product;
        input[n >> (stage + 1)] = x;
      }
    }
    peak += best;
  }
  return { input, peak };
}

overBuilds('negacyclic NTT', (kernels) => {
  it('equals evaluation at the odd powers of the root, for every position', () => {
    for (const q of PRIMES) {
      for (const n of [16, 32, 64, 256]) {
        const positions = Array.from({ length: n }, (_, i) => i);
        check(kernels, integers(n, 2 * q, n + 1), q, minimalRoot(n, q), positions);
      }
    }
  });

  it('has the stated ranges for large n', () => {
    for (const q of PRIMES) {
      for (const n of [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072]) {
        if ((q - 1) % (2 * n) !== 0) continue;
        const root = pow(BigInt(deepRoot(q)), BigInt(order(q) / (2 * n)), q);
        check(kernels, integers(n, 2 * q, n + 1), q, Number(root), [0, 1, n - 1]);
      }
    }
  });

  it('stays exact on the input that grows fastest', () => {
    for (const q of [NEAR_2_50, PRIMES[1]]) {
      for (const n of [16, 256, 4096, 8192, 16384, 131072]) {
        const root = Number(pow(BigInt(deepRoot(q)), BigInt(order(q) / (2 * n)), q));
        const { input, peak } = growing(n, q, root);
        // Without reductions on the way these sums would pass 2^53.
        if (q === NEAR_2_50 && n >= 4096) assert.ok(peak > 2 ** 53, `${n}: only ${peak / q} q`);
        const positions = n > 16384 ? [0, 1] : [0, 1, 2, 3, n / 2];
        check(kernels, input, q, root, positions);
        check(
          kernels,
          input.map((v) => -v),
          q,
          root,
          positions,
        );
      }
    }
  });

  it('gives the same residues below 3.25*2^50 from another place when lazy', () => {
    for (const q of PRIMES) {
      for (const n of [16, 32, 2048, 4096, 8192, 16384]) {
        if ((q - 1) % (2 * n) !== 0) continue;
        const root = Number(pow(BigInt(deepRoot(q)), BigInt(order(q) / (2 * n)), q));
        for (const input of [integers(n, 2 * q, n + 3), growing(n, q, root).input]) {
          withMemory(kernels, (memory) => {
            const { x } = kernels;
            const tables = memory.room(32 * n);
            const [src, dst, plain] = [memory.f64(input), memory.room(8 * n), memory.f64(input)];
            x.ntt_tables(tables, n, q, root);
            x.ntt_forward(plain, tables, n, q, 1 / q);
            const residue = (v: number) => mod(BigInt(v), q);
            const want = [...kernels.f64(plain, n)].map(residue);
            x.ntt_forward_lazy(dst, src, tables, n, q, 1 / q);
            assert.deepEqual([...kernels.f64(src, n)], input);
            const out = kernels.f64(dst, n).slice();
            for (const value of out) assert.ok(Math.abs(value) <= LAZY);
            assert.deepEqual([...out].map(residue), want);
            x.ntt_forward_lazy(src, src, tables, n, q, 1 / q);
            assert.deepEqual(kernels.f64(src, n), out);
          });
        }
      }
    }
  });

  it('inverts values that add up without cancelling', () => {
    const q = NEAR_2_50;
    for (const n of [16, 32, 8192, 131072]) {
      const root = Number(pow(BigInt(deepRoot(q)), BigInt(order(q) / (2 * n)), q));
      withMemory(kernels, (memory) => {
        const tables = memory.room(32 * n);
        kernels.x.ntt_tables(tables, n, q, root);
        for (const value of [Math.floor(q / 2 + 1), -Math.floor(q / 2 + 1)]) {
          const data = memory.f64(new Array(n).fill(value));
          kernels.x.ntt_inverse(data, tables, n, q, 1 / q);
          const want = new Array(n).fill(0n);
          want[0] = BigInt(value);
          assertResidues(kernels.f64(data, n), want, q);
        }
      });
    }
  });

  it('multiplies polynomials modulo X^n + 1', () => {
    const [n, q] = [64, NEAR_2_50];
    const [a, b] = [residues(n, q, 1), residues(n, q, 2)];
    const want = new Array<bigint>(n).fill(0n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const product = BigInt(a[i]) * BigInt(b[j]);
        want[(i + j) % n] += i + j < n ? product : -product;
      }
    }
    withMemory(kernels, (memory) => {
      const tables = memory.room(32 * n);
      const [pa, pb] = [memory.f64(a), memory.f64(b)];
      kernels.x.ntt_tables(tables, n, q, minimalRoot(n, q));
      kernels.x.ntt_forward(pa, tables, n, q, 1 / q);
      kernels.x.ntt_forward(pb, tables, n, q, 1 / q);
      kernels.x.v_mul(pa, pa, pb, n, q, 1 / q);
      kernels.x.ntt_inverse(pa, tables, n, q, 1 / q);
      assertResidues(kernels.f64(pa, n), want, q);
    });
  });

  it('finds the minimal root', () => {
    for (const q of PRIMES) {
      for (const n of [16, 1024]) {
        const want = minimalRoot(n, q);
        for (const e of [1n, 3n, BigInt(2 * n - 1)]) {
          assert.equal(kernels.x.ntt_min_root(n, q, Number(pow(BigInt(want), e, q))), want);
        }
      }
    }
  });
});

describe('all builds', () => {
  it('give the same bits in the tables and the transforms', () => {
    for (const q of PRIMES) {
      const n = q === 65537 ? 1024 : 8192;
      const root = Number(pow(BigInt(deepRoot(q)), BigInt(order(q) / (2 * n)), q));
      const results = builds.map((kernels) =>
        withMemory(kernels, (memory) => {
          const tables = memory.room(32 * n);
          const [up, down] = [memory.f64(integers(n, 2 * q, 5)), memory.f64(residues(n, q, 6))];
          const lazy = memory.f64(integers(n, 2 * q, 7));
          kernels.x.ntt_tables(tables, n, q, root);
          kernels.x.ntt_forward(up, tables, n, q, 1 / q);
          kernels.x.ntt_inverse(down, tables, n, q, 1 / q);
          kernels.x.ntt_forward_lazy(lazy, lazy, tables, n, q, 1 / q);
          return [tables, up, down, lazy].map((ptr) =>
            Buffer.from(kernels.u8(ptr, (ptr === tables ? 32 : 8) * n)).toString('base64'),
          );
        }),
      );
      for (const result of results) assert.deepEqual(result, results[0]);
    }
  });
});

/** The order of the root of {@link deepRoot}. */
function order(q: number): number {
  return q === 65537 ? 2 ** 16 : 2 ** 18;
}

/** Some primitive root of unity of the largest order that the primes of these tests share. */
function deepRoot(q: number): number {
  for (let x = 2n; ; x++) {
    const root = pow(x, BigInt((q - 1) / order(q)), q);
    if (pow(root, BigInt(order(q) / 2), q) === BigInt(q) - 1n) return Number(root);
  }
}
