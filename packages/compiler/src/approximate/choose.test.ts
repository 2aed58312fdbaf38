import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluateClear } from '@velum/fhe';
import fc from 'fast-check';
import type { ElementwiseFunction } from '../graph/graph.ts';
import { type Approximation, approximate } from './choose.ts';
import { exact } from './functions.ts';
import { uniform } from './testing/networks.ts';

const FUNCTIONS: ElementwiseFunction[] = [
  { type: 'relu' },
  { type: 'sigmoid' },
  { type: 'tanh' },
  { type: 'gelu' },
  { type: 'erf' },
  { type: 'softplus' },
  { type: 'silu' },
  { type: 'hardswish' },
  { type: 'exp' },
  { type: 'abs' },
  { type: 'leakyrelu', alpha: 0.1 },
  { type: 'elu', alpha: 1 },
  { type: 'hardsigmoid', alpha: 0.2, beta: 0.5 },
  { type: 'clip', min: 0, max: 6 },
  { type: 'prelu', slopes: Float64Array.of(0.25, 0.25) },
];

function worst(
  { polynomial }: Approximation,
  fn: ElementwiseFunction,
  [a, b]: readonly [number, number],
): number {
  const f = exact(fn);
  let largest = 0;
  for (let i = 0; i <= 5000; i++) {
    const x = a + ((b - a) * i) / 5000;
    largest = Math.max(largest, Math.abs(evaluateClear(polynomial, x) - f(x)));
  }
  return largest;
}

test('property: the stated error holds on a dense grid, as encryption will evaluate it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...FUNCTIONS),
      fc.double({ min: -12, max: 11, noNaN: true }),
      fc.double({ min: 0.01, max: 12, noNaN: true }),
      fc.constantFrom(1, 2, 3, 5, 7, 15, 31),
      fc.constantFrom('auto', 'remez', 'least-squares', 'chebyshev'),
      (fn, low, width, degree, method) => {
        const range = [low, low + width] as const;
        const result = approximate(fn, { range, degree, method: method as 'auto' });
        const scale = Math.abs(exact(fn)(range[1])) + Math.abs(exact(fn)(range[0])) + 1;
        assert.ok(worst(result, fn, range) <= result.maxError * 1.001 + 1e-12 * scale);
        assert.ok(result.rmsError <= result.maxError + 1e-12 * scale);
        assert.ok(result.degree <= degree || result.method === 'exact');
      },
    ),
    { numRuns: 150, seed: 1 },
  );
});

test('a wanted error is met with the least depth', () => {
  for (const error of [0.3, 0.1, 0.03, 0.01]) {
    const result = approximate({ type: 'relu' }, { range: [-1, 2], error });
    assert.ok(result.maxError <= error && worst(result, { type: 'relu' }, [-1, 2]) <= error * 1.0001);
    const depth = Math.ceil(Math.log2(result.degree + 1));
    if (depth > 1) {
      const less = approximate(
        { type: 'relu' },
        { range: [-1, 2], degree: 2 ** (depth - 1) - 1, method: 'remez' },
      );
      assert.ok(less.maxError > error, `degree ${less.degree} would do`);
    }
  }
});

test('auto has the smallest rms error under the density, within four times the minimax error', () => {
  const random = uniform(2);
  const density = Float64Array.from({ length: 5000 }, () => 0.7 * random() ** 3 - 0.2);
  for (const fn of FUNCTIONS) {
    const of = (method: 'auto' | 'remez' | 'chebyshev') =>
      approximate(fn, { range: [-5, 4], density, degree: 7, method });
    const [auto, minimax, interpolated] = [of('auto'), of('remez'), of('chebyshev')];
    assert.ok(auto.rmsError <= minimax.rmsError && auto.maxError <= 4 * minimax.maxError * (1 + 1e-9));
    if (interpolated.maxError <= 4 * minimax.maxError) assert.ok(auto.rmsError <= interpolated.rmsError);
  }
  const relu = (method: 'auto' | 'remez') =>
    approximate({ type: 'relu' }, { range: [-5, 4], density, degree: 7, method });
  assert.ok(relu('auto').rmsError < 0.8 * relu('remez').rmsError, 'a density makes a difference');
});

test('what is a polynomial already stays one', () => {
  const powers = { type: 'polynomial', coefficients: [1, 0, 2] } as const;
  assert.deepEqual(approximate({ ...powers, coefficients: [1, 0, 2] }, { range: [-1, 1] }), {
    polynomial: { basis: 'power', coefficients: [1, 0, 2] },
    degree: 2,
    maxError: 0,
    rmsError: 0,
    method: 'exact',
  });
  const coefficients = (fn: ElementwiseFunction, range: [number, number]) =>
    approximate(fn, { range }).polynomial.coefficients;
  assert.deepEqual(coefficients({ type: 'relu' }, [0, 5]), [0, 1]);
  assert.deepEqual(coefficients({ type: 'relu' }, [-5, 0]), [0]);
  assert.deepEqual(coefficients({ type: 'abs' }, [-5, -1]), [0, -1]);
  assert.deepEqual(coefficients({ type: 'clip', min: -1, max: 1 }, [2, 3]), [1]);
  assert.deepEqual(coefficients({ type: 'hardswish' }, [-3, 3]), [0, 1 / 2, 1 / 6]);
  assert.deepEqual(coefficients({ type: 'hardswish' }, [3, 9]), [0, 1]);
  const hard = approximate({ type: 'hardsigmoid', alpha: 0.2, beta: 0.5 }, { range: [-2, 2] });
  assert.ok(
    hard.method === 'exact' && worst(hard, { type: 'hardsigmoid', alpha: 0.2, beta: 0.5 }, [-2, 2]) < 1e-12,
  );
});

test('a root up to the end of its domain', () => {
  const result = approximate({ type: 'sqrt' }, { range: [0, 9], degree: 15 });
  assert.ok(worst(result, { type: 'sqrt' }, [0, 9]) < 0.2);
});

test('refusals name the argument', () => {
  const refuses = (code: string, fn: ElementwiseFunction, options: Parameters<typeof approximate>[1]) =>
    assert.throws(() => approximate(fn, options), { code });
  refuses('APPROXIMATION_RANGE', { type: 'relu' }, { range: [1, 1] });
  refuses('APPROXIMATION_RANGE', { type: 'relu' }, { range: [0, Number.NaN] });
  refuses('APPROXIMATION_DEGREE', { type: 'relu' }, { range: [-1, 1], degree: 64 });
  refuses('APPROXIMATION_DEGREE', { type: 'relu' }, { range: [-1, 1], degree: 2.5 });
  refuses('APPROXIMATION_DOMAIN', { type: 'sqrt' }, { range: [-1, 1] });
  refuses('APPROXIMATION_DOMAIN', { type: 'exp' }, { range: [0, 1000] });
  refuses('APPROXIMATION_ERROR', { type: 'relu' }, { range: [-1, 1], error: 1e-6 });
  refuses('APPROXIMATION_ERROR', { type: 'relu' }, { range: [-1, 1], error: 0 });
  refuses('APPROXIMATION_METHOD', { type: 'relu' }, { range: [-1, 1], method: 'taylor' as 'auto' });
  refuses('APPROXIMATION_FUNCTION', { type: 'prelu', slopes: Float64Array.of(0.1, 0.2) }, { range: [-1, 1] });
});
