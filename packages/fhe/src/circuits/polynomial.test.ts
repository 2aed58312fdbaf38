import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sameScale } from '../ckks/evaluator.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  overBuilds,
  Party,
  random,
  real,
  reals,
  SCALE,
  smallContext,
} from '../testing/contexts.ts';
import {
  evaluateClear,
  evaluatePolynomial,
  type Polynomial,
  polynomialDegree,
  polynomialDepth,
  polynomialInputScale,
  toChebyshev,
} from './polynomial.ts';

const LEVELS = 5;

/** Coefficients in [-1, 1], the last one away from zero. */
function coefficients(degree: number, seed: number): number[] {
  const next = random(seed);
  const c = Array.from({ length: degree + 1 }, () => 2 * next() - 1);
  c[degree] = 0.5 + 0.5 * next();
  return c;
}

/** The polynomial that interpolates f in the Chebyshev nodes. */
function fit(f: (x: number) => number, degree: number, [a, b]: [number, number]): Polynomial {
  const count = degree + 1;
  const node = (k: number) => Math.cos((Math.PI * (k + 0.5)) / count);
  const values = Array.from({ length: count }, (_, k) => f((node(k) * (b - a) + a + b) / 2));
  const c = values.map((_, j) => {
    const sum = values.reduce((s, v, k) => s + v * Math.cos((Math.PI * j * (k + 0.5)) / count), 0);
    return ((j === 0 ? 1 : 2) * sum) / count;
  });
  return { basis: 'chebyshev', coefficients: c, domain: [a, b] };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('in the clear', () => {
  test('both bases agree on any domain', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer(),
        fc.tuple(fc.double({ min: -4, max: 4, noNaN: true }), fc.double({ min: 0.5, max: 4, noNaN: true })),
        (degree, seed, [a, width]) => {
          const power = coefficients(degree, seed);
          const domain: [number, number] = [a, a + width];
          const chebyshev = toChebyshev(power, domain);
          for (const t of [0, 0.1, 0.5, 0.77, 1]) {
            const x = a + t * width;
            const expected = evaluateClear({ basis: 'power', coefficients: power }, x);
            const magnitude = power.reduce(
              (sum, c, i) => sum + Math.abs(c) * Math.max(1, Math.abs(x)) ** i,
              0,
            );
            const largest = Math.max(Math.abs(a), Math.abs(a + width), 1) ** degree * (degree + 1);
            const got = evaluateClear(chebyshev, x);
            assert.ok(Math.abs(got - expected) <= 1e-12 * Math.max(magnitude, largest), `${got} ${expected}`);
          }
        },
      ),
    );
  });

  test('Chebyshev polynomials are cosines', () => {
    for (let k = 0; k <= 31; k++) {
      const c = new Array<number>(k + 1).fill(0);
      c[k] = 1;
      const got = evaluateClear({ basis: 'chebyshev', coefficients: c }, Math.cos(0.7));
      assert.ok(Math.abs(got - Math.cos(0.7 * k)) < 1e-12);
    }
  });

  test('degree and depth', () => {
    assert.equal(polynomialDegree({ basis: 'power', coefficients: [1, 2, 0, 0] }), 1);
    assert.equal(polynomialDegree({ basis: 'power', coefficients: [0] }), 0);
    assert.equal(polynomialDepth({ basis: 'chebyshev', coefficients: coefficients(2, 1) }), 2);
    const depths = [1, 2, 3, 4, 7, 8, 15, 16, 31, 32].map((d) =>
      polynomialDepth({ basis: 'power', coefficients: coefficients(d, 1) }),
    );
    assert.deepEqual(depths, [1, 1, 2, 3, 3, 4, 4, 5, 5, 6]);
  });
});

overBuilds('encrypted polynomials', (kernels) => {
  const context = smallContext(kernels, LEVELS, 3);
  const party = new Party(context, [{ level: LEVELS, special: 3, relinearization: true }]);
  const { evaluator, slots } = party;

  /** x is encrypted at the scale that `evaluatePolynomial` asks for. */
  function run(
    p: Polynomial,
    values: Float64Array,
    tolerance: number,
    level = LEVELS,
    targetScale?: number,
  ): void {
    const [a, b] = p.domain ?? [-1, 1];
    const target = targetScale ?? SCALE;
    const q = context.moduli[level].value;
    const inputScale = polynomialInputScale(p, target, q) ?? (SCALE * 2) / (b - a);
    const x = party.encrypt(values, level, inputScale);
    const result = evaluatePolynomial(evaluator, x, p, target);
    const quadratic = p.basis === 'power' && polynomialDegree(p) === 2;
    const depth = quadratic ? 1 : Math.ceil(Math.log2(polynomialDegree(p) + 1));
    assert.equal(result.level, level - depth);
    assert.equal(result.degree, 1);
    assert.ok(sameScale(result.scale, target), `${result.scale}`);
    assertClose(party.decrypt(result), real(values.map((v) => evaluateClear(p, v))), tolerance);
    x.dispose();
    result.dispose();
  }

  for (const basis of ['power', 'chebyshev'] as const) {
    test(`degrees 1 to 31, ${basis} basis`, () => {
      for (let degree = 1; degree <= 31; degree++) {
        const p: Polynomial = { basis, coefficients: coefficients(degree, degree) };
        run(p, reals(slots, degree), 2 ** -12);
        assertNoLeak(kernels, () => run(p, reals(slots, degree), 2 ** -12));
      }
    });

    test(`sparse and even and odd polynomials, ${basis} basis`, () => {
      for (const degree of [3, 6, 7, 8, 13, 16, 31]) {
        for (const keep of [
          (i: number) => i % 2 === 0,
          (i: number) => i % 2 === 1,
          () => false,
          (i: number) => i % 5 === 0,
        ]) {
          const c = coefficients(degree, degree).map((v, i) => (keep(i) || i === degree ? v : 0));
          run({ basis, coefficients: c }, reals(slots, degree), 2 ** -12);
        }
      }
      run({ basis, coefficients: [0, 1] }, reals(slots, 1), 2 ** -14);
      run({ basis, coefficients: [-3, 0, 0, 0, 2, 0, 0] }, reals(slots, 2), 2 ** -12);
    });
  }

  test('domains are mapped at no cost in levels', () => {
    const values = (a: number, b: number) => reals(slots, 3).map((u) => (u * (b - a) + a + b) / 2);
    for (const [a, b] of [
      [-8, 8],
      [0, 1],
      [2, 5],
      [-3, -1],
    ]) {
      for (const degree of [1, 2, 5, 9]) {
        const p: Polynomial = { basis: 'chebyshev', coefficients: coefficients(degree, 4), domain: [a, b] };
        run(p, values(a, b), 2 ** -12);
      }
    }
  });

  test('sigmoid of degree 9 on [-8, 8]', () => {
    const p = fit(sigmoid, 9, [-8, 8]);
    assert.equal(polynomialDepth(p), 4);
    const values = reals(slots, 5, 8);
    run(p, values, 1e-5, 4);
    const worst = Math.max(...values.map((v) => Math.abs(evaluateClear(p, v) - sigmoid(v))));
    assert.ok(worst < 0.03, `${worst}`);
  });

  test('a quadratic in the power basis with a coefficient of either sign and any size', () => {
    for (const c2 of [1, -1, 0.01, -0.001, 37, -250]) {
      run({ basis: 'power', coefficients: [0.25, -0.75, c2] }, reals(slots, 7), 2 ** -10, 2);
    }
  });

  test('the result comes at the scale that was asked for', () => {
    for (const degree of [1, 3, 7, 9]) {
      const p: Polynomial = { basis: 'chebyshev', coefficients: coefficients(degree, 6) };
      for (const scale of [2 ** 35, 2 ** 42, SCALE * 1.2345]) run(p, reals(slots, 6), 2 ** -9, LEVELS, scale);
    }
  });

  test('refuses what it cannot evaluate', () => {
    const x = party.encrypt([0.5], 2);
    const deep: Polynomial = { basis: 'power', coefficients: coefficients(4, 1) };
    assertCode(kernels, 'LEVEL_EXHAUSTED', () => evaluatePolynomial(evaluator, x, deep));
    const refuse = (c: number[]) =>
      assertCode(kernels, 'VALUE_RANGE', () =>
        evaluatePolynomial(evaluator, x, { basis: 'power', coefficients: c }),
      );
    refuse([1]);
    refuse([1, 0, 0]);
    refuse([]);
    refuse([1, Number.NaN, 1, 1]);
    refuse([1, 1, Number.POSITIVE_INFINITY]);
    refuse([Number.NaN, 1, 2]);
    const narrow: Polynomial = { basis: 'chebyshev', coefficients: [1, 1], domain: [2, 2] };
    assertCode(kernels, 'VALUE_RANGE', () => evaluatePolynomial(evaluator, x, narrow));
    const cubic: Polynomial = { basis: 'power', coefficients: coefficients(3, 1) };
    const without = new Party(context);
    const square: Polynomial = { basis: 'power', coefficients: [1, 1, -1] };
    for (const p of [cubic, square]) {
      assertCode(kernels, 'KEY_MISSING', () => evaluatePolynomial(without.evaluator, x, p));
    }
    without.dispose();
    x.dispose();
  });
});
