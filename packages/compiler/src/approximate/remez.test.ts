import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluateChebyshev, fromUnit } from './chebyshev.ts';
import { exact, kinks } from './functions.ts';
import { remez } from './remez.ts';

const near = (a: number, b: number, relative: number) =>
  assert.ok(Math.abs(a - b) <= relative * Math.abs(b), `${a} is not ${b}`);

/** Signs alternate and sizes agree on at least degree + 2 points: the proof of optimality, without the algorithm. */
function equioscillates(
  f: (x: number) => number,
  domain: readonly [number, number],
  degree: number,
  points = [0],
) {
  const { coefficients, error, reference, converged } = remez(f, domain, degree, points);
  assert.ok(converged);
  const at = reference.map((x) => evaluateChebyshev(coefficients, domain, x) - f(x));
  const level = at.filter((e) => Math.abs(Math.abs(e) - error) <= 1e-6 * error);
  assert.ok(level.length >= degree + 2, `${level.length} extrema for degree ${degree}`);
  for (let i = 1; i < level.length; i++) assert.ok(level[i] * level[i - 1] < 0, 'signs alternate');
  for (let i = 0; i <= 20000; i++) {
    const x = fromUnit(i / 10000 - 1, domain);
    assert.ok(Math.abs(evaluateChebyshev(coefficients, domain, x) - f(x)) <= error * (1 + 1e-8));
  }
}

test('|x|: 1/2, 1/8 and the published errors of degree 4 and 8 (Varga and Carpenter 1985)', () => {
  for (const [degree, error] of [
    [0, 1 / 2],
    [1, 1 / 2],
    [2, 1 / 8],
    [3, 1 / 8],
    [4, 0.0676208992777],
    [8, 0.0346897280824],
  ])
    near(remez(Math.abs, [-1, 1], degree, [0]).error, error, 1e-8);
  // Bernstein's constant 0.2801694990 is the limit of degree * error.
  near(64 * remez(Math.abs, [-1, 1], 62, [0]).error, 0.280169499, 0.05);
});

test('exp: the best line in closed form', () => {
  const slope = Math.sinh(1);
  const touching = Math.log(slope);
  near(remez(Math.exp, [-1, 1], 1).error, (Math.exp(-1) + slope * (touching + 1) - slope) / 2, 1e-9);
});

test('exp: published errors up to degree 5', () => {
  const published = [
    1.175201, 0.278801585796, 0.045017388403, 0.00552837010871, 0.000546667600538, 4.52055119e-5,
  ];
  published.forEach((error, degree) => {
    near(remez(Math.exp, [-1, 1], degree).error, error, 1e-6);
  });
});

test('1 / (x - 2): Chebyshev gave the error for every degree', () => {
  for (const degree of [1, 2, 5, 10, 15])
    near(remez((x) => 1 / (x - 2), [-1, 1], degree).error, (2 - Math.sqrt(3)) ** degree / 3, 1e-5);
});

test('x^(n + 1): the error is 2^-n', () => {
  for (const degree of [2, 3, 7, 15])
    near(remez((x) => x ** (degree + 1), [-1, 1], degree).error, 2 ** -degree, 1e-8);
});

test('the error alternates for smooth and bent functions, also on lopsided ranges', () => {
  for (const type of ['relu', 'abs', 'gelu', 'silu', 'sigmoid', 'hardswish'] as const) {
    for (const domain of [
      [-2, 4],
      [-20, 1],
      [-5, 5],
    ] as const)
      for (const degree of [2, 3, 7, 15]) equioscillates(exact({ type }), domain, degree, kinks({ type }));
  }
});

test('a kink too close to an end for any coarse reference is found', () => {
  for (const domain of [
    [-1e-3, 1],
    [-1000, 1],
    [-1e-6, 1],
  ] as const)
    for (const degree of [3, 15, 31]) equioscillates(exact({ type: 'relu' }), domain, degree);
});

test('every function at every degree converges to a proven bound', () => {
  for (const type of [
    'sigmoid',
    'tanh',
    'gelu',
    'erf',
    'softplus',
    'silu',
    'hardswish',
    'abs',
    'relu',
  ] as const)
    for (const domain of [
      [-100, 1],
      [-30, 30],
      [-7, 7.001],
    ] as const)
      for (const degree of [1, 3, 5, 15, 31, 63]) {
        const { error, levelled, converged } = remez(exact({ type }), domain, degree, kinks({ type }));
        assert.ok(converged, `${type} on [${domain}] at degree ${degree}`);
        assert.ok(error - levelled <= 1e-8 * error + 1e-10, `${error} against ${levelled}`);
      }
});

test('a polynomial of the degree is found itself', () => {
  const f = (x: number) => 3 - x + x * x;
  const { coefficients, error, converged } = remez(f, [-2, 4], 5);
  assert.ok(converged && error < 1e-12);
  assert.ok(Math.abs(evaluateChebyshev(coefficients, [-2, 4], 1.7) - f(1.7)) < 1e-12);
});
