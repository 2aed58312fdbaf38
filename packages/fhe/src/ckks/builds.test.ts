/**
 * All kernel builds must compute the same ciphertexts, bit for bit, from the same inputs: a client and a server may
 * well run different ones.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import type { Ciphertext } from '../rlwe/ciphertext.ts';
import { encryptZero, PublicKey, phase } from '../rlwe/encryption.ts';
import { SecretKey } from '../rlwe/secret-key.ts';
import { bits, builds, complexes, Party, reals, SCALE, smallContext } from '../testing/contexts.ts';
import {
  readResult,
  readSeeded,
  resultBytes,
  seededBytes,
  writeResult,
  writeSeeded,
} from '../wire/ciphertexts.ts';
import { EvaluationKeyWriter, readEvaluationKeys, readPublicKey, writePublicKey } from '../wire/keys.ts';
import { ByteReader, ByteWriter } from '../wire/reader.ts';
import { Encoder } from './encoder.ts';
import { Evaluator } from './evaluator.ts';

const LEVEL = 2;

const fma = await loadKernels({ build: 'wasm-fma' });

test('the same inputs give the same bits on all builds', () => {
  const first = smallContext(builds[0], LEVEL, 2);
  const maker = new Party(first, [
    { level: LEVEL, special: 2, steps: [1, 2], relinearization: true, conjugate: true },
  ]);
  const galois = [0, first.galoisElement(1), first.galoisElement(2), first.conjugation];
  const specs = galois.map((g) => ({ galois: g, level: LEVEL, special: 2 }));
  const keyWriter = new EvaluationKeyWriter(first, specs);
  for (const g of galois) keyWriter.add(g, maker.keys.get(g));
  const keyBytes = keyWriter.finish();
  const inputs = [1, 2].map(() => {
    const writer = new ByteWriter(seededBytes(first.parameters, LEVEL));
    writeSeeded(writer, encryptZero(maker.secret, LEVEL, SCALE));
    return writer.bytes;
  });
  const publicKey = writePublicKey(PublicKey.generate(maker.secret, 1));
  const seed = maker.secret.exportSeed();
  const coefficients = reals(first.n, 3, 1000).map(Math.round);

  const run = (kernels: Kernels): Record<string, Uint8Array> => {
    const context = smallContext(kernels, LEVEL, 2);
    const secret = SecretKey.fromSeed(context, seed);
    const keys = readEvaluationKeys(context, keyBytes, specs);
    const evaluator = new Evaluator(context, keys);
    const [x, y] = inputs.map((bytes) => readSeeded(context, new ByteReader(bytes), LEVEL, SCALE));
    const plain = new Encoder(context).encodeCoefficients(coefficients, LEVEL, 2 ** 20);
    const product = evaluator.multiply(x, y);
    const results: Record<string, Ciphertext> = {
      x,
      y,
      add: evaluator.add(x, y),
      sub: evaluator.sub(x, y),
      negate: evaluator.negate(x),
      constant: evaluator.multiplyConstant(x, 1.5, 2 ** 60),
      plain: evaluator.multiplyPlain(x, plain),
      product,
      relinearized: evaluator.relinearize(product),
      both: evaluator.relinearizeRescale(product),
      rescaled: evaluator.rescale(product),
      rotated: evaluator.rotate(x, 1),
      conjugated: evaluator.conjugate(x),
      hoisted: evaluator.rotateHoisted(x, [1, 2])[1],
      publicKey: readPublicKey(context, publicKey, 1).pair,
    };
    const low = evaluator.dropLevel(results.rotated, 0);
    const positions = { start: 1, stride: 3, count: 100 };
    const writer = new ByteWriter(resultBytes(context.n, positions, 30));
    writeResult(writer, low, positions, 30);
    results.result = readResult(context, new ByteReader(writer.bytes), positions, 30, SCALE);
    const secretLimbs = kernels.u8(secret.limb(0), context.limbBytes(context.moduli.length)).slice();
    const phaseBytes = new Uint8Array(phase(secret, product).buffer);
    return {
      ...Object.fromEntries(Object.entries(results).map(([name, c]) => [name, bits(c)])),
      secretLimbs,
      phaseBytes,
      wire: writer.bytes,
    };
  };
  const [expected, ...others] = [...builds, fma].map(run);
  for (const other of others) {
    for (const name of Object.keys(expected))
      assert.ok(Buffer.from(expected[name]).equals(other[name]), name);
  }
});

test('encodings differ by no more than the rounding of a coefficient', () => {
  const values = complexes(512, 1);
  const [a, b] = builds.map((kernels) => {
    const context = smallContext(kernels, 0);
    const plaintext = new Encoder(context).encode(values, 0, SCALE);
    context.moduli[0].inverseTransform(plaintext.limb(0));
    return kernels.f64(plaintext.limb(0), context.n).slice();
  });
  a.forEach((v, i) => {
    assert.ok(Math.abs(v - b[i]) <= 1);
  });
});
