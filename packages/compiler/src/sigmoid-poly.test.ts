import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelError } from './errors.ts';
import { evaluatePolynomial, sigmoid, sigmoidPolynomial } from './sigmoid-poly.ts';

test('degree 9 on [-8, 8] has the published digits of HE4Cloud', () => {
  const published: Record<number, string> = {
    1: '2.31858388e-1',
    3: '-1.16225575e-2',
    5: '3.74746996e-4',
    7: '-5.85595631e-6',
    9: '3.43677012e-8',
  };
  const coefficients = sigmoidPolynomial(9, 8);
  assert.equal(coefficients.length, 10);
  assert.equal(coefficients[0], 0.5);
  for (const [power, digits] of Object.entries(published)) {
    assert.equal(coefficients[Number(power)].toExponential(8), digits);
  }
  for (const power of [2, 4, 6, 8]) assert.equal(coefficients[power], 0);
});

test('the fit is the best one: the residual is orthogonal to every odd power', () => {
  // At degree 31 the monomial coefficients of the result themselves limit the accuracy.
  for (const [degree, range, bound] of [
    [3, 8, 1e-12],
    [9, 8, 1e-12],
    [15, 12, 1e-12],
    [31, 20, 1e-9],
  ]) {
    const coefficients = sigmoidPolynomial(degree, range);
    for (let power = 1; power <= degree; power += 2) {
      let product = 0;
      for (let i = 0; i < 2000; i++) {
        const u = (2 * i) / 1999 - 1;
        product += (evaluatePolynomial(coefficients, u * range) - sigmoid(u * range)) * u ** power;
      }
      const mean = product / 2000;
      assert.ok(Math.abs(mean) < bound, `degree ${degree}, power ${power}: ${mean}`);
    }
  }
});

test('maximum error on [-8, 8] is 0.016, and outside the range it diverges', () => {
  const coefficients = sigmoidPolynomial(9, 8);
  let worst = 0;
  for (let x = -8; x <= 8; x += 1 / 256) {
    worst = Math.max(worst, Math.abs(evaluatePolynomial(coefficients, x) - sigmoid(x)));
  }
  assert.ok(worst > 0.014 && worst < 0.017, String(worst));
  assert.ok(evaluatePolynomial(coefficients, -10.17) < -4);
});

test('sigmoid neither overflows nor loses its tails', () => {
  assert.equal(sigmoid(0), 0.5);
  assert.equal(sigmoid(800), 1);
  assert.equal(sigmoid(-800), 0);
  assert.ok(Math.abs(sigmoid(-40) / Math.exp(-40) - 1) < 1e-15);
});

test('degree and range are checked', () => {
  for (const degree of [0, 2, 1.5, 33, Number.NaN]) {
    assert.throws(() => sigmoidPolynomial(degree, 8), { constructor: ModelError, code: 'SIGMOID_DEGREE' });
  }
  for (const range of [0, -1, 65, Number.NaN]) {
    assert.throws(() => sigmoidPolynomial(9, range), { code: 'SIGMOID_RANGE', argument: 'range' });
  }
});
