import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { generatePrimes, isPrime } from '../ring/primes.ts';
import { maxLogQP, smallestLogN } from '../security/limits.ts';
import { createParameters, literalFromBits, type ParametersLiteral } from './parameters.ts';

const invalid = { name: 'FheError', code: 'PARAMETERS_INVALID' };
const insecure = { name: 'FheError', code: 'PARAMETERS_INSECURE' };

/** ePrint 2024/463, table 5.2: ternary secrets, classical 128 bits. Written down again, so that a slip shows. */
const TABLE: [number, number][] = [
  [10, 26],
  [11, 53],
  [12, 106],
  [13, 214],
  [14, 430],
  [15, 868],
  [16, 1747],
];

/** `count` primes = 1 mod 2N, the largest below 2^bits. */
function primesBelow(logN: number, bits: number, count: number, used: number[] = []): number[] {
  const step = 2 ** (logN + 1);
  const found: number[] = [];
  for (let q = 2 ** bits + 1 - step; found.length < count; q -= step) {
    assert.ok(q > 2 ** (bits - 1));
    if (isPrime(q) && !used.includes(q)) found.push(q);
  }
  return found;
}

/** Primes just below powers of two whose sizes add up to `total` bits. */
function chain(logN: number, total: number): number[] {
  const count = Math.ceil(total / 49);
  const small = Math.floor(total / count);
  const large = total - small * count;
  return [...primesBelow(logN, small, count - large), ...primesBelow(logN, small + 1, large)];
}

describe('the 128-bit table', () => {
  for (const [logN, limit] of TABLE) {
    test(`N = 2^${logN} holds ${limit} bits and not one more`, () => {
      assert.equal(maxLogQP(logN), limit);
      const q = chain(logN, limit);
      const accepted = createParameters({ logN, q: q.slice(0, 32), p: q.slice(32) });
      assert.ok(accepted.logQP > limit - 1 && accepted.logQP <= limit, `${accepted.logQP}`);
      const above = chain(logN, limit + 1);
      const literal = { logN, q: above.slice(0, 32), p: above.slice(32) };
      assert.throws(() => createParameters(literal), insecure);
      assert.equal(createParameters({ ...literal, insecure: true }).logQP > limit, true);
    });
  }

  test('special primes count', () => {
    const q = primesBelow(13, 49, 5);
    assert.ok(createParameters({ logN: 13, q: q.slice(0, 3), p: q.slice(3, 4) }));
    assert.throws(() => createParameters({ logN: 13, q: q.slice(0, 3), p: q.slice(3) }), insecure);
  });

  test('there is no limit for 2^17: it is insecure until a standard says otherwise', () => {
    const q = primesBelow(17, 49, 1);
    assert.throws(() => createParameters({ logN: 17, q, p: [] }), insecure);
    assert.equal(createParameters({ logN: 17, q, p: [], insecure: true }).n, 2 ** 17);
  });

  test('smallestLogN finds the first ring that holds', () => {
    for (const [logN, limit] of TABLE) {
      assert.equal(smallestLogN(limit), logN);
      assert.equal(smallestLogN(limit + 0.001), logN === 16 ? undefined : logN + 1);
    }
    assert.equal(smallestLogN(0), 10);
  });
});

describe('createParameters refuses', () => {
  const good: ParametersLiteral = { logN: 13, q: generatePrimes(13, [50, 40]), p: generatePrimes(13, [49]) };
  const refuse = (change: Record<string, unknown>) =>
    assert.throws(() => createParameters({ ...good, ...change } as unknown as ParametersLiteral), invalid);

  test('what is not a set of parameters', () => {
    for (const value of [null, undefined, 7, 'q', []]) {
      assert.throws(() => createParameters(value as unknown as ParametersLiteral), invalid);
    }
  });
  test('ring degrees', () => {
    for (const logN of [9, 18, 13.5, '13', undefined, Number.NaN]) refuse({ logN });
  });
  test('lists', () => {
    for (const q of [[], undefined, 'q', { length: 2 }, new Array(33).fill(good.q[0])]) refuse({ q });
    for (const p of [undefined, 5, new Array(9).fill(good.p[0])]) refuse({ p });
  });
  test('moduli that are no NTT primes of the ring', () => {
    const composite = 16384 * 3 + 1;
    const tooLarge = 2 ** 50 + 1 + 16384 * 46;
    const anotherRing = generatePrimes(10, [40]).filter((q) => q % 16384 !== 1);
    assert.equal(anotherRing.length, 1);
    for (const q of [composite, tooLarge, 65539, 1, 0, -1, 2.5, Number.NaN, '65537', null, ...anotherRing]) {
      refuse({ q: [q] });
      refuse({ p: [q] });
    }
    // 12289 = 1 mod 2048 is prime, but below the kernels' range.
    assert.throws(() => createParameters({ logN: 10, q: [12289], p: [] }), invalid);
  });
  test('a modulus that occurs twice', () => {
    refuse({ q: [good.q[0], good.q[0]] });
    refuse({ p: [good.q[1]] });
  });
  test('anything at all, with its own error', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (logN, q, p) => {
        assert.throws(
          () => createParameters({ logN, q, p } as unknown as ParametersLiteral),
          (error: { name: string; code: string }) =>
            error.name === 'FheError' && error.code.startsWith('PARAMETERS_'),
        );
      }),
    );
  });
});

test('parameters are frozen copies', () => {
  const literal = literalFromBits({ logN: 12, logQ: [36, 30], logP: [36] });
  const parameters = createParameters(literal);
  const first = literal.q[0];
  literal.q[0] = 65537;
  assert.equal(parameters.q[0], first);
  assert.ok(Object.isFrozen(parameters) && Object.isFrozen(parameters.q) && Object.isFrozen(parameters.p));
  assert.equal(parameters.n, 4096);
  assert.equal(parameters.maxLevel, 1);
  assert.equal('insecure' in parameters, false);
  assert.deepEqual(createParameters(JSON.parse(JSON.stringify(parameters))), parameters);
});
