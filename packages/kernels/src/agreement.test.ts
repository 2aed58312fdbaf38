/** Modular arithmetic is exact: all builds must give the same bits, signs of zero included. @module */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Kernels } from './kernels.ts';
import { builds, integers, LAZY, type Memory, PRIMES, residues, withMemory } from './testing.ts';

const N = 512;

/** Each operation writes N doubles to dst; a, b are reduced, wide is |x| <= 2q. */
const OPERATIONS: Record<string, (k: Kernels, m: Memory, dst: number, q: number) => void> = {
  v_add: (k, m, dst, q) => k.x.v_add(dst, m.f64(residues(N, q, 1)), m.f64(residues(N, q, 2)), N, q, 1 / q),
  v_sub: (k, m, dst, q) => k.x.v_sub(dst, m.f64(residues(N, q, 1)), m.f64(residues(N, q, 2)), N, q, 1 / q),
  v_neg: (k, m, dst, q) => k.x.v_neg(dst, m.f64(residues(N, q, 1)), N),
  v_reduce: (k, m, dst, q) => k.x.v_reduce(dst, m.f64(integers(N, 2 ** 52 - 1, 1)), N, q, 1 / q),
  v_mul: (k, m, dst, q) => k.x.v_mul(dst, m.f64(residues(N, q, 1)), m.f64(residues(N, q, 2)), N, q, 1 / q),
  v_muladd: (k, m, dst, q) =>
    k.x.v_muladd(dst, m.f64(residues(N, q, 1)), m.f64(residues(N, q, 2)), N, q, 1 / q),
  v_mulscalar: (k, m, dst, q) => k.x.v_mulscalar(dst, m.f64(residues(N, q, 1)), 1 - (q - 1) / 2, N, q, 1 / q),
  v_submulscalar: (k, m, dst, q) =>
    k.x.v_submulscalar(
      dst,
      m.f64(integers(N, 2 ** 51, 1)),
      m.f64(integers(N, 2 ** 51, 2)),
      12345,
      N,
      q,
      1 / q,
    ),
  v_submuladd: (k, m, dst, q) => {
    const [a, b, c] = [residues(N, q, 1), integers(N, LAZY, 2), residues(N, q, 3)].map((v) => m.f64(v));
    k.x.v_submuladd(dst, a, b, c, 12345, N, q, 1 / q);
  },
  v_mulrun: (k, m, dst, q) =>
    k.x.v_mulrun(dst, m.f64(residues(N, q, 1)), m.f64(residues(N / 4, q, 2)), 2, N, q, 1 / q),
  ks_dot: (k, m, dst, q) => {
    const list = (seed: number, limit: number) =>
      m.i32(Array.from({ length: 20 }, (_, i) => m.f64(integers(N, limit, seed + i))));
    const half = Math.floor(q / 2 + 1);
    k.x.ks_dot(dst, m.room(8 * N), list(1, LAZY), list(30, half), list(60, half), 20, N, q, 1 / q);
  },
  v_dot: (k, m, dst, q) => {
    const list = (seed: number) =>
      m.i32(Array.from({ length: 20 }, (_, i) => m.f64(residues(N, q, seed + i))));
    k.x.v_dot(dst, list(1), list(30), 20, N, q, 1 / q);
  },
  bconv: (k, m, dst, q) => {
    const sources = m.i32([1, 2, 3].map((seed) => m.f64(residues(N, q, seed))));
    const consts = [1, 2, 3].flatMap((i) => [q, 1 / q, i * 1000]).concat(q, 1 / q, 77, 555, 666, 888);
    k.x.bconv(m.i32([dst]), sources, m.f64(consts), 3, 1, N);
  },
  crt_to_f64: (k, m, dst, q) => {
    const sources = m.i32([1, 2].map((seed) => m.f64(residues(N, q, seed))));
    k.x.crt_to_f64(dst, sources, m.f64([q, 1 / q, q, 1 / q, 4321]), 2, N);
  },
  f_quantize: (k, m, dst, q) =>
    k.x.f_quantize(dst, m.f64(residues(N, q, 1).map((v) => v / 3)), 2 ** 40 / 3, N, q, 1 / q),
};

describe('all builds', () => {
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    it(`give the same bits for ${name}`, () => {
      for (const q of PRIMES) {
        const [first, ...others] = builds.map((kernels) =>
          withMemory(kernels, (memory) => {
            const dst = memory.f64(new Array(N).fill(1));
            operation(kernels, memory, dst, q);
            return kernels.f64(dst, N).slice();
          }),
        );
        assert.notDeepEqual(first, new Float64Array(N).fill(1));
        for (const other of others) {
          assert.deepEqual(new Uint8Array(other.buffer), new Uint8Array(first.buffer), `modulo ${q}`);
        }
      }
    });
  }
});
