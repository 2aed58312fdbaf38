import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EvaluationKeys } from '../ckks/evaluation-keys.ts';
import { Evaluator } from '../ckks/evaluator.ts';
import { product } from '../ring/base-conversion.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  complexes,
  overBuilds,
  Party,
  rotated,
  smallContext,
  times,
} from '../testing/contexts.ts';
import { modDown } from './mod-down.ts';
import { digitCount, generateGaloisKey, generateRelinearizationKey, SwitchingKey } from './switching-key.ts';

const TOLERANCE = 2 ** -18;

overBuilds('switching keys', (kernels) => {
  const context = smallContext(kernels, 4, 3);
  const party = new Party(context);
  const { secret, slots } = party;
  const a = complexes(slots, 1);
  const b = complexes(slots, 2);
  const galois = context.galoisElement(3);

  test('each number of special primes, each level, at that level and below', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 4 }),
        fc.nat({ max: 4 }),
        (special, level, down) => {
          const spec = { level, special };
          const keys = new EvaluationKeys();
          keys.set(galois, generateGaloisKey(secret, galois, spec));
          keys.set(0, generateRelinearizationKey(secret, spec));
          const evaluator = new Evaluator(context, keys);
          const at = Math.max(0, level - down);
          const x = party.encrypt(a, at);
          const turned = evaluator.rotate(x, 3);
          assertClose(party.decrypt(turned), rotated(a, 3), TOLERANCE);
          // Half the scale, so that the product fits q_0.
          const [u, v] = [party.encrypt(a, at, 2 ** 22), party.encrypt(b, at, 2 ** 22)];
          const wide = evaluator.multiply(u, v);
          const linear = evaluator.relinearize(wide);
          assertClose(party.decrypt(linear), times(a, b), 2 ** -10);
          for (const c of [x, turned, u, v, wide, linear, keys]) c.dispose();
        },
      ),
      { numRuns: 25 },
    );
  });

  test('digits and bytes', () => {
    for (const [level, special, digits] of [
      [4, 1, 5],
      [4, 2, 3],
      [4, 3, 2],
      [0, 3, 1],
      [2, 3, 1],
    ]) {
      const key = generateGaloisKey(secret, galois, { level, special });
      assert.equal(digitCount(key), digits);
      assert.equal(key.digits, digits);
      assert.equal(key.bytes, 2 * digits * (level + 1 + special) * context.n * 8);
      key.dispose();
      assertCode(kernels, 'DISPOSED', () => key.b(0, 0));
    }
  });

  test('a key refuses levels above its own, and parameters refuse keys that they cannot hold', () => {
    const keys = new EvaluationKeys();
    keys.set(galois, generateGaloisKey(secret, galois, { level: 1, special: 1 }));
    keys.set(0, generateRelinearizationKey(secret, { level: 1, special: 1 }));
    const evaluator = new Evaluator(context, keys);
    const x = party.encrypt(a, 2);
    const square = evaluator.square(x);
    assertCode(kernels, 'KEY_LEVEL', () => evaluator.rotate(x, 3));
    assertCode(kernels, 'KEY_LEVEL', () => evaluator.rotateHoisted(x, [3]));
    assertCode(kernels, 'KEY_LEVEL', () => evaluator.relinearize(square));
    for (const spec of [
      { level: 5, special: 1 },
      { level: -1, special: 1 },
      { level: 1, special: 0 },
      { level: 1, special: 4 },
    ]) {
      assertCode(kernels, 'KEY_LEVEL', () => new SwitchingKey(context, spec, new Uint8Array(32)));
    }
    const elsewhere = smallContext(kernels, 4, 3);
    const foreign = new Party(elsewhere, [{ level: 1, special: 1, steps: [3] }]);
    const mixed = new Evaluator(context, foreign.keys);
    const low = party.encrypt(a, 1);
    assert.throws(() => mixed.rotate(low, 3), { code: 'CONTEXT_MISMATCH' });
    for (const c of [x, low, square, keys, foreign]) c.dispose();
  });

  test('hoisted rotations with keys of different numbers of special primes', () => {
    const keys = new EvaluationKeys();
    [1, 2, 3].forEach((special) => {
      const g = context.galoisElement(special);
      keys.set(g, generateGaloisKey(secret, g, { level: 2, special }));
    });
    const x = party.encrypt(a, 2);
    const results = new Evaluator(context, keys).rotateHoisted(x, [3, 1, 2, 0]);
    [3, 1, 2, 0].forEach((steps, i) => {
      assertClose(party.decrypt(results[i]), rotated(a, steps), TOLERANCE);
      results[i].dispose();
    });
    x.dispose();
    keys.dispose();
  });

  test('replacing a key frees the old one', () => {
    const keys = new EvaluationKeys();
    keys.set(galois, generateGaloisKey(secret, galois, { level: 0, special: 1 }));
    assertNoLeak(kernels, () => {
      keys.set(galois, generateGaloisKey(secret, galois, { level: 0, special: 1 }));
    });
    assert.equal(keys.bytes, 4 * context.n * 8);
    keys.dispose();
    assert.equal(keys.bytes, 0);
  });
});

overBuilds('modDown', (kernels) => {
  const context = smallContext(kernels, 3, 3);
  const { n } = context;

  test('divides exactly, with rounding, by any mix of chain and special primes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 1 }),
        fc.integer({ min: 0, max: 3 }),
        fc.bigInt(-(2n ** 70n), 2n ** 70n),
        (level, drop, special, seed) => {
          if (drop + special === 0 || drop > level) return;
          const basis = context.basis(level, special);
          const all = basis.map((i) => context.moduli[i]);
          const Q = product(all);
          const value = (i: number): bigint => {
            const v = (seed * 6364136223846793005n ** BigInt(i % 20) + BigInt(i)) % Q;
            return v > Q / 2n ? v - Q : v < -Q / 2n ? v + Q : v;
          };
          const values = Array.from({ length: n }, (_, i) => value(i));
          const source = context.alloc(basis.length);
          basis.forEach((index, t) => {
            const q = BigInt(context.moduli[index].value);
            kernels.f64(source + context.limbBytes(t), n).set(
              values.map((v) => {
                const r = Number(((v % q) + q) % q);
                return r > Number(q) / 2 ? r - Number(q) : r;
              }),
            );
            context.moduli[index].forward(source + context.limbBytes(t));
          });
          const target = level - drop;
          const dst = context.alloc(target + 1);
          const specials = source + context.limbBytes(level + 1);
          modDown(context, [{ dst, chain: source, specials }], level, drop, special);
          const divided = product([...all.slice(target + 1, level + 1), ...all.slice(level + 1)]);
          for (let t = 0; t <= target; t++) {
            context.moduli[t].inverseTransform(dst + context.limbBytes(t));
            const q = BigInt(context.moduli[t].value);
            kernels.f64(dst + context.limbBytes(t), n).forEach((got, i) => {
              const v = values[i];
              const rounded = (2n * v + (v < 0n ? -divided : divided)) / (2n * divided);
              assert.equal((BigInt(got) - rounded) % q, 0n, `coefficient ${i} modulo ${q}`);
            });
          }
          context.free(source);
          context.free(dst);
        },
      ),
      { numRuns: 25 },
    );
  });
});
