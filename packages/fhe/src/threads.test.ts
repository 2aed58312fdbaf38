/**
 * Any number of threads must compute the same ciphertexts, bit for bit, from the same inputs, and leave nothing behind.
 * The ring is large enough for every operation to fork.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { LinearTransform, transformRotations, transformShape } from './circuits/linear-transform.ts';
import { evaluatePolynomial } from './circuits/polynomial.ts';
import { Encoder } from './ckks/encoder.ts';
import { Evaluator } from './ckks/evaluator.ts';
import type { Ciphertext } from './rlwe/ciphertext.ts';
import type { Context } from './rlwe/context.ts';
import { encryptZero } from './rlwe/encryption.ts';
import type { Plaintext } from './rlwe/plaintext.ts';
import { expandMask, expandMasks } from './rlwe/sampling.ts';
import { SecretKey } from './rlwe/secret-key.ts';
import { generateGaloisKey } from './rlwe/switching-key.ts';
import {
  assertClose,
  assertNoLeak,
  bits,
  complexes,
  Party,
  reals,
  rotated,
  SCALE,
  smallContext,
} from './testing/contexts.ts';
import { readSeeded, seededBytes, writeSeeded } from './wire/ciphertexts.ts';
import { EvaluationKeyWriter, evaluationKeyBytes, readEvaluationKeys } from './wire/keys.ts';
import { ByteReader, ByteWriter } from './wire/reader.ts';

const LOG_N = 12;
const LEVEL = 5;
const SIZE = 8;
/** One thread, an even and an odd number of them; special primes that do and do not divide the chain evenly. */
const [one, ...several] = await Promise.all([1, 2, 3].map((threads) => loadKernels({ threads })));
after(() => Promise.all(several.map((kernels) => kernels.close())));
const contextOf = (kernels: Kernels, special: number): Context =>
  smallContext(kernels, LEVEL, special, LOG_N);
const shape = transformShape(SIZE, SIZE);
const steps = [...new Set([1, 2, 5, ...transformRotations(shape).before])];

for (const special of [1, 2, 4]) {
  test(`the same inputs give the same bits on 1, 2 and 3 threads, ${special} special primes`, () => {
    const context = contextOf(one, special);
    const maker = new Party(context, [
      { level: LEVEL, special, steps, relinearization: true, conjugate: true },
    ]);
    const galois = [0, context.conjugation, ...steps.map((step) => context.galoisElement(step))];
    const specs = galois.map((g) => ({ galois: g, level: LEVEL, special }));
    const writer = new EvaluationKeyWriter(context, specs);
    for (const g of galois) writer.add(g, maker.keys.get(g));
    const keyBytes = writer.finish();
    const inputs = [1, 2].map(() => {
      const input = new ByteWriter(seededBytes(context.parameters, LEVEL));
      writeSeeded(input, encryptZero(maker.secret, LEVEL, SCALE));
      return input.bytes;
    });
    const weights = reals(SIZE * SIZE, 5);

    const run = (kernels: Kernels): Map<string, Uint8Array> => {
      const found = new Map<string, Uint8Array>();
      const within = contextOf(kernels, special);
      const work = () => {
        const keys = readEvaluationKeys(within, keyBytes, specs);
        const evaluator = new Evaluator(within, keys);
        const encoder = new Encoder(within);
        const [x, y] = inputs.map((bytes) => readSeeded(within, new ByteReader(bytes), LEVEL, SCALE));
        const plain: Record<string, Plaintext> = {
          encode: encoder.encode(complexes(within.n / 2, 3), LEVEL, SCALE),
          encodePeriodic: encoder.encode(reals(256, 4), LEVEL, SCALE),
          encodeSpread: encoder.encode(reals(256, 4), LEVEL, SCALE, true),
        };
        const transform = new LinearTransform(encoder, shape, weights, LEVEL, SCALE);
        const product = evaluator.multiply(x, y);
        const inPlace = x.clone();
        evaluator.addInPlace(inPlace, y);
        evaluator.addScaledInPlace(inPlace, y, 3);
        const results: Record<string, Ciphertext> = {
          add: evaluator.add(x, y),
          sub: evaluator.sub(x, y),
          negate: evaluator.negate(x),
          inPlace,
          addConstant: evaluator.addConstant(x, 0.5),
          addPlain: evaluator.addPlain(x, plain['encode']),
          multiplyPlain: evaluator.multiplyPlain(x, plain['encode']),
          multiplyRuns: evaluator.multiplyPlain(x, plain['encodePeriodic']),
          multiplyConstant: evaluator.multiplyConstant(x, 1.25, SCALE),
          product,
          square: evaluator.square(x),
          relinearize: evaluator.relinearize(product),
          relinearizeRescale: evaluator.relinearizeRescale(product),
          multiplyRescale: evaluator.multiplyRescale(x, y),
          rescale: evaluator.rescale(x),
          rescaleProduct: evaluator.rescale(product),
          dropLevel: evaluator.dropLevel(x, 2),
          conjugate: evaluator.conjugate(x),
          rotate: evaluator.rotate(x, 5),
          lower: evaluator.rotate(evaluator.dropLevel(x, 2), 1),
          innerSum: evaluator.innerSum(x, 1, 4),
          transform: transform.apply(evaluator, x),
          polynomial: evaluatePolynomial(evaluator, x, {
            basis: 'chebyshev',
            coefficients: [0.1, 0.5, 0.25, 0.125, 0.3, -0.2],
          }),
        };
        evaluator.rotateHoisted(x, [0, 1, 2, 5]).forEach((result, i) => {
          results[`hoisted${i}`] = result;
        });
        for (const [name, ciphertext] of Object.entries(results)) found.set(name, bits(ciphertext));
        for (const [name, plaintext] of Object.entries(plain))
          found.set(name, kernels.u8(plaintext.limb(0), plaintext.bytes).slice());
        galois.forEach((g) => {
          const key = keys.get(g);
          found.set(`key ${g}`, kernels.u8(key.b(0, 0), key.bytes).slice());
        });
        for (const owner of [x, y, transform, keys, ...Object.values(results), ...Object.values(plain)])
          owner.dispose();
      };
      work();
      return found;
    };
    const expected = run(one);
    for (const kernels of several) {
      const found = run(kernels);
      for (const [name, bytes] of expected)
        assert.equal(Buffer.compare(found.get(name)!, bytes), 0, `${name} on ${kernels.threads} threads`);
    }
    maker.dispose();
    context.dispose();
  });
}

test('threads leave nothing in memory', () => {
  for (const kernels of several) {
    const context = contextOf(kernels, 2);
    const party = new Party(context, [{ level: LEVEL, special: 2, steps: [1], relinearization: true }]);
    const x = party.encrypt(reals(context.n / 2, 1));
    const body = () => {
      party.evaluator.rotate(x, 1).dispose();
      party.evaluator.multiplyRescale(x, x).dispose();
      party.evaluator.rescale(x).dispose();
      party.encoder.encode(reals(context.n / 2, 2), LEVEL, SCALE, true).dispose();
      generateGaloisKey(party.secret, context.galoisElement(1), { level: LEVEL, special: 2 }).dispose();
      SecretKey.fromSeed(context, new Uint8Array(32)).dispose();
    };
    // The first time makes tables that stay.
    body();
    assertNoLeak(kernels, body);
    x.dispose();
    party.dispose();
    context.dispose();
  }
});

test('keys that threads generate rotate', () => {
  for (const kernels of several) {
    const context = contextOf(kernels, 2);
    const party = new Party(context, [{ level: LEVEL, special: 2, steps: [3] }]);
    const values = complexes(context.n / 2, 9);
    const x = party.encrypt(values);
    const y = party.evaluator.rotate(x, 3);
    assertClose(party.decrypt(y), rotated(values, 3), 2 ** -20);
    for (const owner of [x, y, party]) owner.dispose();
    context.dispose();
  }
});

test('masks that threads expand are the masks of the wire', () => {
  for (const kernels of [one, ...several]) {
    const context = contextOf(kernels, 2);
    const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
    const limbs = [3, 0, 6, 1, 7].map((limb, i) => ({ dst: context.alloc(1), index: 10 * i, limb }));
    const expected = context.alloc(1);
    expandMasks(context, seed, limbs);
    for (const { dst, index, limb } of limbs) {
      expandMask(context, expected, seed, index, limb);
      assert.deepEqual(kernels.f64(dst, context.n), kernels.f64(expected, context.n));
      context.free(dst);
    }
    context.free(expected);
    context.dispose();
  }
});

test('residues above their modulus are refused on any number of threads', () => {
  for (const kernels of [one, ...several]) {
    const context = contextOf(kernels, 2);
    const specs = [{ galois: 0, level: LEVEL, special: 2 }];
    const bytes = new Uint8Array(evaluationKeyBytes(context.parameters, specs));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 1, true);
    view.setUint16(8, LEVEL, true);
    view.setUint16(10, 2, true);
    readEvaluationKeys(context, bytes, specs).dispose();
    bytes.fill(0xff, bytes.length - 7);
    assertNoLeak(kernels, () =>
      assert.throws(() => readEvaluationKeys(context, bytes, specs), {
        code: 'WIRE_CONTENT',
        message: /^1 residues/,
      }),
    );
    context.dispose();
  }
});
