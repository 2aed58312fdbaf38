import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ByteReader, ERROR_SIGMA, maxLogQP, phase, readResult, readSeeded } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import fc from 'fast-check';
import { openEnvelope, sealEnvelope } from '../envelope.ts';
import { ProgramKeys } from '../keys.ts';
import { pageOf, sharedFile, sharedJson } from '../testing/shared.ts';
import { adCatalogueOf } from './catalogue.ts';
import { positions, scoresBytes } from './circuit.ts';
import { ringContext } from './context.ts';
import type { AdResult } from './decode.ts';
import { secretOf } from './encode.ts';
import { AGE, COUNTRY, FEATURES, featuresOf, GENDER, INTEREST, KIDS, LANGUAGE } from './features.ts';
import { ownCatalogue } from './own-ads.ts';
import { DELTA, failureBits, GROUPS, KEEP, PROFILE_BYTES, RING } from './parameters.ts';
import { adTargeting } from './program.ts';

const kernels = await loadKernels();
const portable = await loadKernels({ build: 'wasm-portable' });
const keys = ProgramKeys.generate(kernels);

/** The demo's matrix where it is there, else a random one as heavy and almost as large. */
function bigCatalogue() {
  const file = sharedFile('ad_weights_4954x62_u8.npy');
  if (file !== undefined) return adCatalogueOf(file.subarray(file.length - 4954 * FEATURES));
  const weights = new Uint8Array(4954 * FEATURES);
  for (let i = 0; i < weights.length; i++) weights[i] = Math.random() < 0.1 ? 10 : 0;
  return adCatalogueOf(weights);
}

const big = bigCatalogue();
const program = adTargeting(big);

async function round(adProgram: ReturnType<typeof adTargeting>, input: unknown): Promise<AdResult> {
  const outputs = await adProgram.run({ kernels }, adProgram.encode(keys, input));
  return adProgram.decode(keys, outputs) as AdResult;
}

interface AdVector {
  ones_at: number[];
  first10: number[];
  sum: number;
  max: number;
  argmax_all: number[];
}

test('the published vector, or the clear scores where the demo matrix is not there', async () => {
  const vectors =
    (sharedJson('vectors.json') as { ad_targeting: AdVector[] } | undefined)?.ad_targeting ?? [];
  for (const { ones_at, first10, sum, max, argmax_all } of vectors) {
    const { top, scores } = await round(program, { ones_at });
    assert.deepEqual(scores.slice(0, 10), first10);
    assert.equal(
      scores.reduce((a, b) => a + b),
      sum,
    );
    assert.deepEqual(
      scores.flatMap((score, i) => (score === max ? [i] : [])),
      argmax_all,
    );
    assert.deepEqual(
      top.slice(0, argmax_all.length).map(({ index }) => index),
      argmax_all,
    );
  }
  for (const ones_at of [[0, 4, 8, 21, 44, 48, 56, 60], [61], Array.from({ length: FEATURES }, (_, i) => i)])
    assert.deepEqual(await round(program, { ones_at }), program.clear({ ones_at }));
});

test('random catalogues and profiles, on both builds', async () => {
  const row = fc
    .uint8Array({ minLength: FEATURES, maxLength: FEATURES, max: 40 })
    .map((weights) =>
      weights.map((w, i, all) => (all.subarray(0, i + 1).reduce((a, b) => a + b, 0) > 255 ? 0 : w)),
    )
    .filter((weights) => weights.reduce((a, b) => a + b, 0) <= 255);
  const rows = fc.array(row, { minLength: 1, maxLength: 300, size: 'max' });
  const ones = fc.uniqueArray(fc.integer({ min: 0, max: FEATURES - 1 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(rows, ones, fc.boolean(), async (matrix, ones_at, fma) => {
      const catalogue = adCatalogueOf(Uint8Array.from(matrix.flatMap((weights) => [...weights])));
      const random = adTargeting(catalogue);
      const server = fma ? kernels : portable;
      const outputs = await random.run({ kernels: server }, random.encode(keys, { ones_at }));
      assert.deepEqual(random.decode(keys, outputs), random.clear({ ones_at }));
    }),
    { numRuns: 25 },
  );
});

test('the profile is encrypted with fresh noise of the stated size, under secure parameters', () => {
  const open = () =>
    openEnvelope(program.encode(keys, { ones_at: [0] }), 'input', 'ad_targeting', 'input').payload;
  const [payload, again] = [open(), open()];
  assert.notDeepEqual(payload, again);
  const context = ringContext(kernels);
  const secret = secretOf(keys);
  const reader = new ByteReader(payload);
  const errors: number[] = [];
  for (let group = 0; group < GROUPS; group++) {
    const ciphertext = readSeeded(context, reader, 0, 1);
    const values = phase(secret, ciphertext, 1);
    ciphertext.dispose();
    if (group === 0) values[0] -= DELTA;
    errors.push(...values);
  }
  secret.dispose();
  const measured = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
  assert.ok(Math.abs(measured - ERROR_SIGMA) < 0.1, `${measured}`);
  assert.ok(RING.logQP <= maxLogQP(RING.logN) && RING.insecure === undefined);
});

test('measured noise of the scores is what the bound assumes', async () => {
  const ones_at = [0, 4, 8, 21, 44, 48, 56, 60];
  const { scores } = program.clear({ ones_at }) as AdResult;
  const context = ringContext(kernels);
  const secret = secretOf(keys);
  const outputs = await program.run({ kernels }, program.encode(keys, { ones_at }));
  const { payload } = openEnvelope(outputs.scores, 'result', 'ad_targeting.scores', 'scores');
  const reader = new ByteReader(payload.subarray(8));
  const errors: number[] = [];
  for (let block = 0; block * 256 < big.rows; block++) {
    const at = positions(big.rows, block);
    const ciphertext = readResult(context, reader, at, KEEP, 1);
    const values = phase(secret, ciphertext, 1);
    ciphertext.dispose();
    for (let j = 0; j < at.count; j++) {
      const error = values[at.start + j * at.stride] - DELTA * scores[256 * block + j];
      errors.push(error - RING.q[0] * Math.round(error / RING.q[0]));
    }
  }
  secret.dispose();
  reader.end();
  const measured = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
  const squares = big.weights.reduce((sum, w) => sum + w * w, 0) / (big.rows / 256);
  const rounding = ((RING.q[0] / 2 ** KEEP) ** 2 / 12) * (1 + (2 / 3) * RING.n);
  const expected = Math.sqrt(ERROR_SIGMA ** 2 * squares + rounding);
  assert.ok(measured > 0.8 * expected && measured < 1.25 * expected, `${measured} against ${expected}`);
  assert.ok(failureBits(big.weights) >= 128);
  assert.ok(failureBits(big.weights, KEEP - 1) < 128, 'KEEP could be smaller');
});

test('sizes are those of the page, and a run is fast', async () => {
  const input = program.encode(keys, program.sample());
  assert.equal(input.length, program.limits.inputBytes);
  const first = await program.run({ kernels }, input);
  assert.equal(scoresBytes(big.rows) + 32 + 'ad_targeting.scores'.length + 4, first.scores.length);
  const page = pageOf('ad-targeting');
  for (const bytes of [input.length, first.scores.length])
    assert.ok(page.includes(`| ${bytes.toLocaleString('en')} |`), `${bytes}`);
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await program.run({ kernels }, input);
    times.push(performance.now() - start);
  }
  // Some 2 ms; the reach is 250.
  assert.ok(Math.min(...times) < 100, `${Math.min(...times)} ms`);
});

test('no kernel memory is left behind by a round', async () => {
  await round(program, program.sample());
  const before = kernels.arena.liveBytes;
  await round(program, program.sample());
  assert.equal(kernels.arena.liveBytes, before);
});

test('a profile becomes features', () => {
  const profile = {
    gender: 'Female',
    age: 35,
    language: 'English',
    country: 'France',
    interests: ['health', 'nature', 'sports', 'Video games'],
  };
  // The published vector's positions.
  assert.deepEqual(featuresOf({ profile }), [0, 4, 8, 21, 44, 48, 56, 60]);
  assert.deepEqual(featuresOf({ profile: {} }), []);
  assert.deepEqual(featuresOf({ profile: { kids: true, country: 'es' } }), [KIDS, COUNTRY + 12]);
  assert.deepEqual(featuresOf({ profile: { interests: ['writers', 'animals', 'animals'] } }), [
    INTEREST,
    FEATURES - 1,
  ]);
  assert.deepEqual([GENDER, AGE, LANGUAGE, KIDS, COUNTRY, INTEREST, FEATURES], [0, 2, 7, 18, 19, 32, 62]);
  for (const [age, at] of [
    [0, 2],
    [12, 2],
    [13, 3],
    [19, 3],
    [45, 4],
    [60, 5],
    [60.5, 6],
    [150, 6],
  ])
    assert.deepEqual(featuresOf({ profile: { age } }), [at]);
});

describe('bad input', () => {
  const cases: [unknown, string][] = [
    [undefined, 'INPUT_INVALID'],
    [{ profile: 7 }, 'INPUT_INVALID'],
    [{ profile: { gender: 'x' } }, 'INPUT_INVALID'],
    [{ profile: { gender: 7 } }, 'INPUT_INVALID'],
    [{ profile: { shoe: 42 } }, 'INPUT_INVALID'],
    [{ profile: { toString: 1 } }, 'INPUT_INVALID'],
    [{ profile: { kids: 'yes' } }, 'INPUT_INVALID'],
    [{ profile: { interests: 'health' } }, 'INPUT_INVALID'],
    [{ profile: { interests: ['gossip'] } }, 'INPUT_INVALID'],
    [{ profile: { interests: new Array(31).fill('health') } }, 'TOO_MANY_VALUES'],
    [{ profile: { age: -1 } }, 'VALUE_RANGE'],
    [{ profile: { age: Number.NaN } }, 'VALUE_RANGE'],
    [{ ones_at: [62] }, 'VALUE_RANGE'],
    [{ ones_at: [1.5] }, 'VALUE_RANGE'],
    [{ ones_at: [] }, 'INPUT_INVALID'],
    [{ ones_at: new Array(63).fill(0) }, 'TOO_MANY_VALUES'],
  ];
  for (const [i, [input, code]] of cases.entries())
    test(`case ${i + 1}: ${code}`, () => {
      assert.throws(() => program.encode(keys, input), { name: 'ProgramError', code });
      assert.throws(() => program.clear(input), { name: 'ProgramError', code });
    });

  test('catalogues that cannot be scored', () => {
    const code = { name: 'ProgramError', code: 'CATALOGUE_INVALID' };
    assert.throws(() => adCatalogueOf(new Uint8Array(0)), code);
    assert.throws(() => adCatalogueOf(new Uint8Array(FEATURES + 1)), code);
    assert.throws(() => adCatalogueOf(new Uint8Array(FEATURES).fill(5)), code);
    assert.throws(() => adCatalogueOf(new Uint8Array(2 * FEATURES), [{ title: 'one' }]), code);
    // Rows of a single weight of 255: the scores fit, the noise does not.
    const heavy = new Uint8Array(256 * FEATURES);
    for (let row = 0; row < 256; row++) heavy[row * FEATURES] = 255;
    assert.throws(() => adCatalogueOf(heavy), code);
    assert.throws(() => adCatalogueOf(new Uint8Array(FEATURES * (2 ** 16 + 1))), code);
  });

  test('a profile of residues that are none, or of another length', async () => {
    const input = program.encode(keys, program.sample());
    const envelope = openEnvelope(input.slice(), 'input', 'ad_targeting', 'input');
    envelope.payload.fill(255, PROFILE_BYTES - 200);
    const residues = sealEnvelope(envelope);
    const code = { name: 'ProgramError', code: 'CIPHERTEXT_INVALID' };
    const live = kernels.arena.liveBytes;
    await assert.rejects(program.run({ kernels }, residues), code);
    assert.equal(kernels.arena.liveBytes, live);
    assert.throws(() => program.inspect(input.subarray(0, input.length - 1)), code);
    assert.throws(() => program.inspect(new Uint8Array([...input, 0])), code);
    assert.equal(PROFILE_BYTES + 48, input.length);
  });
});

test('titles are shown for the catalogue they belong to, and only for that', async () => {
  const own = adTargeting(ownCatalogue());
  const result = await round(own, own.sample());
  assert.deepEqual(result, own.clear(own.sample()));
  assert.equal(result.top.length, 5);
  assert.equal(result.top[0].title, ownCatalogue().ads[result.top[0].index].title);
  const outputs = await program.run({ kernels }, program.encode(keys, program.sample()));
  assert.match((own.decode(keys, outputs) as AdResult).top[0].title, /^advertisement \d+$/);
});

test('the own catalogue: every title once, every row reachable', () => {
  const { ads, rows, weights } = ownCatalogue();
  assert.equal(rows, 360);
  assert.equal(new Set(ads.map(({ title }) => title)).size, rows);
  for (let row = 0; row < rows; row++) {
    const part = weights.subarray(row * FEATURES, (row + 1) * FEATURES);
    assert.ok(
      part.subarray(INTEREST).some((w) => w >= 4) && part.subarray(LANGUAGE, KIDS).some((w) => w === 10),
    );
  }
});
