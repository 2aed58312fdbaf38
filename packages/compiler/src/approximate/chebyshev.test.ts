import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluateChebyshev, fromUnit, interpolate } from './chebyshev.ts';

test('interpolation reproduces a polynomial of its degree', () => {
  const f = (x: number) => 1 - 2 * x + 0.5 * x ** 3;
  const domain = [-3, 5] as const;
  const c = interpolate(f, domain, 3);
  for (let x = -3; x <= 5; x += 0.125) assert.ok(Math.abs(evaluateChebyshev(c, domain, x) - f(x)) < 1e-12);
});

test('T_k is cos(k arccos u), and (u + sqrt(u^2 - 1))^k outside', () => {
  for (const k of [0, 1, 2, 7, 31]) {
    const c = Array.from({ length: k + 1 }, (_, i) => (i === k ? 1 : 0));
    for (const u of [-1, -0.7, 0, 0.3, 1])
      assert.ok(Math.abs(evaluateChebyshev(c, [-1, 1], u) - Math.cos(k * Math.acos(u))) < 1e-12);
    const outside = Math.cosh(k * Math.acosh(1.1));
    assert.ok(Math.abs(evaluateChebyshev(c, [-1, 1], 1.1) / outside - 1) < 1e-12);
  }
});

test('property: fromUnit stays in the interval and is exact at its ends', () => {
  const number = fc.double({ min: -1e6, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(number, number, fc.double({ min: -1, max: 1, noNaN: true }), (p, q, u) => {
      fc.pre(p !== q);
      const domain = [Math.min(p, q), Math.max(p, q)] as const;
      const x = fromUnit(u, domain);
      assert.ok(x >= domain[0] && x <= domain[1]);
      assert.deepEqual([fromUnit(-1, domain), fromUnit(1, domain)], [...domain]);
    }),
  );
});
