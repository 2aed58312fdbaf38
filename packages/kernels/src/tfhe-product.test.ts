import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tfheBskEntryBytes, tfheRotateScratchBytes } from './exports-tfhe.ts';
import { overBuilds, random, withMemory } from './testing.ts';
import { coefficientOf, distance, makeTables, toInteger, torusVector, toTorus } from './tfhe-testing.ts';

const ONE = 1n << 52n;
const [N, k, baseLog] = [2048, 1, 23];

/** X^a * p */
const rotate = (p: bigint[], a: number): bigint[] =>
  p.map((_, j) => {
    const from = (((j - a) % (2 * N)) + 2 * N) % (2 * N);
    return from < N ? p[from] : -p[from - N];
  });

/** The digit of a torus integer: the nearest multiple of 2^(52 - baseLog) modulo 1, in [-1/2, 1/2). */
function digit(x: bigint): bigint {
  const unit = 1n << BigInt(52 - baseLog);
  const wrapped = (((x + ONE / 2n) % ONE) + ONE) % ONE;
  return (wrapped - ONE / 2n + unit / 2n) >> BigInt(52 - baseLog);
}

/**
 * The default parameters' products against exact integers. Through a key of N bits an error of 2^-25.7 per coefficient is
 * 2^-20.7 in the phase and 2^-15.8 after 918 steps, a little more than half of what rounding to digits adds.
 */
overBuilds('external product', (kernels) => {
  it('is within 2^-23 of the exact one, standard deviation below 2^-25.5', () => {
    const next = random(5);
    // Two steps. The first is made so that its exact result is known to fall on multiples of 2^-22: no doubt about
    // the digits of the second, whose key is arbitrary and whose accumulator fills both polynomials.
    const coarse = (values: number[]) => values.map((v) => Math.round(v * 2 ** 22) / 2 ** 22);
    const lut = coarse(torusVector(N, 1).map((v) => (Math.abs(v) === 0.5 ? -0.5 : v * 0.99)));
    const sparse = Array.from({ length: N }, () => (next() < 0.01 ? (next() < 0.5 ? 1 : -1) * 2 ** -22 : 0));
    const sparse2 = Array.from({ length: N }, () => (next() < 0.01 ? 3 * 2 ** -22 : 0));
    const first = [new Array<number>(N).fill(0), new Array<number>(N).fill(0), sparse, sparse2];
    const second = [3, 4, 5, 6].map((seed) => torusVector(N, seed));
    const [b, a1, a2] = [0, 777, 3001];

    withMemory(kernels, (memory) => {
      const tables = makeTables(memory, N);
      const entry = tfheBskEntryBytes(N, k, 1);
      const bsk = memory.room(2 * entry);
      const scratch = memory.room(tfheRotateScratchBytes(N, k, 1));
      for (const [i, rows] of [first, second].entries()) {
        kernels.x.tfhe_bsk_row(bsk + i * entry, memory.f64(rows.flat()), N, k, 1, baseLog, tables, scratch);
      }
      const acc = memory.room(16 * N);
      const luts = memory.i32([memory.f64(lut)]);
      kernels.x.tfhe_blind_rotate(
        acc,
        luts,
        memory.i32([a1, a2, b]),
        bsk,
        2,
        N,
        k,
        1,
        baseLog,
        tables,
        scratch,
        1,
      );
      const got = kernels.f64(acc, 2 * N);

      const L = lut.map(toInteger);
      const d1 = rotate(L, a1).map((r, j) => digit(r - L[j]));
      const S = [sparse, sparse2].map((row) => row.map(toInteger));
      const acc1 = S.map((row, c) => L.map((l, j) => (c === 1 ? l : 0n) + coefficientOf(d1, row, j)));
      for (const x of acc1.flat()) assert.equal(x % (1n << 30n), 0n);
      const d2 = acc1.map((poly) => rotate(poly, a2).map((r, j) => digit(r - poly[j])));
      const rows = second.map((row) => row.map(toInteger));
      let [worst, squares] = [0, 0];
      const samples = 400;
      for (let i = 0; i < samples; i++) {
        const [c, j] = [i % 2, Math.floor(next() * N)];
        const exact = acc1[c][j] + coefficientOf(rows[c], d2[0], j) + coefficientOf(rows[2 + c], d2[1], j);
        const error = distance(got[c * N + j], toTorus(exact));
        worst = Math.max(worst, error);
        squares += error * error;
      }
      const deviation = Math.sqrt(squares / samples);
      assert.ok(worst < 2 ** -23, `error 2^${Math.log2(worst)}`);
      assert.ok(deviation < 2 ** -25.5, `standard deviation 2^${Math.log2(deviation)}`);
      // An exact result would mean that the test compares something with itself.
      assert.ok(deviation > 0);
    });
  });
});
