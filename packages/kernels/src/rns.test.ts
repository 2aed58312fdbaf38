import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { assertResidues, centered, inverse, mod, overBuilds, random, withMemory } from './testing.ts';

/** Twelve odd primes of 16 to 50 bits, none repeated; products of eight exceed 300 bits. */
const POOL = [
  1125899902124033, 562949950537729, 1099510054913, 65537, 1125899906842597, 1125899906842589,
  281474976710597, 140737488355213, 1073741789, 65539, 1125899906842573, 1125899906842553,
];

const bases = fc.shuffledSubarray(POOL, { minLength: 2, maxLength: POOL.length }).chain((primes) =>
  fc.integer({ min: 1, max: Math.min(8, primes.length - 1) }).map((k) => ({
    sources: primes.slice(0, k),
    targets: primes.slice(k),
  })),
);

const product = (moduli: number[]) => moduli.reduce((p, q) => p * BigInt(q), 1n);

/** Centered integers modulo Q: small ones, uniform ones, and ones next to the ends. */
function values(n: number, Q: bigint, seed: number): bigint[] {
  const next = random(seed);
  const uniform = () => {
    let v = 0n;
    for (let i = 0; i < 8; i++) v = (v << 53n) | BigInt(Math.floor(next() * 2 ** 53));
    return centered(v, Q);
  };
  const h = Q / 2n;
  const margin = Q >> 44n;
  const ends = [0n, 1n, -1n, h - margin, margin - h, Q / 3n];
  return Array.from({ length: n }, () =>
    next() < 0.3
      ? ends[Math.floor(next() * ends.length)]
      : next() < 0.5
        ? uniform() >> BigInt(Math.floor(next() * 99))
        : uniform(),
  );
}

/** The centered residue, or its neighbour when both are reduced: what the kernels may be given. */
const limb = (v: bigint, q: number) => Number(centered(v, q));

overBuilds('residue number system', (kernels) => {
  const { x } = kernels;

  it('converts bases exactly', () => {
    fc.assert(
      fc.property(bases, fc.integer({ min: 1, max: 40 }), fc.nat(), ({ sources, targets }, blocks, seed) => {
        const [n, k, m, Q] = [8 * blocks, sources.length, targets.length, product(sources)];
        const input = values(n, Q, seed + 1);
        withMemory(kernels, (memory) => {
          const consts: number[] = [];
          for (const q of sources) {
            const hat = Q / BigInt(q);
            consts.push(q, 1 / q, limb(inverse(hat, q), q));
          }
          for (const p of targets) {
            consts.push(p, 1 / p, limb(Q, p), ...sources.map((q) => limb(Q / BigInt(q), p)));
          }
          const from = memory.i32(sources.map((q) => memory.f64(input.map((v) => limb(v, q)))));
          const rooms = targets.map(() => memory.room(8 * n));
          x.bconv(memory.i32(rooms), from, memory.f64(consts), k, m, n);
          for (const [j, p] of targets.entries()) assertResidues(kernels.f64(rooms[j], n), input, p);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('reconstructs centered integers as doubles', () => {
    fc.assert(
      fc.property(bases, fc.integer({ min: 1, max: 10 }), fc.nat(), ({ sources }, blocks, seed) => {
        const [n, k, Q] = [8 * blocks, sources.length, product(sources)];
        const input = values(n, Q, seed + 1);
        withMemory(kernels, (memory) => {
          const consts = sources.flatMap((q, i) => [
            q,
            1 / q,
            ...sources.slice(0, i).map((a) => limb(inverse(BigInt(a), q), q)),
          ]);
          const from = memory.i32(sources.map((q) => memory.f64(input.map((v) => limb(v, q)))));
          const dst = memory.room(8 * n);
          x.crt_to_f64(dst, from, memory.f64(consts), k, n);
          const got = kernels.f64(dst, n);
          for (const [i, want] of input.entries()) {
            const magnitude = want < 0n ? -want : want;
            if (magnitude < 2n ** 53n) {
              assert.equal(got[i], Number(want));
            } else {
              const error = Math.abs(Number(BigInt(got[i]) - want)) / Number(magnitude);
              assert.ok(error <= k * 2 ** -52, `relative error ${error} of ${want}`);
            }
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  it('quantizes doubles far beyond 2^53', () => {
    fc.assert(
      fc.property(fc.constantFrom(...POOL), fc.nat(), fc.integer({ min: 0, max: 50 }), (q, seed, bits) => {
        const n = 64;
        const next = random(seed + 1);
        const scale = 2 ** bits * 1.25;
        const limit = (q * 2 ** 51 * 0.999) / scale;
        const input = Array.from(
          { length: n },
          () => (2 * next() - 1) * limit * 2 ** -Math.floor(next() * 80),
        );
        input[0] = 0.5 / scale;
        input[1] = -2.5 / scale;
        withMemory(kernels, (memory) => {
          const data = memory.f64(input);
          x.f_quantize(data, data, scale, n, q, 1 / q);
          const rint = (v: number) => {
            const r = Math.round(v);
            return r - v === 0.5 && r % 2 !== 0 ? r - 1 : r;
          };
          const want = input.map((v) => BigInt(rint(v * scale)));
          assertResidues(kernels.f64(data, n), want, q);
          assert.equal(mod(want[0], q), 0n);
        });
      }),
      { numRuns: 60 },
    );
  });
});
