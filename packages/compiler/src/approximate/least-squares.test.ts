import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sigmoidPolynomial } from '../sigmoid-poly.ts';
import { evaluateChebyshev, fromUnit } from './chebyshev.ts';
import { histogramOf, quadrature } from './density.ts';
import { exact } from './functions.ts';
import { fitPoints, leastSquares } from './least-squares.ts';
import { solveSquare } from './solve.ts';
import { uniform } from './testing/networks.ts';

const relu = exact({ type: 'relu' });

/** The normal equations in powers of x, solved by elimination: another basis and another algorithm. */
function normalEquations(
  f: (x: number) => number,
  degree: number,
  points: Float64Array,
  weights: Float64Array,
) {
  const n = degree + 1;
  const gram = new Float64Array(n * n);
  const right = new Float64Array(n);
  points.forEach((x, p) => {
    for (let i = 0; i < n; i++) {
      right[i] += weights[p] * x ** i * f(x);
      for (let j = 0; j < n; j++) gram[i * n + j] += weights[p] * x ** (i + j);
    }
  });
  const c = solveSquare(gram, right)!;
  return (x: number) => c.reduceRight((sum, ck) => sum * x + ck, 0);
}

test('agrees with the normal equations under a measured density', () => {
  const random = uniform(5);
  const samples = Float64Array.from({ length: 4000 }, () => 0.8 * (random() + random() + random()) - 0.2);
  const domain = [-2, 2] as const;
  for (const degree of [1, 3, 5, 7]) {
    const { points, weights } = quadrature(domain, histogramOf(samples), 0.1);
    const c = leastSquares(relu, domain, degree, histogramOf(samples), 0.1);
    const reference = normalEquations(relu, degree, points, weights);
    for (let x = -2; x <= 2; x += 0.05)
      assert.ok(Math.abs(evaluateChebyshev(c, domain, x) - reference(x)) < 1e-9);
  }
});

test('agrees with the sigmoid fit of the service, 2000 points on [-8, 8]', () => {
  const points = Float64Array.from({ length: 2000 }, (_, i) => (16 * i) / 1999 - 8);
  const c = fitPoints(exact({ type: 'sigmoid' }), [-8, 8], 9, {
    points,
    weights: new Float64Array(2000).fill(1),
  });
  const powers = sigmoidPolynomial(9, 8);
  for (let x = -8; x <= 8; x += 0.25) {
    const wanted = powers.reduceRight((sum, p) => sum * x + p, 0);
    assert.ok(Math.abs(evaluateChebyshev(c, [-8, 8], x) - wanted) < 1e-10);
  }
});

test('the residual is orthogonal to every polynomial of the degree, up to 31 under a narrow density', () => {
  const narrow = histogramOf(Float64Array.from({ length: 1000 }, (_, i) => 1 + i / 1e5));
  const domain = [-10, 10] as const;
  const { points, weights } = quadrature(domain, narrow, 0.01);
  for (const degree of [3, 15, 31]) {
    const c = leastSquares(relu, domain, degree, narrow, 0.01);
    for (let k = 0; k <= degree; k++) {
      const basis = Array.from({ length: k + 1 }, (_, i) => (i === k ? 1 : 0));
      let dot = 0;
      points.forEach((x, i) => {
        dot += weights[i] * (evaluateChebyshev(c, domain, x) - relu(x)) * evaluateChebyshev(basis, domain, x);
      });
      assert.ok(Math.abs(dot) < 1e-12, `degree ${degree}, T_${k}: ${dot}`);
    }
  }
});

test('the uniform floor keeps the fit bounded where the density is zero', () => {
  const narrow = histogramOf(Float64Array.from({ length: 1000 }, (_, i) => i / 1e4));
  const domain = [-10, 10] as const;
  const worst = (floor: number) => {
    const c = leastSquares(relu, domain, 7, narrow, floor);
    let largest = 0;
    for (let i = 0; i <= 1000; i++) {
      const x = fromUnit(i / 500 - 1, domain);
      largest = Math.max(largest, Math.abs(evaluateChebyshev(c, domain, x) - relu(x)));
    }
    return largest;
  };
  assert.ok(worst(0.1) < 2);
  assert.ok(worst(1) <= worst(0.01));
});

test('property: quadrature weights are a probability wherever the histogram lies', () => {
  const value = fc.double({ min: -100, max: 100, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 50 }),
      value,
      value,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (samples, p, q, floor) => {
        fc.pre(Math.abs(p - q) > 1e-3);
        const { weights } = quadrature([Math.min(p, q), Math.max(p, q)], histogramOf(samples), floor);
        assert.ok(weights.every((w) => w >= -1e-15));
        assert.ok(Math.abs(weights.reduce((a, b) => a + b, 0) - 1) < 1e-9);
      },
    ),
    { numRuns: 300 },
  );
});
