/**
 * The derivation of the lazy ranges of ntt.c and lanes.h, in exact integers scaled by 2^64: no value passes 7*2^50
 * inside a transform or 6*2^50 before the last reduce, for the largest moduli and every n. @module
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PRIMES } from './testing.ts';

const ONE = 1n << 64n;
const LAZY_LIMIT = 7n << 50n;
const FINAL_LIMIT = 6n << 50n;
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

/** Follows ntt_forward: bounds after each stage, with the reductions that it decides on. */
function forward(
  logn: number,
  q: bigint,
  reductions: boolean,
): { largest: bigint; last: bigint; reduced: number } {
  let bound = 2n * q;
  let largest = bound;
  let reduced = 0;
  const stage = (b: bigint) => b + product(b, q);
  const pass = (b: bigint) => stage(stage(b));
  let left = logn - 3;
  if (left & 1) {
    bound = stage(bound);
    left--;
  }
  for (; left > 0; left -= 2) {
    let next = pass(bound);
    const tight = next > LAZY_LIMIT || (left === 2 && stage(pass(next)) > FINAL_LIMIT);
    if (tight && reductions) {
      next = stage(q / 2n + 3n + product(bound, q));
      reduced++;
    }
    bound = next;
    if (bound > largest) largest = bound;
  }
  return { largest, last: stage(pass(bound)), reduced };
}

describe('lazy ranges', () => {
  it('of the forward transform stay below their limits', () => {
    for (const modulus of MODULI) {
      for (let logn = 4; logn <= 17; logn++) {
        const { largest, last } = forward(logn, BigInt(modulus), true);
        assert.ok(largest <= LAZY_LIMIT, `${modulus} ${logn}: ${largest}`);
        assert.ok(last <= FINAL_LIMIT, `${modulus} ${logn}: ${last}`);
      }
    }
  });

  it('need the reductions: without them the largest moduli overflow', () => {
    assert.ok(forward(13, BigInt(MODULI[0]), false).last > 1n << 53n);
    assert.ok(forward(13, BigInt(MODULI[0]), true).reduced >= 1);
    assert.equal(forward(17, BigInt(PRIMES[2]), true).reduced, 0);
  });

  it('of the inverse transform return to where they started after each pass', () => {
    for (const modulus of MODULI) {
      const q = BigInt(modulus);
      const start = q / 2n + 2n;
      // Three stages in registers: x0 holds the sums of sums (8 inputs) and of first products (4), and is reduced;
      // x1 is the sum of two products of the second stage, x2 and x3 are products.
      assert.ok(8n * start <= FINAL_LIMIT && 4n * product(2n * start, q) <= FINAL_LIMIT);
      const largest = (values: bigint[]) => values.sort((a, b) => (a < b ? 1 : -1))[0];
      let bound = largest([start, 2n * product(4n * start, q), product(8n * start, q)]);
      // Radix-4 passes: u + v is reduced, the rest is at most a sum of two products.
      for (let pass = 0; pass < 8; pass++) {
        assert.ok(4n * bound <= FINAL_LIMIT, `${modulus} pass ${pass}: ${bound}`);
        bound = largest([start, 2n * product(2n * bound, q), product(4n * bound, q)]);
      }
      assert.ok(product(4n * bound, q) <= FINAL_LIMIT);
    }
  });

  it('of sums of products stay below 6*2^50', () => {
    for (const modulus of MODULI) {
      const q = BigInt(modulus);
      // dot.c: |x|, |y| <= q/2 + 1, three roundings of x*y/q; six products and a reduced accumulator.
      const term = (x: bigint) => {
        const rounding = (3n * x * (q / 2n + 2n) * ONE) / q / (1n << 53n);
        return q / 2n + 1n + (q * rounding) / ONE + 1n;
      };
      assert.ok(6n * term(q / 2n + 2n) + q / 2n + 2n <= FINAL_LIMIT);
      // ks_dot adds at most three products of what ntt_forward_lazy leaves.
      assert.ok(3n * term(FINAL_LIMIT) + q / 2n + 2n <= FINAL_LIMIT);
      // v_submulscatter: a difference of at most 7*2^50 times a scalar, and a reduced residue.
      assert.ok(product(LAZY_LIMIT, q) + q / 2n + 2n <= FINAL_LIMIT);
    }
  });
});
