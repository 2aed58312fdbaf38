/**
 * HE4Cloud's own models against its published outputs, where ../shared is beside the repository. Elsewhere the
 * same two paths (scikit-learn JSON with HDF5 samples, Keras with squares) run on data made here.
 * @module
 */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { jsonFile, writeHdf5, writeLegacyWeights } from './fixtures/write-hdf5.ts';
import { importModel } from './import.ts';
import { predictPlain } from './model.ts';
import { readSamples } from './samples.ts';

const shared = new URL('../../../../shared/data/he4cloud/', import.meta.url);
const there = existsSync(shared);
const file = (path: string) => ({ name: path, bytes: new Uint8Array(readFileSync(new URL(path, shared))) });

/** First five outputs of notebook GI24 (HE4Cloud, pyhelayers 1.5.4). */
const GI24 = [-0.0452843817, -3.42865788, -0.0497556083, -0.375140362, -0.00322944083];

/** Scores of the 15 loan samples, by numpy in float64 over the same files. */
const LOAN = [
  0.5188254588, 0.6447838698, -0.151040845, -0.6902671288, 4.7115794684, 5.6903208738, 0.3150464011,
  4.9243866245, 3.7776871275, 5.3377491354, 3.0126417197, -1.0437316559, 4.3647926616, 2.3768247924,
  -0.6770345925,
];

if (there) {
  test('fraud regression: the five published outputs to 5e-9, and all twenty are finite', async () => {
    const model = await importModel([file('lr_fraud_inference/model.json')]);
    assert.deepEqual([model.inputs, model.outputs, model.labels], [29, 1, [0, 1]]);
    const { rows } = await readSamples(file('lr_fraud_inference/x_test_short.h5'));
    assert.equal(rows.length, 20);
    GI24.forEach((published, i) => {
      const [value] = predictPlain(model, rows[i], { serverActivation: true });
      assert.ok(Math.abs(value - published) < 5e-9, `sample ${i}: ${value}`);
    });
    for (const row of rows) {
      const [probability] = predictPlain(model, row);
      assert.ok(probability > 0 && probability < 0.5);
    }
  });

  test('loan network: fifteen samples as numpy predicts them; 12 of 15 true labels at a cut of 0', async () => {
    const folder = 'nn_loan/';
    const model = await importModel([
      file(`${folder}nn_loan_approval_model_weights.h5`),
      file(`${folder}nn_loan_approval_model.json`),
    ]);
    assert.deepEqual(
      model.layers.map((layer) => (layer.kind === 'dense' ? layer.outputs : layer.kind)),
      [200, 'polynomial', 100, 'polynomial', 1],
    );
    let hits = 0;
    for (const [i, expected] of LOAN.entries()) {
      const { rows } = await readSamples(file(`${folder}samples/x_sample${i}.h5`));
      const [score] = predictPlain(model, rows[0]);
      assert.ok(Math.abs(score - expected) < 1e-9, `sample ${i}: ${score}`);
      const good = /is_good : 1/.test(
        readFileSync(new URL(`${folder}samples/sample${i}.raw`, shared), 'utf8'),
      );
      if (score > 0 === good) hits++;
    }
    assert.equal(hits, 12);
  });

  test('training table and test rows of the other apps are read; a tree is refused by name', async () => {
    const folder = 'lr_fraud_training/lr_fraud_training__';
    const table = await readSamples(file(`${folder}processed_creditcard_balanced_sample.csv`));
    assert.deepEqual([table.rows.length, table.rows[0].length, table.names?.at(-1)], [984, 31, 'Class']);
    assert.equal(table.rows.filter((row) => row[30] === 1).length, 492);
    assert.equal((await readSamples(file('dt_adult/x_test.h5'))).rows.length, 2417);
    await assert.rejects(importModel([file('dt_adult/dt_adults_income_model.json')]), /meta "decision-tree"/);
  });
} else {
  test('regression and network of our own, with HDF5 samples (no ../shared here)', async () => {
    const samples = await writeHdf5((root) => {
      root.create_dataset({ name: 'x_test', data: new Float64Array([1, 2, 3, 4]), shape: [2, 2] });
    });
    const { rows } = await readSamples({ name: 'x_test.h5', bytes: samples });
    const lr = { meta: 'lr', classes_: [0, 1], coef_: [[0.5, -1]], intercept_: [0.5] };
    const [p] = predictPlain(await importModel([jsonFile('model.json', lr)]), rows[0]);
    assert.ok(Math.abs(p - 1 / (1 + Math.E)) < 1e-15);
    const layers = [
      { class_name: 'Dense', config: { name: 'a', units: 1, batch_input_shape: [null, 2] } },
      { class_name: 'Activation', config: { name: 's', activation: 'square' } },
    ];
    const weights = await writeHdf5((root) => {
      const kernel = { name: 'kernel', shape: [2, 1], values: [1, 2] };
      writeLegacyWeights(root, { a: [kernel, { name: 'bias', shape: [1], values: [3] }] });
    });
    const json = jsonFile('nn.json', { class_name: 'Sequential', config: { layers } });
    assert.deepEqual(predictPlain(await importModel([{ name: 'w', bytes: weights }, json]), rows[1]), [196]);
  });
}
