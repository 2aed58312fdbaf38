/**
 * The derivation of the lazy ranges of ntt.c and lanes.h, in exact integers scaled by 2^64: nothing above 2^52 is
 * multiplied, nothing above 3.25*2^50 leaves a transform and nothing above 6*2^50 is reduced, for the largest moduli and
 * every n. @module
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PRIMES } from './testing.ts';

const ONE = 1n << 64n;
const LAZY_LIMIT = 1n << 52n;
const FINAL_LIMIT = 13n << 48n;
const REDUCE_LIMIT = 6n << 50n;
/** The largest modulus that is allowed at all (not a prime: the ranges only use its size). */
const MODULI = [2 ** 50 - 1, ...PRIMES];

/**
 * Largest |x*w - k*q| / q - 1/2 for |x| <= bound, scaled: the error of the number that is rounded to k.
 * w/q in [-1/2, 1/2] is rounded by at most 2^-55; the product x*(w/q) by half an ulp of the largest double below it.
 */
function quotientError(bound: bigint): bigint {
  const twiddle = (bound * ONE) >> 55n;
  let power = 1n;
  while (2n * power < bound) power *= 2n;
  return twiddle + ((power * ONE) >> 54n);
}

/** Largest result of mulmod_pre, rounded up. */
const product = (bound: bigint, q: bigint) => q / 2n + 1n + (q * quotientError(bound)) / ONE + 1n;

/** Follows ntt_forward: the bound after each stage, with the reductions that it decides on. */
function forward(logn: number, q: bigint, reductions: boolean): { bounds: bigint[]; reduced: number } {
  const bounds = [2n * q];
  let reduced = 0;
  const stage = (b: bigint) => b + product(b, q);
  for (let s = 0; s < logn; s++) {
    const bound = bounds[s];
    let next = stage(bound);
    const tight =
      s < logn - 3 && (next > LAZY_LIMIT || (s === logn - 4 && stage(stage(stage(next))) > FINAL_LIMIT));
    if (tight && reductions) {
      next = q / 2n + 3n + product(bound, q);
      reduced++;
    }
    bounds.push(next);
  }
  return { bounds, reduced };
}

describe('lazy ranges', () => {
  it('of the forward transform stay below their limits', () => {
    for (const modulus of MODULI) {
      for (let logn = 4; logn <= 17; logn++) {
        const { bounds } = forward(logn, BigInt(modulus), true);
        for (const bound of bounds) assert.ok(bound <= LAZY_LIMIT, `${modulus} ${logn}: ${bound}`);
        assert.ok(bounds[logn] <= FINAL_LIMIT, `${modulus} ${logn}: ${bounds[logn]}`);
      }
    }
  });

  it('need the reductions: without them the largest moduli overflow', () => {
    assert.ok(forward(13, BigInt(MODULI[0]), false).bounds[13] > 1n << 53n);
    assert.ok(forward(13, BigInt(MODULI[0]), true).reduced >= 1);
    assert.equal(forward(17, BigInt(PRIMES[2]), true).reduced, 0);
  });

  it('of the inverse transform return to where they started after each pair of stages', () => {
    for (const modulus of MODULI) {
      const q = BigInt(modulus);
      const start = q / 2n + 2n;
      const larger = (x: bigint, y: bigint) => (x > y ? x : y);
      // Distances 1, 2 and 4: a difference of sums of four inputs at most, and of first products.
      const first = larger(2n * start, product(2n * start, q));
      assert.ok(4n * start <= LAZY_LIMIT && 4n * first <= REDUCE_LIMIT);
      let bound = larger(start, larger(product(4n * start, q), product(2n * first, q)));
      const large = modulus > 2 ** 53 / 12;
      for (let pair = 0; pair < 8; pair++) {
        const products = product(2n * bound, q);
        assert.ok(4n * bound <= LAZY_LIMIT, `${modulus} pair ${pair}: ${bound}`);
        assert.ok(2n * products <= LAZY_LIMIT);
        // Sums of two products are reduced only where the modulus is large; sums of sums always, and before the end.
        bound = larger(start, product(4n * bound, q));
        if (!large) bound = larger(bound, 2n * products);
      }
      // The last stage multiplies a sum, which may be one of sums, and a difference.
      assert.ok(4n * bound <= LAZY_LIMIT && product(4n * bound, q) <= REDUCE_LIMIT);
    }
  });

  it('of quotients stay below 2^51', () => {
    for (const modulus of MODULI) {
      const q = BigInt(modulus);
      // mulmod_pre: |w| <= (q - 1)/2, w/q rounded, their product rounded; ks_dot: three roundings, a reduced factor.
      const ulps = (x: bigint, roundings: bigint) => x + (x * roundings) / (1n << 52n) + 1n;
      assert.ok(ulps((LAZY_LIMIT * (q - 1n) * 2n) / (4n * q), 1n) <= 1n << 51n, `${modulus}`);
      assert.ok(ulps((FINAL_LIMIT * (q / 2n + 2n)) / q, 3n) <= 1n << 51n);
    }
  });

  it('of sums of products stay below what may be reduced', () => {
    for (const modulus of MODULI) {
      const q = BigInt(modulus);
      // dot.c: |x|, |y| <= q/2 + 1, three roundings of x*y/q; six products and a reduced accumulator.
      const term = (x: bigint) => {
        const rounding = (3n * x * (q / 2n + 2n) * ONE) / q / (1n << 53n);
        return q / 2n + 1n + (q * rounding) / ONE + 1n;
      };
      assert.ok(6n * term(q / 2n + 2n) + q / 2n + 2n <= REDUCE_LIMIT);
      // ks_dot adds at most three products of what ntt_forward_lazy leaves.
      assert.ok(3n * term(FINAL_LIMIT) + q / 2n + 2n <= REDUCE_LIMIT);
      // v_submuladd: a reduced value less the same, times a scalar, and another one.
      assert.ok(FINAL_LIMIT + q / 2n + 2n <= LAZY_LIMIT);
      assert.ok(product(LAZY_LIMIT, q) + q / 2n + 2n <= REDUCE_LIMIT);
    }
  });
});
