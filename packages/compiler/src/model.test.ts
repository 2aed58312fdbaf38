import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModelError } from './errors.ts';
import { type DenseLayer, type Layer, type Model, predictPlain, validateModel } from './model.ts';

function dense(inputs: number, outputs: number, weights: number[], bias: number[]): DenseLayer {
  const name = `dense_${inputs}_${outputs}`;
  return {
    kind: 'dense',
    name,
    inputs,
    outputs,
    weights: Float64Array.from(weights),
    bias: Float64Array.from(bias),
  };
}

function model(inputs: number, outputs: number, layers: Layer[], extra: Partial<Model> = {}): Model {
  return { source: 'keras', inputs, outputs, layers, ...extra };
}

const two = dense(3, 2, [1, 2, 3, -1, 0.5, 0], [0.25, -1]);

test('dense is row-major outputs x inputs, polynomials have the lowest degree first', () => {
  assert.deepEqual(predictPlain(model(3, 2, [two]), [1, 10, 100]), [321.25, 3]);
  const poly: Layer = { kind: 'polynomial', name: 'p', coefficients: [1, 0, 2] };
  assert.deepEqual(predictPlain(model(3, 2, [two, poly]), [0, 0, 1]), [1 + 2 * 3.25 ** 2, 3]);
});

test('final activations: sigmoid, softmax, argmax; a huge score overflows none', () => {
  const at = (name: 'sigmoid' | 'softmax' | 'argmax', row: number[]) =>
    predictPlain(model(3, 2, [two, { kind: 'activation', name }]), row);
  assert.deepEqual(at('sigmoid', [0, 2, 0])[1], 0.5);
  const [a, b] = at('softmax', [1, 0, 0]);
  assert.ok(Math.abs(a / b - Math.exp(1.25 + 2)) < 1e-9);
  assert.ok(Math.abs(a + b - 1) < 1e-15);
  assert.deepEqual(at('softmax', [1e6, 0, 0]), [1, 0]);
  assert.deepEqual(at('argmax', [1, 1, 1]), [0]);
  assert.deepEqual(at('argmax', [-5, 0, 0]), [1]);
});

test('serverActivation is the polynomial for sigmoid and refused for the others', () => {
  const one = dense(1, 1, [1], [0]);
  const sigmoidModel = model(1, 1, [one, { kind: 'activation', name: 'sigmoid' }]);
  const [plain] = predictPlain(sigmoidModel, [-10.17]);
  const [polynomial] = predictPlain(sigmoidModel, [-10.17], { serverActivation: true });
  assert.ok(plain > 0 && polynomial < -4);
  for (const name of ['softmax', 'argmax'] as const) {
    assert.throws(
      () =>
        predictPlain(model(3, 2, [two, { kind: 'activation', name }]), [1, 1, 1], { serverActivation: true }),
      {
        code: 'ACTIVATION_ON_SERVER',
      },
    );
  }
});

test('rows are checked', () => {
  const m = model(3, 2, [two]);
  assert.throws(() => predictPlain(m, [1, 2]), {
    constructor: ModelError,
    code: 'FEATURE_COUNT',
    value: 2,
  });
  assert.throws(() => predictPlain(m, [1, Number.NaN, 2]), { code: 'NOT_FINITE', argument: 'row[1]' });
  assert.throws(() => predictPlain(m, [1, 2, Number.POSITIVE_INFINITY]), { code: 'NOT_FINITE' });
});

test('a model of dense layers is linear plus a constant (property)', () => {
  const number = fc.double({ min: -10, max: 10, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(number, { minLength: 9, maxLength: 9 }),
      number,
      ([w0, w1, w2, b, x0, x1, x2, y0, y1], t) => {
        const m = model(3, 1, [dense(3, 1, [w0, w1, w2], [b])]);
        const f = (row: number[]) => predictPlain(m, row)[0];
        const [x, y] = [
          [x0, x1, x2],
          [y0, y1, 0],
        ];
        const mixed = x.map((v, i) => t * v + (1 - t) * y[i]);
        assert.ok(Math.abs(f(mixed) - (t * f(x) + (1 - t) * f(y))) < 1e-9);
      },
    ),
    { numRuns: 200 },
  );
});

test('validateModel accepts what is right', () => {
  validateModel(model(3, 2, [two, { kind: 'activation', name: 'softmax' }], { labels: ['a', 'b'] }));
  validateModel(
    model(1, 1, [dense(1, 1, [1], [0])], {
      labels: [0, 1],
      inputNames: ['only'],
      source: 'sklearn-logistic',
    }),
  );
});

test('validateModel refuses what is wrong, by code', () => {
  const cases: [string, Model][] = [
    ['MODEL_EMPTY', model(3, 3, [])],
    ['MODEL_EMPTY', model(3, 3, [{ kind: 'activation', name: 'softmax' }])],
    ['LAYER_SHAPE', model(4, 2, [two])],
    ['LAYER_SHAPE', model(3, 3, [two])],
    ['LAYER_SHAPE', model(3, 2, [{ ...two, weights: new Float64Array(5) }])],
    ['LAYER_SHAPE', model(3, 2, [{ ...two, bias: new Float64Array(1) }])],
    ['WEIGHTS_NOT_FINITE', model(1, 1, [dense(1, 1, [Number.NaN], [0])])],
    ['WEIGHTS_NOT_FINITE', model(1, 1, [dense(1, 1, [1], [Number.POSITIVE_INFINITY])])],
    ['POLYNOMIAL_INVALID', model(3, 2, [two, { kind: 'polynomial', name: 'p', coefficients: [] }])],
    [
      'POLYNOMIAL_INVALID',
      model(3, 2, [two, { kind: 'polynomial', name: 'p', coefficients: [0, Number.NaN] }]),
    ],
    ['ACTIVATION_NOT_LAST', model(3, 2, [{ kind: 'activation', name: 'sigmoid' }, two])],
    ['ACTIVATION_SHAPE', model(1, 1, [dense(1, 1, [1], [0]), { kind: 'activation', name: 'softmax' }])],
    ['LABELS_SHAPE', model(3, 2, [two], { labels: [1] })],
    ['NAMES_SHAPE', model(3, 2, [two], { inputNames: ['a'] })],
    ['MODEL_TOO_LARGE', model(65537, 2, [two])],
    ['MODEL_TOO_LARGE', model(0, 2, [two])],
    [
      'MODEL_TOO_LARGE',
      model(3, 2, [...new Array<Layer>(257).fill({ kind: 'polynomial', name: 'p', coefficients: [0, 1] })]),
    ],
  ];
  for (const [code, wrong] of cases)
    assert.throws(() => validateModel(wrong), { constructor: ModelError, code });
});
