import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ImportError } from './errors.ts';
import { jsonFile, writeHdf5 } from './fixtures/write-hdf5.ts';
import { importModel } from './import.ts';
import { FILE_LIMITS } from './model-files.ts';

const text = (name: string, content: string) => ({ name, bytes: new TextEncoder().encode(content) });

async function findingsOf(files: { name: string; bytes: Uint8Array }[]): Promise<Map<string, string>> {
  let findings = new Map<string, string>();
  await assert.rejects(importModel(files), (error: ImportError) => {
    assert.ok(error instanceof ImportError);
    assert.equal(error.code, 'MODEL_UNRECOGNISED');
    findings = new Map(error.findings.map(({ importer, reason }) => [importer, reason]));
    for (const [importer, reason] of findings)
      assert.ok(error.message.includes(`\n  ${importer}: ${reason}`));
    return true;
  });
  return findings;
}

test('files that are no model: the error says what each importer found', async () => {
  const csv = await findingsOf([text('data.csv', 'a,b\n1,2\n')]);
  assert.deepEqual([...csv.keys()], ['sklearn-logistic', 'sklearn-linear', 'keras', 'files']);
  assert.match(csv.get('files')!, /"data.csv".*neither HDF5 nor valid JSON/);

  const xgboost = await findingsOf([jsonFile('xgb.json', { learner: {}, version: [1, 7, 1] })]);
  assert.match(xgboost.get('sklearn-logistic')!, /lacks coef_ or intercept_.*learner, version/);
  assert.match(xgboost.get('keras')!, /lacks class_name/);

  const functional = await findingsOf([
    jsonFile('f.json', { class_name: 'Functional', config: { layers: [] } }),
  ]);
  assert.match(functional.get('keras')!, /Functional.*keras.Sequential/);

  const weights = { name: 'w', bytes: await writeHdf5((root) => void root.create_group('g')) };
  assert.match((await findingsOf([weights])).get('keras')!, /no architecture.*to_json/);

  const two = jsonFile('a', { coef_: [1], intercept_: 0 });
  assert.match((await findingsOf([two, two])).get('sklearn-linear')!, /more than one/);

  const odd: unknown[] = [null, 5, [], 'x', { class_name: 'Sequential', config: 5 }];
  for (const json of odd) await findingsOf([jsonFile('odd.json', json)]);
  await findingsOf([text('empty', '')]);
  await findingsOf([{ name: 'm.keras', bytes: Uint8Array.of(0x50, 0x4b, 0x03, 0x04) }]);
});

test('NaN as Python writes it is no JSON, and the message points at it', async () => {
  const findings = await findingsOf([text('m.json', '{"coef_": [NaN], "intercept_": 0}')]);
  assert.match(findings.get('files')!, /not valid JSON|neither HDF5/);
});

test('pickle and joblib files are refused by content or name, with advice', async () => {
  const cases = [
    { name: 'm.json', bytes: Uint8Array.of(0x80, 0x04, 0x95, 0x10) },
    { name: 'm.json', bytes: Uint8Array.of(0x78, 0x9c, 0x01, 0x02) },
    text('m', 'ccopy_reg\n_reconstructor\np0'),
    text('m', "(dp0\nS'a'\n"),
    text('m.joblib', '{}'),
  ];
  for (const file of cases) {
    await assert.rejects(importModel([file]), (error: ImportError) => {
      assert.equal(error.code, 'MODEL_PICKLE');
      assert.match(error.message, /export the model as JSON/);
      return true;
    });
  }
});

test('names and order carry no meaning, and a byte order mark does not hurt', async () => {
  const json = '\ufeff{"coef_": [1, 2], "intercept_": 3}';
  const model = await importModel([text('weights.h5', json), text('notes.txt', 'Linear Regression')]);
  assert.equal(model.source, 'sklearn-linear');
});

test('limits: number of files, size of JSON', async () => {
  await assert.rejects(importModel([]), { code: 'NO_FILES' });
  const nine = new Array(FILE_LIMITS.files + 1).fill(text('a', '{}'));
  await assert.rejects(importModel(nine), { code: 'TOO_MANY_FILES' });
  const huge = { name: 'a.json', bytes: new Uint8Array(FILE_LIMITS.jsonBytes + 1).fill(0x20) };
  await assert.rejects(importModel([huge]), { code: 'FILE_TOO_LARGE' });
});
