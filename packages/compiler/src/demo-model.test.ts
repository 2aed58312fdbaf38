import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { importModel } from './import.ts';
import { predictPlain } from './model.ts';
import { readSamples } from './samples.ts';

const file = (name: string) => ({
  name,
  bytes: new Uint8Array(readFileSync(new URL(`../../cli/demo/${name}`, import.meta.url))),
});

test('the model and data of the demo fit each other and reach the stated accuracy', async () => {
  const model = await importModel([file('breast-cancer.lr.json')]);
  const { rows, names } = await readSamples(file('breast-cancer.test.csv'));
  const labels = (await readSamples(file('breast-cancer.labels.csv'))).rows.flat();
  const { featureRanges } = JSON.parse(
    new TextDecoder().decode(file('breast-cancer.hyperparams.json').bytes),
  );
  assert.deepEqual(names, model.inputNames);
  assert.deepEqual([model.inputs, featureRanges.length, rows.length, labels.length], [30, 30, 114, 114]);
  for (const [low, high] of featureRanges) assert.ok(low < high);
  const hits = rows.filter((row, i) => predictPlain(model, row)[0] > 0.5 === (labels[i] === 1));
  assert.equal(hits.length, 113);
  const linear = { ...model, layers: model.layers.slice(0, 1) };
  // From numpy over the same files.
  [-7.5773869, 4.29402326, 5.59898278, 9.63182229, 4.16236438].forEach((score, i) => {
    assert.ok(Math.abs(predictPlain(linear, rows[i])[0] - score) < 1e-8);
  });
});
