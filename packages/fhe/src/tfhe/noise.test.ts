/**
 * The measured variance of every kind of error against the model, from both sides, and the failure probabilities of the
 * shipped sets. Phases are taken with the secret key. Samples of one ciphertext or one key are not quite independent,
 * hence bounds wider than their number alone would allow.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Kernels, tfheRotateScratchBytes } from '@velum/kernels';
import { randomSeed } from '../random.ts';
import { builds } from '../testing/contexts.ts';
import { rowBytes, TorusContext } from './context.ts';
import { encryptSeeded, openInputs } from './lists.ts';
import { onTorus, writeTable } from './lookup-table.ts';
import { logTwoSidedTail, NoiseModel, tuniformVariance } from './noise.ts';
import {
  BOOLEAN,
  MESSAGE_1_CARRY_1,
  MESSAGE_2_CARRY_2,
  type TfheLiteral,
  TINY_1_1,
  TINY_2_2,
  tfheParameters,
} from './parameters.ts';
import { makePublicKey, TfhePublicKey } from './public-key.ts';
import { TorusSecret } from './secret.ts';
import { TfheServerKey } from './server-key.ts';
import { makeServerKey } from './server-key-writer.ts';

const ID = '0'.repeat(32);
const insecure = { insecure: true };

const variance = (errors: readonly number[]): number =>
  errors.reduce((sum, e) => sum + e * e, 0) / errors.length;

function within(measured: number, model: number, factor: number, what: string): void {
  const ratio = measured / model;
  assert.ok(ratio < factor && ratio > 1 / factor, `${what}: the variance is ${ratio} times the model's`);
}

test('the tail of the normal distribution', () => {
  // Values of erfc(z / sqrt 2) from its series and tables.
  for (const [z, p] of [
    [2, 0.04550026389635842],
    [3, 0.0026997960632601866],
    [5, 5.733031437583866e-7],
    [8, 1.244192114854357e-15],
  ]) {
    assert.ok(Math.abs(logTwoSidedTail(z) - Math.log2(p)) < 1e-6, `${z}`);
  }
});

test('the shipped sets fail with a probability below 2^-128, and as published', () => {
  for (const [literal, published] of [
    [MESSAGE_2_CARRY_2, -129.581],
    [MESSAGE_1_CARRY_1, -144.322],
  ] as const) {
    assert.ok(Math.abs(new NoiseModel(tfheParameters(literal)).logFailure() - published) < 1, literal.name);
  }
  for (const literal of [MESSAGE_2_CARRY_2, MESSAGE_1_CARRY_1, BOOLEAN]) {
    const failure = new NoiseModel(tfheParameters(literal)).logFailure();
    assert.ok(failure <= -128 && failure <= literal.logFailure, `${literal.name}: 2^${failure}`);
    assert.ok(failure > literal.logFailure - 6, `${literal.name}: what the set states is close`);
  }
});

test('the failure probability grows with the noise that enters', () => {
  const model = new NoiseModel(tfheParameters(MESSAGE_2_CARRY_2));
  assert.ok(model.logFailure(1) < model.logFailure(25));
  assert.ok(model.logFailure(60) > -128, 'there is no room for 60 times the noise of a bootstrap');
});

/** A key with about half of its bits set, as the model assumes: a tiny one may be far from that. */
function drawSecret(context: TorusContext): TorusSecret {
  const { kernels, parameters } = context;
  for (;;) {
    const secret = new TorusSecret(context, randomSeed());
    const weight = kernels.i32(secret.lwe, parameters.lweDimension).reduce((sum, bit) => sum + bit, 0);
    if (Math.abs(weight / parameters.lweDimension - 1 / 2) < 0.1) return secret;
    secret.dispose();
  }
}

/** Everything that a test needs, wiped afterwards. */
function setUp(kernels: Kernels, literal: TfheLiteral) {
  const parameters = tfheParameters(literal, insecure);
  const context = new TorusContext(kernels, parameters);
  const secret = drawSecret(context);
  after(() => {
    secret.dispose();
    context.dispose();
  });
  return { parameters, context, secret, model: new NoiseModel(parameters) };
}

function measureAll(kernels: Kernels, literal: TfheLiteral): void {
  const name = `${literal.name}, ${kernels.build}`;

  test(`${name}: fresh ciphertexts and their linear combinations`, () => {
    const { parameters, context, secret, model } = setUp(kernels, literal);
    const { bigDimension, boxes, delta } = parameters;
    const { x } = kernels;
    const phase = (row: number): number =>
      kernels.f64(row, bigDimension + 1)[bigDimension] - x.tfhe_dot(row, secret.glwe, bigDimension);
    const rows = [0, 1, 2].map(() => kernels.arena.alloc(rowBytes(parameters)));
    const weights = [3, -2, 5];
    const key = TfhePublicKey.fromBytes(kernels, makePublicKey(secret, ID), insecure);
    for (const [what, encrypt, fresh] of [
      ['secret key', (value: number) => encryptSeeded(secret, ID, [value]), model.fresh()],
      // Blocks of one list share their mask's noise: every block gets a list of its own.
      ['public key', (value: number) => key.encrypt([value]), model.freshCompact()],
    ] as const) {
      const errors: number[] = [];
      const sums: number[] = [];
      for (let i = 0; i < 300; i++) {
        const values = rows.map((row, j) => {
          const value = (i + 5 * j) % boxes;
          openInputs(context, encrypt(value)).expand(row, 0);
          errors.push(onTorus(phase(row) - value * delta));
          return value;
        });
        context.combine(rows[0], rows, weights, bigDimension + 1);
        const expected = weights.reduce((sum, w, j) => sum + w * values[j], 0);
        sums.push(onTorus(phase(rows[0]) - expected * delta));
      }
      within(variance(errors), fresh, 1.3, what);
      within(variance(sums), model.linear(weights, [fresh, fresh, fresh]), 1.5, `${what}, combined`);
    }
    key.free();
    for (const row of rows) kernels.arena.free(row);
  });

  test(`${name}: key switch, modulus switch and bootstrap`, async () => {
    const { parameters, context, secret, model } = setUp(kernels, literal);
    const { bigDimension, lweDimension, polynomialSize, glweDimension } = parameters;
    const { ksBaseLog, ksLevels, pbsBaseLog, pbsLevels, switchBits, boxes } = parameters;
    const server = await TfheServerKey.load(kernels, makeServerKey(secret, ID), undefined, insecure);
    const { x, arena } = kernels;
    const BATCH = 8;
    const rounds = 64;
    const [rotations, factor] = parameters.insecure ? [40, 1.5] : [5, 1.3];
    const size = (glweDimension + 1) * polynomialSize;
    const rows = arena.alloc(BATCH * (bigDimension + 1) * 8);
    const words = arena.alloc(BATCH * (lweDimension + 1) * 4);
    const table = arena.alloc(polynomialSize * 8);
    const tables = arena.alloc(BATCH * 4);
    const acc = arena.alloc(BATCH * size * 8);
    const product = arena.alloc(polynomialSize * 8);
    const scratch = arena.alloc(tfheRotateScratchBytes(polynomialSize, glweDimension, BATCH));
    writeTable(
      context,
      table,
      Array.from({ length: boxes }, (_, v) => (v * v) % boxes),
    );
    kernels.i32(tables, BATCH).fill(table);
    const small = kernels.i32(secret.lwe, lweDimension).slice();
    const smallPhase = (row: number, modulus: number): number => {
      const values = kernels.i32(words, BATCH * (lweDimension + 1)).subarray(row * (lweDimension + 1));
      let phase = values[lweDimension];
      for (let i = 0; i < lweDimension; i++) phase -= values[i] * small[i];
      return onTorus(phase / modulus);
    };
    const errors = { keySwitch: [] as number[], modSwitch: [] as number[], bootstrap: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      // Uniform rows: masks and bodies.
      context.withStream(randomSeed(), 3, 0, 0, (key, nonce) =>
        x.tfhe_uniform(rows, BATCH * (bigDimension + 1), key, nonce),
      );
      x.tfhe_keyswitch(
        words,
        rows,
        server.keySwitchKey,
        bigDimension,
        lweDimension,
        ksBaseLog,
        ksLevels,
        BATCH,
      );
      const before: number[] = [];
      for (let c = 0; c < BATCH; c++) {
        const row = rows + c * (bigDimension + 1) * 8;
        const phase =
          kernels.f64(row, bigDimension + 1)[bigDimension] - x.tfhe_dot(row, secret.glwe, bigDimension);
        before.push(smallPhase(c, 2 ** 32));
        errors.keySwitch.push(onTorus(before[c] - phase));
      }
      x.tfhe_modswitch(words, words, lweDimension, switchBits, BATCH);
      for (let c = 0; c < BATCH; c++) {
        errors.modSwitch.push(onTorus(smallPhase(c, 2 * polynomialSize) - before[c]));
      }
      // All coefficients are looked at, so that a few rotations are enough.
      if (round >= rotations) continue;
      x.tfhe_blind_rotate(
        acc,
        tables,
        words,
        server.bootstrapKey,
        lweDimension,
        polynomialSize,
        glweDimension,
        pbsLevels,
        pbsBaseLog,
        context.tables(polynomialSize),
        scratch,
        BATCH,
      );
      for (let c = 0; c < BATCH; c++) {
        const glwe = acc + c * size * 8;
        const body = glwe + 8 * glweDimension * polynomialSize;
        for (let j = 0; j < glweDimension; j++) {
          const at = 8 * j * polynomialSize;
          context.multiply(product, glwe + at, secret.glwe + at, polynomialSize);
          context.combine(body, [body, product], [1, -1], polynomialSize);
        }
        const exponent = Math.round(smallPhase(c, 2 * polynomialSize) * 2 * polynomialSize);
        const lut = kernels.f64(table, polynomialSize);
        const phase = kernels.f64(body, polynomialSize);
        for (let j = 0; j < polynomialSize; j++) {
          const from = (j + exponent + 4 * polynomialSize) % (2 * polynomialSize);
          const expected = from < polynomialSize ? lut[from] : -lut[from - polynomialSize];
          errors.bootstrap.push(onTorus(phase[j] - expected));
        }
      }
    }
    within(variance(errors.keySwitch), model.keySwitch(), 1.4, 'key switch');
    within(variance(errors.modSwitch), model.modSwitch(), 1.4, 'modulus switch');
    within(variance(errors.bootstrap), model.bootstrap(), factor, 'bootstrap');
    // Centred: what the rounding of the mask adds on average has been taken out.
    const mean = errors.modSwitch.reduce((sum, e) => sum + e, 0) / errors.modSwitch.length;
    assert.ok(
      Math.abs(mean) < 5 * Math.sqrt(model.modSwitch() / errors.modSwitch.length),
      `mean of the modulus switch: ${mean}`,
    );
    server.free();
    for (const ptr of [rows, words, table, tables, acc, product, scratch]) arena.free(ptr);
  });
}

for (const kernels of builds) {
  measureAll(kernels, TINY_2_2);
  measureAll(kernels, TINY_1_1);
}
// The real sets where they run fast.
for (const literal of [MESSAGE_2_CARRY_2, MESSAGE_1_CARRY_1, BOOLEAN]) measureAll(builds[0], literal);

test('TUniform has the variance that the model uses', () => {
  const { context } = setUp(builds[0], TINY_2_2);
  const { kernels } = context;
  const count = 1 << 16;
  const ptr = kernels.arena.alloc(count * 8);
  for (const bits of [5, 13, 18]) {
    context.freshNoise(ptr, count, bits);
    const noise = [...kernels.f64(ptr, count)];
    within(variance(noise), tuniformVariance(bits), 1.03, `TUniform(${bits})`);
    assert.ok(noise.every((e) => Number.isInteger(e) && Math.abs(e) <= 2 ** bits));
  }
  kernels.arena.free(ptr);
});
