import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ImportError } from './errors.ts';
import { jsonFile } from './fixtures/write-hdf5.ts';
import { importModel } from './import.ts';
import { predictPlain } from './model.ts';

const binary = {
  meta: 'lr',
  classes_: [0, 1],
  coef_: [[1, -2, 0.5]],
  intercept_: [0.25],
  params: { C: 1, multi_class: 'auto', solver: 'lbfgs' },
};

const load = (json: unknown) => importModel([jsonFile('model.json', json)]);

test('binary logistic regression ends in a sigmoid and keeps labels and names', async () => {
  const model = await load({ ...binary, classes_: ['bad', 'good'], feature_names_in_: ['a', 'b', 'c'] });
  assert.equal(model.source, 'sklearn-logistic');
  assert.deepEqual([model.inputs, model.outputs], [3, 1]);
  assert.deepEqual(model.labels, ['bad', 'good']);
  assert.deepEqual(model.inputNames, ['a', 'b', 'c']);
  const [p] = predictPlain(model, [1, 1, 1]);
  assert.ok(Math.abs(p - 1 / (1 + Math.exp(0.25))) < 1e-15);
});

test('multinomial logistic regression ends in a softmax', async () => {
  const model = await load({
    meta: 'lr',
    classes_: [5, 7, 9],
    coef_: [
      [1, 0],
      [0, 1],
      [-1, -1],
    ],
    intercept_: [0, 0, 1],
  });
  assert.deepEqual(model.labels, [5, 7, 9]);
  const p = predictPlain(model, [2, 1]);
  const e = [2, 1, -2].map(Math.exp);
  p.forEach((value, i) => {
    assert.ok(Math.abs(value - e[i] / (e[0] + e[1] + e[2])) < 1e-15);
  });
});

test('two classes trained as multinomial: the sigmoid takes twice the score, as scikit-learn does', async () => {
  const model = await load({ ...binary, params: { multi_class: 'multinomial' } });
  assert.ok(Math.abs(predictPlain(model, [1, 1, 1])[0] - 1 / (1 + Math.exp(0.5))) < 1e-15);
});

test('linear regression: nested or flat, scalar or list intercept, several outputs', async () => {
  for (const json of [
    { coef_: [[2, 3]], intercept_: [1] },
    { coef_: [2, 3], intercept_: 1 },
    { meta: 'ridge-regression', coef_: [2, 3], intercept_: [1] },
  ]) {
    const model = await load(json);
    assert.equal(model.source, 'sklearn-linear');
    assert.deepEqual(model.layers.length, 1);
    assert.deepEqual(predictPlain(model, [10, 100]), [321]);
  }
  const several = await load({
    coef_: [
      [1, 0],
      [0, 1],
    ],
    intercept_: 0,
  });
  assert.deepEqual(predictPlain(several, [4, 5]), [4, 5]);
});

test('other estimators are refused with the reason', async () => {
  const cases: [unknown, RegExp][] = [
    [{ ...binary, meta: 'svm' }, /meta "svm"/],
    [{ meta: 'decision-tree', tree_: {} }, /meta "decision-tree"/],
    [{ ...binary, meta: undefined, params: { loss: 'squared_hinge' } }, /linear SVMs/],
    [
      {
        ...binary,
        coef_: [[1], [2], [3]],
        intercept_: [0, 0, 0],
        classes_: [0, 1, 2],
        params: { multi_class: 'ovr' },
      },
      /one-vs-rest/,
    ],
  ];
  for (const [json, reason] of cases) {
    await assert.rejects(load(json), (error: ImportError) => {
      assert.equal(error.code, 'MODEL_UNRECOGNISED');
      assert.match(error.message, reason);
      return true;
    });
  }
});

test('a recognised but broken model is a coded error that names the field', async () => {
  const cases: [string, string, unknown][] = [
    ['WEIGHTS_SHAPE', 'intercept_', { ...binary, intercept_: [1, 2] }],
    ['WEIGHTS_SHAPE', 'classes_', { ...binary, classes_: [0, 1, 2] }],
    ['WEIGHTS_SHAPE', 'feature_names_in_', { ...binary, feature_names_in_: ['a'] }],
    ['WEIGHTS_SHAPE', 'n_features_in_', { ...binary, n_features_in_: 4 }],
    ['WEIGHTS_SHAPE', 'coef_[1]', { coef_: [[1, 2], [3]], intercept_: [0, 0] }],
    ['SKLEARN_FIELD', 'coef_', { ...binary, coef_: [] }],
    ['SKLEARN_FIELD', 'coef_', { ...binary, coef_: [[]] }],
    ['SKLEARN_FIELD', 'coef_[0][1]', { ...binary, coef_: [[1, '2', 3]] }],
    ['SKLEARN_FIELD', 'classes_', { ...binary, classes_: [0, null] }],
    ['SKLEARN_FIELD', 'intercept_[0]', { ...binary, intercept_: null }],
  ];
  for (const [code, argument, json] of cases) {
    await assert.rejects(load(json), { constructor: ImportError, code, argument });
  }
  const infinite = '{"coef_": [1e999], "intercept_": 0}';
  const files = [{ name: 'm.json', bytes: new TextEncoder().encode(infinite) }];
  await assert.rejects(importModel(files), { code: 'WEIGHTS_NOT_FINITE', argument: 'coef_[0][0]' });
});
