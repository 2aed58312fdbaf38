/** An ONNX network deploys, enrols and predicts over REST like every other model, single and in a batch. @module */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { connect, signUp, type Velum } from '@velum/client/node';
import { compileFiles, type ModelFile, readCalibration } from '@velum/compiler';
import { wireSizes } from '@velum/runtime';
import { type TestServer, testServer } from './harness.ts';

const file = async (name: string): Promise<ModelFile> => ({
  name,
  bytes: new Uint8Array(await readFile(new URL(`../demo/mnist/${name}`, import.meta.url))),
});

let server: TestServer;
let owner: Velum;
before(async () => {
  server = await testServer();
  const { token } = await signUp(server.url, {
    username: 'owner',
    email: 'owner@example.org',
    password: 'a long enough password',
  });
  owner = connect(server.url, token);
});
after(() => server.close());

test('deploy with calibration data, enrol, predict one digit and several', async () => {
  const network = await file('mnist.onnx');
  const { modelUrl } = await owner.deploy({
    name: 'digits',
    version: 'v1',
    files: [network, await file('calibration.npz')],
  });
  const model = owner.model(modelUrl);
  await model.enroll();
  const exact = await compileFiles([network]);
  const digits = [...readCalibration(await file('digits.npz'), [1, 28, 28]).samples].slice(0, 4);
  const plain = digits.map((digit) => exact.predict(digit));
  const largest = Math.max(...plain.flat().map(Math.abs));
  for (const rows of [digits.slice(0, 1), digits]) {
    const { predictions } = await model.predict(rows.map((row) => [...row]));
    assert.equal(predictions.length, rows.length);
    predictions.forEach((scores, r) => {
      scores.forEach((score, i) => {
        assert.ok(Math.abs(score - plain[r][i]) <= 1e-4 * largest, `digit ${r}, class ${i}: ${score}`);
      });
    });
  }
});

test('a profile for a batch packs many digits into a ciphertext', async () => {
  const network = await file('mnist.onnx');
  const { modelUrl } = await owner.deploy({ name: 'many-digits', version: 'v1', files: [network] });
  const model = owner.model(modelUrl);
  await model.enroll({ batchSize: 20 });
  const { input, parameters } = model.profile!;
  assert.ok(input.images! >= 4, `${input.images} images`);
  assert.ok(input.images! * input.period <= 2 ** (parameters.logN - 1));
  const exact = await compileFiles([network]);
  const digits = [...readCalibration(await file('digits.npz'), [1, 28, 28]).samples];
  const plain = digits.map((digit) => exact.predict(digit));
  const largest = Math.max(...plain.flat().map(Math.abs));
  const { predictions, bytes } = await model.predict(digits.map((row) => [...row]));
  assert.equal(predictions.length, 20);
  predictions.forEach((scores, r) => {
    scores.forEach((score, i) => {
      assert.ok(Math.abs(score - plain[r][i]) <= 1e-4 * largest, `digit ${r}, class ${i}: ${score}`);
    });
  });
  assert.equal(bytes.down, wireSizes(model.profile!).result(20));
  assert.ok(bytes.down < 5 * wireSizes(model.profile!).result(1));
});

test('a network that cannot run is refused with every reason', async () => {
  const network = await file('mnist.onnx');
  const damaged = { name: 'cut.onnx', bytes: network.bytes.slice(0, 900) };
  await assert.rejects(owner.deploy({ name: 'cut', version: 'v1', files: [damaged] }), { status: 422 });
});
