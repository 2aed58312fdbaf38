/**
 * Every operation against exact arithmetic that shares no code with it (testing/torus-reference.ts). Noise is bounded, so
 * that keys and fresh ciphertexts are checked value by value and not statistically.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { tfheRotateScratchBytes } from '@velum/kernels';
import { randomSeed } from '../random.ts';
import { overBuilds, random } from '../testing/contexts.ts';
import {
  centred,
  extract,
  fromTorus,
  type Glwe,
  glwePhase,
  keystream,
  lwePhase,
  type Polynomial,
  ReferenceServerKey,
  toTorus,
  uniform,
} from '../testing/torus-reference.ts';
import { BootstrapBatch } from './bootstrap.ts';
import { TFHE_HEADER_BYTES } from './container.ts';
import { TorusContext } from './context.ts';
import { encryptSeeded, openInputs } from './lists.ts';
import { writeTable } from './lookup-table.ts';
import { NoiseModel } from './noise.ts';
import { type TfheLiteral, TINY_1_1, TINY_2_2, tfheParameters } from './parameters.ts';
import { makePublicKey, TfhePublicKey } from './public-key.ts';
import { TorusSecret } from './secret.ts';
import { TfheServerKey } from './server-key.ts';
import { makeServerKey } from './server-key-writer.ts';

const ID = '00112233445566778899aabbccddeeff';
const insecure = { insecure: true };

const check = (literal: TfheLiteral) =>
  overBuilds(`${literal.name} against exact arithmetic`, (kernels) => {
    const parameters = tfheParameters(literal, insecure);
    const { lweDimension, bigDimension, polynomialSize, glweDimension, pbsBaseLog, pbsLevels } = parameters;
    const { boxes, delta, ksBaseLog, ksLevels, glweNoiseBits, lweNoiseBits } = parameters;
    const context = new TorusContext(kernels, parameters);
    const secret = new TorusSecret(context, randomSeed());
    const big = [...kernels.f64(secret.glwe, bigDimension)];
    const small = [...kernels.i32(secret.lwe, lweDimension)];
    const bytes = makeServerKey(secret, ID);
    const reference = new ReferenceServerKey(parameters, bytes);
    const model = new NoiseModel(parameters);
    after(() => {
      secret.dispose();
      context.dispose();
    });
    const row = (ptr: number): bigint[] => Array.from(kernels.f64(ptr, bigDimension + 1), fromTorus);
    const error = (phase: bigint, expected: number): number => toTorus(phase - fromTorus(expected));

    test('secret keys are the bits of the seed', () => {
      const bits = (domain: number, count: number): number[] => {
        const stream = keystream(secret.seed, [domain, 0, parameters.id], Math.ceil(count / 64) * 8);
        return Array.from({ length: count }, (_, i) => (stream.getUint8(i >> 3) >> (i & 7)) & 1);
      };
      assert.deepEqual(big, bits(16, bigDimension));
      assert.deepEqual(small, bits(17, lweDimension));
    });

    test('the rows of a GGSW hold the gadget times the bit, and bounded noise', () => {
      for (const i of [0, 1, lweDimension - 1]) {
        for (let r = 0; r < (glweDimension + 1) * pbsLevels; r++) {
          const component = Math.floor(r / pbsLevels);
          const gadget = 1n << BigInt(52 - pbsBaseLog * ((r % pbsLevels) + 1));
          const phase = glwePhase(reference.ggswRow(i, r), big);
          const noises = phase.map((value, j) => {
            const unit =
              component === glweDimension ? (j === 0 ? 1 : 0) : -big[component * polynomialSize + j];
            return Number(centred(value - BigInt(unit * small[i]) * gadget));
          });
          for (const noise of noises)
            assert.ok(Math.abs(noise) <= 2 ** glweNoiseBits, `bit ${i}, row ${r}: ${noise}`);
          assert.ok(new Set(noises).size > 2 ** glweNoiseBits, 'noise is drawn');
        }
      }
    });

    test('the rows of the key-switching key hold the bit times the gadget, and bounded noise', () => {
      const noises = new Set<number>();
      for (let r = 0; r < bigDimension * ksLevels; r += 7) {
        const words = reference.keySwitchRow(r);
        let phase = words[lweDimension];
        for (let j = 0; j < lweDimension; j++) phase = (phase - words[j] * small[j]) | 0;
        const level = r % ksLevels;
        const noise = (phase - big[Math.floor(r / ksLevels)] * 2 ** (32 - ksBaseLog * (level + 1))) | 0;
        assert.ok(Math.abs(noise) <= 2 ** lweNoiseBits, `row ${r}: ${noise}`);
        noises.add(noise);
      }
      assert.ok(noises.size > 100, 'noise is drawn');
    });

    test('a block encrypted under the secret key has its value and bounded noise', () => {
      const values = Array.from({ length: boxes }, (_, i) => i);
      const list = encryptSeeded(secret, ID, values);
      const view = new DataView(list.buffer, TFHE_HEADER_BYTES);
      const inputs = openInputs(context, list);
      const ptr = kernels.arena.alloc((bigDimension + 1) * 8);
      values.forEach((value, block) => {
        inputs.expand(ptr, block);
        const expected = [
          ...uniform(list.subarray(TFHE_HEADER_BYTES, TFHE_HEADER_BYTES + 32), [21, block, 0], bigDimension),
          BigInt(view.getInt32(32 + 4 * block, true)) << 20n,
        ];
        assert.deepEqual(row(ptr), expected, 'the row is the one of the wire format');
        const bound = 2 ** (glweNoiseBits - 52) + 2 ** -33;
        assert.ok(Math.abs(error(lwePhase(expected, big), value * delta)) <= bound);
      });
      kernels.arena.free(ptr);
    });

    test('a block encrypted under the public key has its value and small noise', () => {
      const key = TfhePublicKey.fromBytes(kernels, makePublicKey(secret, ID), insecure);
      const ring = 2 ** Math.ceil(Math.log2(bigDimension));
      // More than one mask's worth.
      const values = Array.from({ length: ring + 5 }, (_, i) => i % boxes);
      const inputs = openInputs(context, key.encrypt(values));
      const ptr = kernels.arena.alloc((bigDimension + 1) * 8);
      for (const block of [0, 1, 2, 3, 100, ring - 1, ring, ring + 4]) {
        inputs.expand(ptr, block);
        const e = error(lwePhase(row(ptr), big), values[block] * delta);
        assert.ok(Math.abs(e) < 7 * Math.sqrt(model.freshCompact()), `block ${block}: ${e}`);
      }
      kernels.arena.free(ptr);
      key.free();
    });

    test('key switch, modulus switch, blind rotation and extraction', async () => {
      const server = await TfheServerKey.load(kernels, bytes, undefined, insecure);
      const { x, arena } = kernels;
      const table = arena.alloc(polynomialSize * 8);
      const input = arena.alloc((bigDimension + 1) * 8);
      const output = arena.alloc((bigDimension + 1) * 8);
      const words = arena.alloc((lweDimension + 1) * 4);
      const f = (v: number) => (5 * v + 1) % boxes;
      writeTable(
        context,
        table,
        Array.from({ length: boxes }, (_, v) => f(v)),
      );
      const polynomial: Polynomial = Array.from(kernels.f64(table, polynomialSize), fromTorus);
      // BigInt takes a second for each with several masks and levels.
      const values = glweDimension > 1 ? [boxes - 1] : [0, 1, boxes - 1];
      const inputs = openInputs(context, encryptSeeded(secret, ID, values));
      const batch = new BootstrapBatch(context, 1);
      values.forEach((value, block) => {
        inputs.expand(input, block);
        const exact = row(input);

        x.tfhe_keyswitch(
          words,
          input,
          server.keySwitchKey,
          bigDimension,
          lweDimension,
          ksBaseLog,
          ksLevels,
          1,
        );
        const switched = reference.keySwitch(exact);
        assert.deepEqual(kernels.i32(words, lweDimension + 1).slice(), switched, 'key switch');
        x.tfhe_modswitch(words, words, lweDimension, parameters.switchBits, 1);
        const down = reference.modSwitch(switched);
        assert.deepEqual([...kernels.i32(words, lweDimension + 1)], down, 'modulus switch');

        const form = { rows: [input], weights: [1], constant: 0 };
        batch.bootstrap(x, server, [{ input: form, table, outputs: [output] }]);
        const expected = extract(reference.blindRotate(down, polynomial), 0);
        // Digits of numbers that differ by the transform's error may differ: noise of the same size, not the same noise.
        const limit = 7 * Math.sqrt(model.bootstrap());
        for (const phase of [lwePhase(expected, big), lwePhase(row(output), big)]) {
          assert.ok(Math.abs(error(phase, f(value) * delta)) < limit, `${value}: ${toTorus(phase) / delta}`);
        }
      });
      batch.dispose();
      for (const ptr of [table, input, output, words]) arena.free(ptr);
      server.free();
    });

    test('one step of the blind rotation differs from the exact one by the error of the transform alone', async () => {
      const server = await TfheServerKey.load(kernels, bytes, undefined, insecure);
      const { arena } = kernels;
      const next = random(7);
      const table: Polynomial = Array.from({ length: polynomialSize }, () =>
        centred(BigInt(Math.floor(next() * 2 ** 52))),
      );
      const memory = arena.alloc(polynomialSize * 8);
      kernels.f64(memory, polynomialSize).set(table.map(toTorus));
      let squares = 0;
      let count = 0;
      for (let i = 2; i < 18; i++) {
        const e = Math.floor(next() * 2 * polynomialSize);
        // Two steps first, so that masks are as in the middle of a rotation.
        const switched = new Array<number>(lweDimension + 1).fill(0);
        switched[0] = 100;
        switched[1] = 333;
        const before = rotation(server, switched, memory);
        switched[i] = e;
        // Phases, because where a digit is exactly half the base either sign is right, with another mask.
        const phase = glwePhase(rotation(server, switched, memory), big);
        const expected = glwePhase(reference.rotateIf(i, e, before), big);
        phase.forEach((value, j) => {
          squares += toTorus(value - expected[j]) ** 2;
          count++;
        });
      }
      const ratio = squares / count / model.transform();
      assert.ok(ratio > 1 / 2.5 && ratio < 2.5, `the variance is ${ratio} times the model's`);
      arena.free(memory);
      server.free();
    });

    function rotation(server: TfheServerKey, switched: readonly number[], table: number): Glwe {
      const { x, arena } = kernels;
      const words = arena.alloc((lweDimension + 1) * 4);
      const pointer = arena.alloc(4);
      const size = (glweDimension + 1) * polynomialSize;
      const acc = arena.alloc(size * 8);
      const scratch = arena.alloc(tfheRotateScratchBytes(polynomialSize, glweDimension, 1));
      kernels.i32(words, switched.length).set(switched);
      kernels.i32(pointer, 1)[0] = table;
      x.tfhe_blind_rotate(
        acc,
        pointer,
        words,
        server.bootstrapKey,
        lweDimension,
        polynomialSize,
        glweDimension,
        pbsLevels,
        pbsBaseLog,
        context.tables(polynomialSize),
        scratch,
        1,
      );
      const all = Array.from(kernels.f64(acc, size), fromTorus);
      for (const ptr of [words, pointer, acc, scratch]) arena.free(ptr);
      return Array.from({ length: glweDimension + 1 }, (_, c) =>
        all.slice(c * polynomialSize, (c + 1) * polynomialSize),
      );
    }
  });

check(TINY_2_2);
check(TINY_1_1);
