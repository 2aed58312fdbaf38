import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createParameters } from '@velum/fhe';
import { checkSamples, parseProfile, profileId, wireSizes } from '@velum/runtime';
import { compileModel } from './compile.ts';
import { parseRequirements } from './requirements.ts';
import { squareNetwork } from './testing/models.ts';

const code = (expected: string) => (error: Error & { code?: string }) => {
  assert.equal(error.code, expected, error.message);
  return true;
};

test('a linear model needs no evaluation key and little upload', async () => {
  const { profile } = await compileModel(squareNetwork([29, 1], 'sigmoid'));
  const sizes = wireSizes(profile);
  assert.equal(profile.keys.evaluation.length, 0);
  assert.ok(sizes.input(1) <= 64 * 1024, `${sizes.input(1)} bytes up`);
  assert.ok(sizes.result(1) <= 64 * 1024);
  assert.ok(sizes.evaluationKey + sizes.publicKey <= 2 * 2 ** 20);
  assert.equal(profile.output.activation, 'sigmoid');
});

test('the 62-200-100-1 network keeps its keys below 30 MB', async () => {
  const { profile } = await compileModel(squareNetwork([62, 200, 100, 1]));
  assert.ok(wireSizes(profile).evaluationKey <= 30e6);
  createParameters(profile.parameters);
});

test('the profile holds nothing of the weights, and its id is its content', async () => {
  const a = await compileModel(squareNetwork([6, 5, 1], undefined, 1));
  const b = await compileModel(squareNetwork([6, 5, 1], undefined, 2));
  const strip = ({ profile }: typeof a): unknown => ({
    ...profile,
    id: '',
    estimate: 0,
    output: 0,
    parameters: 0,
  });
  assert.deepEqual(strip(a), { ...(strip(b) as object), input: a.profile.input });
  assert.equal(a.profile.id, await profileId(a.profile));
  assert.equal(JSON.stringify(a.profile).includes('weights'), false);
});

test('without calibration a linear model warns where its score would overflow', async () => {
  const { profile } = await compileModel(squareNetwork([4, 1]));
  assert.deepEqual(checkSamples(profile, [[1, 2, 3, 4]]), []);
  const [warning] = checkSamples(profile, [[1, 2, 3, 1e9]]);
  assert.equal(warning.code, 'OUT_OF_RANGE');
  assert.equal(warning.feature, 3);
});

test('calibrated ranges warn by name', async () => {
  const model = { ...squareNetwork([2, 1]), inputNames: ['age', 'income'] };
  const { profile } = await compileModel(model, {
    featureRanges: [
      [18, 99],
      [0, 1e5],
    ],
  });
  const [warning] = checkSamples(profile, [[17, 10]]);
  assert.match(warning.message, /age.*17.*18\.\.99/);
});

test('a lower precision takes a smaller result', async () => {
  const fine = await compileModel(squareNetwork([10, 5, 1]), { precision: 1e-6 });
  const coarse = await compileModel(squareNetwork([10, 5, 1]), { precision: 1e-2 });
  assert.ok(wireSizes(coarse.profile).result(1) < wireSizes(fine.profile).result(1));
});

test('what cannot be compiled is refused by code', async () => {
  await assert.rejects(
    compileModel(squareNetwork([4, 3], 'softmax'), { activation: 'server' }),
    code('ACTIVATION_ON_SERVER'),
  );
  await assert.rejects(
    compileModel(squareNetwork([4, 1]), { featureRanges: [[0, 1]] }),
    code('RANGES_SHAPE'),
  );
  await assert.rejects(compileModel(squareNetwork([4, 1]), { batchSize: 0 }), code('REQUIREMENTS_INVALID'));
  await assert.rejects(
    compileModel(squareNetwork([4, ...new Array<number>(40).fill(4), 1])),
    code('MODEL_TOO_DEEP'),
  );
  await assert.rejects(
    compileModel({ ...squareNetwork([4, 1]), layers: [{ kind: 'activation', name: 'sigmoid' }], outputs: 4 }),
    code('MODEL_EMPTY'),
  );
});

test("HE4Cloud's requirements and hyperparameters are read, others are ignored", () => {
  const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  assert.deepEqual(parseRequirements({ requirements: bytes({ setContext: 'seal', batchSize: 984 }) }), {
    batchSize: 984,
  });
  assert.deepEqual(
    parseRequirements({ requirements: bytes({ rotation_keys: { num_steps: '8', step1: '-128' } }) }),
    {},
  );
  assert.deepEqual(parseRequirements({ hyperparams: bytes({ featureRanges: [[0, 1]], gRep: 3 }) }), {
    featureRanges: [[0, 1]],
  });
  assert.deepEqual(parseRequirements({ requirements: new Uint8Array() }), {});
  assert.throws(
    () => parseRequirements({ requirements: new TextEncoder().encode('not json') }),
    code('REQUIREMENTS_INVALID'),
  );
  assert.throws(
    () => parseRequirements({ requirements: bytes({ batchSize: -1 }) }),
    code('REQUIREMENTS_INVALID'),
  );
});

test('a profile from outside is checked', async () => {
  const { profile } = await compileModel(squareNetwork([6, 5, 1]));
  const broken = (change: (p: Record<string, Record<string, unknown>>) => void): unknown => {
    const copy = structuredClone(profile) as unknown as Record<string, Record<string, unknown>>;
    change(copy);
    return copy;
  };
  assert.throws(() => parseProfile(null), code('PROFILE_INVALID'));
  assert.throws(() => parseProfile(broken((p) => Object.assign(p, { version: 2 }))), code('PROFILE_INVALID'));
  assert.throws(
    () => parseProfile(broken((p) => Object.assign(p['input'], { features: -1 }))),
    code('PROFILE_INVALID'),
  );
  assert.throws(
    () => parseProfile(broken((p) => Object.assign(p['output'], { keep: 99 }))),
    code('PROFILE_INVALID'),
  );
  assert.throws(
    () => parseProfile(broken((p) => Object.assign(p['input'], { level: 99 }))),
    code('PROFILE_INVALID'),
  );
  // A service cannot talk a client into a ring that is too small for its moduli.
  assert.throws(
    () => parseProfile(broken((p) => Object.assign(p['parameters'], { logN: 11 }))),
    code('PARAMETERS_INSECURE'),
  );
  assert.throws(
    () => parseProfile(broken((p) => Object.assign(p['parameters'], { insecure: true, logN: 11 }))),
    code('PARAMETERS_INSECURE'),
  );
});
