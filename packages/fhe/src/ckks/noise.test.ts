/**
 * The measured standard deviation of every kind of error against the model. Slots of one ciphertext share their error
 * polynomial, but its N coefficients are independent: with 8 samples the estimate is good to 1 %, and what varies with the
 * key or with the independence that the model assumes to some more.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ciphertext } from '../rlwe/ciphertext.ts';
import { PublicKey } from '../rlwe/encryption.ts';
import {
  type Complex,
  complexes,
  conjugated,
  overBuilds,
  Party,
  rotated,
  SCALE,
  smallContext,
  times,
} from '../testing/contexts.ts';
import { NoiseModel } from './noise.ts';

const SAMPLES = 8;

/** Root mean square of the error in a slot, over some samples. */
function measure(sample: (seed: number) => [Complex, Complex]): number {
  let sum = 0;
  let count = 0;
  for (let seed = 0; seed < SAMPLES; seed++) {
    const [a, b] = sample(seed);
    for (let i = 0; i < a.re.length; i++, count++) {
      sum += (a.re[i] - b.re[i]) ** 2 + (a.im[i] - b.im[i]) ** 2;
    }
  }
  return Math.sqrt(sum / count);
}

function within(measured: number, model: number, factor = 1.2): void {
  const ratio = measured / model;
  assert.ok(ratio < factor && ratio > 1 / factor, `measured ${measured}, the model says ${model}: ${ratio}`);
}

overBuilds('noise is what the model says', (kernels) => {
  const context = smallContext(kernels, 3, 3);
  const party = new Party(context);
  const { evaluator, slots } = party;
  const model = new NoiseModel(context.parameters);
  const decryptAndFree = (c: Ciphertext): Complex => {
    const values = party.decrypt(c);
    c.dispose();
    return values;
  };

  test('fresh, under the secret key', () => {
    const sigma = measure((seed) => {
      const values = complexes(slots, seed);
      return [decryptAndFree(party.encrypt(values, 1)), values];
    });
    within(sigma, model.fresh(SCALE));
  });

  test('fresh, under the public key', () => {
    const key = PublicKey.generate(party.secret, 1);
    const sigma = measure((seed) => {
      const values = complexes(slots, seed);
      const plaintext = party.encoder.encode(values, 1, SCALE);
      const ciphertext = key.encrypt(plaintext);
      plaintext.dispose();
      return [decryptAndFree(ciphertext), values];
    });
    within(sigma, model.freshPublic(SCALE));
    key.dispose();
  });

  test('after a rescale', () => {
    const q = context.moduli[2].value;
    const sigma = measure((seed) => {
      const values = complexes(slots, seed);
      // The fresh error vanishes in the division: what is left is the rounding.
      const c = party.encrypt(values, 2, SCALE * q);
      const result = evaluator.rescale(c);
      c.dispose();
      return [decryptAndFree(result), values];
    });
    within(sigma, model.rescale(SCALE));
  });

  for (const special of [1, 2, 3]) {
    for (const level of [3, 2, 0]) {
      test(`a key switch at level ${level} with ${special} special primes`, () => {
        party.addKeys({ level, special, steps: [1], conjugate: true, relinearization: true });
        const expected = model.keySwitch(level, special, SCALE);
        const differ = (
          operate: (c: Ciphertext) => Ciphertext,
          clear: (v: Complex) => Complex,
          prepare: (c: Ciphertext) => Ciphertext = (c) => c.clone(),
        ) =>
          measure((seed) => {
            const fresh = party.encrypt(complexes(slots, seed), level, 2 ** 20);
            const c = prepare(fresh);
            fresh.dispose();
            c.scale = SCALE;
            const before = clear(party.decrypt(c));
            const result = operate(c);
            c.dispose();
            return [decryptAndFree(result), before];
          });
        within(
          differ(
            (c) => evaluator.rotate(c, 1),
            (v) => rotated(v, 1),
          ),
          expected,
        );
        within(
          differ((c) => evaluator.conjugate(c), conjugated),
          expected,
        );
        within(
          differ(
            (c) => evaluator.relinearize(c),
            (v) => v,
            (c) => evaluator.square(c),
          ),
          expected,
        );
      });
    }
  }

  test('a product carries the errors of its factors', () => {
    party.addKeys({ level: 3, special: 3, relinearization: true });
    const sigma = measure((seed) => {
      const [a, b] = [complexes(slots, seed), complexes(slots, seed + 100)];
      const [x, y] = [party.encrypt(a, 3), party.encrypt(b, 3)];
      const product = evaluator.multiplyRescale(x, y);
      x.dispose();
      y.dispose();
      return [decryptAndFree(product), times(a, b)];
    });
    // E|a|^2 = 2/3 for both factors, and the rescale of the end.
    const after = SCALE ** 2 / context.moduli[3].value;
    within(sigma, Math.hypot(model.fresh(SCALE) * Math.sqrt(4 / 3), model.rescale(after)));
  });
});
