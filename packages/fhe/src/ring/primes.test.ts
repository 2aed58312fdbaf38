import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { builds } from '../testing/contexts.ts';
import { Modulus } from './modulus.ts';
import { centre, generatePrimes, invMod, isPrime, powMod, primitiveRoot } from './primes.ts';

function isPrimeByDivision(n: number): boolean {
  if (n < 2) return false;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}

describe('isPrime', () => {
  test('agrees with trial division', () => {
    for (let n = -3; n < 5000; n++) assert.equal(isPrime(n), isPrimeByDivision(n), `${n}`);
    fc.assert(
      fc.property(fc.integer({ min: 5000, max: 2 ** 31 }), (n) => isPrime(n) === isPrimeByDivision(n)),
    );
  });

  test('is not fooled by pseudoprimes', () => {
    // Carmichael numbers and strong pseudoprimes to the first bases (OEIS A014233, A002997).
    const composites = [
      561, 41041, 825265, 2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383, 341550071728321,
    ];
    for (const n of composites) assert.equal(isPrime(n), false, `${n}`);
    for (const n of [2 ** 31 - 1, 1125899906842597, 562949953421231]) assert.equal(isPrime(n), true, `${n}`);
    for (const n of [2.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) assert.equal(isPrime(n), false);
  });
});

describe('generatePrimes', () => {
  test('primes are distinct, = 1 mod 2N, and near the wanted size', () => {
    fc.assert(
      fc.property(
        // Thirteen bits above 2N leave some two hundred primes: eight of one size can be had.
        fc
          .integer({ min: 10, max: 17 })
          .chain((logN) =>
            fc.tuple(
              fc.constant(logN),
              fc.array(fc.integer({ min: logN + 14, max: 50 }), { minLength: 1, maxLength: 8 }),
            ),
          ),
        ([logN, bits]) => {
          const primes = generatePrimes(logN, bits);
          assert.equal(new Set(primes).size, primes.length);
          primes.forEach((q, i) => {
            assert.ok(isPrime(q) && q % 2 ** (logN + 1) === 1 && q < 2 ** 50);
            assert.ok(Math.abs(Math.log2(q) - bits[i]) < 0.2, `${q} is no ${bits[i]}-bit prime`);
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  test('avoids given primes', () => {
    const first = generatePrimes(12, [40, 40]);
    const next = generatePrimes(12, [40, 40], first);
    assert.equal(new Set([...first, ...next]).size, 4);
  });

  test('refuses sizes out of range and rings without primes', () => {
    const code = { name: 'FheError', code: 'PARAMETERS_INVALID' };
    for (const bits of [51, 16, 0, -1, 30.5, Number.NaN]) {
      assert.throws(() => generatePrimes(10, [bits]), code, `${bits}`);
    }
    assert.throws(() => generatePrimes(17, [18]), code);
    // Only a handful of 20-bit primes are 1 mod 2^17.
    assert.throws(() => generatePrimes(16, new Array(20).fill(20)), code);
  });
});

test('powers, inverses and centred representatives', () => {
  const [q] = generatePrimes(13, [50]);
  const Q = BigInt(q);
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 80n), 2n ** 80n), (a) => {
      const c = centre(a, q);
      assert.ok(Math.abs(c) <= (q - 1) / 2);
      assert.equal((a - BigInt(c)) % Q, 0n);
      const canonical = ((a % Q) + Q) % Q;
      if (canonical !== 0n) assert.equal((invMod(a, Q) * canonical) % Q, 1n);
      assert.equal(powMod(canonical, 5n, Q), canonical ** 5n % Q);
    }),
  );
});

test('a modulus takes the smallest primitive root, whichever it starts from', () => {
  const n = 1024;
  const [q] = generatePrimes(10, [17]);
  const start = BigInt(primitiveRoot(q, n));
  let smallest = q;
  for (let e = 1n; e < 2n * BigInt(n); e += 2n)
    smallest = Math.min(smallest, Number(powMod(start, e, BigInt(q))));
  for (const kernels of builds) {
    const modulus = new Modulus(kernels, q, n);
    assert.equal(modulus.root, smallest);
    assert.equal(powMod(BigInt(modulus.root), BigInt(n), BigInt(q)), BigInt(q) - 1n);
    modulus.dispose();
  }
});

test('the transform of a sub-ring gives the values that the full transform repeats in runs', () => {
  const n = 1024;
  const [q] = generatePrimes(10, [50]);
  for (const kernels of builds) {
    const modulus = new Modulus(kernels, q, n);
    for (const m of [16, 64, 512]) {
      const values = Array.from({ length: m }, (_, i) => ((i * 7919) % 1000) - 500);
      const full = kernels.arena.allocZeroed(n * 8);
      for (let i = 0; i < m; i++) kernels.f64(full, n)[(i * n) / m] = values[i];
      modulus.forward(full);
      const tables = modulus.subTables(m);
      const small = kernels.arena.alloc(m * 8);
      kernels.f64(small, m).set(values);
      kernels.x.ntt_forward(small, tables, m, q, 1 / q);
      const runs = kernels.f64(small, m);
      kernels.f64(full, n).forEach((v, i) => {
        assert.ok((v - runs[Math.floor((i * m) / n)]) % q === 0);
      });
      kernels.arena.free(small);
      kernels.arena.free(full);
    }
    modulus.dispose();
  }
});
