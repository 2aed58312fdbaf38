import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Ciphertext } from '../rlwe/ciphertext.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  bits,
  type Complex,
  complexes,
  conjugated,
  minus,
  overBuilds,
  Party,
  plus,
  rotated,
  SCALE,
  scaled,
  shifted,
  smallContext,
  times,
} from '../testing/contexts.ts';
import { EvaluationKeys } from './evaluation-keys.ts';
import { Evaluator, sameScale } from './evaluator.ts';

const STEPS = [1, 2, 4, -3];
/** Far above the noise of these circuits (about 2^-24 at scale 2^40), far below any message. */
const TOLERANCE = 2 ** -18;

overBuilds('evaluator', (kernels) => {
  const context = smallContext(kernels, 3, 2);
  const party = new Party(context, [
    { level: 3, special: 2, steps: STEPS, conjugate: true, relinearization: true },
  ]);
  const { evaluator, slots, encoder } = party;
  const seeds = fc.tuple(fc.integer(), fc.integer());
  const levels = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }));
  const runs = { numRuns: 12 };

  /** Runs an operation on fresh encryptions, checks value, level and scale, and that nothing leaks. */
  function check(
    inputs: [Complex, number][],
    operate: (...c: Ciphertext[]) => Ciphertext,
    expected: Complex,
    level: number,
    scale: number,
    tolerance = TOLERANCE,
  ): void {
    const ciphertexts = inputs.map(([values, at]) => party.encrypt(values, at));
    const before = ciphertexts.map(bits);
    const result = operate(...ciphertexts);
    ciphertexts.forEach((c, i) => {
      assert.deepEqual(bits(c), before[i], 'an operand was changed');
    });
    assert.equal(result.level, level);
    assert.ok(sameScale(result.scale, scale), `scale ${result.scale}, expected ${scale}`);
    assertClose(party.decrypt(result), expected, tolerance);
    for (const c of [...ciphertexts, result]) c.dispose();
  }

  describe('against clear arithmetic', () => {
    test('add, sub, negate at mixed levels', () => {
      fc.assert(
        fc.property(seeds, levels, ([s, t], [i, j]) => {
          const [a, b] = [complexes(slots, s), complexes(slots, t)];
          const low = Math.min(i, j);
          const pair: [Complex, number][] = [
            [a, i],
            [b, j],
          ];
          check(pair, (x, y) => evaluator.add(x, y), plus(a, b), low, SCALE);
          check(pair, (x, y) => evaluator.sub(x, y), minus(a, b), low, SCALE);
          check([[a, i]], (x) => evaluator.negate(x), scaled(a, -1), i, SCALE);
        }),
        runs,
      );
    });

    test('addInPlace and addScaledInPlace take a higher level into a lower one', () => {
      fc.assert(
        fc.property(seeds, levels, fc.double({ min: -3, max: 3, noNaN: true }), ([s, t], [i, j], f) => {
          const [a, b] = [complexes(slots, s), complexes(slots, t)];
          const into = party.encrypt(a, Math.min(i, j));
          const from = party.encrypt(b, Math.max(i, j));
          evaluator.addInPlace(into, from);
          assertClose(party.decrypt(into), plus(a, b), TOLERANCE);
          into.scale = SCALE;
          // The constant is rounded at the ratio of the scales, which a double scale makes precise.
          const sum = evaluator.multiplyConstant(into, 1, 2 ** 6);
          evaluator.addScaledInPlace(sum, from, f);
          const factor = Math.round(f * 2 ** 6) / 2 ** 6;
          assertClose(party.decrypt(sum), plus(plus(a, b), scaled(b, factor)), TOLERANCE);
          for (const c of [into, from, sum]) c.dispose();
        }),
        runs,
      );
    });

    test('constants', () => {
      fc.assert(
        fc.property(
          fc.integer(),
          fc.integer({ min: 0, max: 3 }),
          fc.double({ min: -8, max: 8, noNaN: true }),
          (s, i, f) => {
            const a = complexes(slots, s);
            check([[a, i]], (x) => evaluator.addConstant(x, f), shifted(a, f), i, SCALE);
            if (i === 0) return;
            check(
              [[a, i]],
              (x) => evaluator.multiplyConstant(x, f, 2 ** 30),
              scaled(a, f),
              i,
              SCALE * 2 ** 30,
            );
          },
        ),
        runs,
      );
    });

    test('constants beyond 2^53 are exact residues', () => {
      const a = complexes(slots, 1);
      check([[a, 2]], (x) => evaluator.multiplyConstant(x, 3, 2 ** 60), scaled(a, 3), 2, 2 ** 100);
      const wide = party.encrypt(a, 3, 2 ** 80);
      evaluator.addConstantInPlace(wide, -2.5);
      assertClose(party.decrypt(wide), shifted(a, -2.5), TOLERANCE);
      wide.dispose();
    });

    test('plaintexts of any period, at the same level or above', () => {
      fc.assert(
        fc.property(
          seeds,
          levels,
          fc.integer({ min: 0, max: 9 }),
          fc.boolean(),
          ([s, t], [i, j], log, full) => {
            const a = complexes(slots, s);
            const p = complexes(2 ** log, t);
            const at = (v: Float64Array) => Float64Array.from({ length: slots }, (_, k) => v[k % v.length]);
            const repeated = { re: at(p.re), im: at(p.im) };
            const [low, high] = [Math.min(i, j), Math.max(i, j)];
            const same = encoder.encode(p, high, SCALE, full);
            check([[a, low]], (x) => evaluator.addPlain(x, same), plus(a, repeated), low, SCALE);
            same.dispose();
            if (low > 0) {
              const factor = encoder.encode(p, high, 2 ** 30, full);
              const product = (x: Ciphertext) => evaluator.multiplyPlain(x, factor);
              check([[a, low]], product, times(a, repeated), low, SCALE * 2 ** 30);
              factor.dispose();
            }
          },
        ),
        runs,
      );
    });

    test('multiply, square, relinearise, rescale at mixed levels', () => {
      fc.assert(
        fc.property(
          seeds,
          fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
          ([s, t], [i, j]) => {
            const [a, b] = [complexes(slots, s), complexes(slots, t)];
            const low = Math.min(i, j);
            const pair: [Complex, number][] = [
              [a, i],
              [b, j],
            ];
            const after = (level: number) => SCALE ** 2 / context.moduli[level].value;
            const chain =
              (f: (c: Ciphertext) => Ciphertext) =>
              (x: Ciphertext, y: Ciphertext = x) => {
                const product = x === y ? evaluator.square(x) : evaluator.multiply(x, y);
                const result = f(product);
                product.dispose();
                return result;
              };
            check(pair, (x, y) => evaluator.multiply(x, y), times(a, b), low, SCALE ** 2);
            check([[a, i]], (x) => evaluator.square(x), times(a, a), i, SCALE ** 2);
            const relinearize = chain((c) => evaluator.relinearize(c));
            check(pair, relinearize, times(a, b), low, SCALE ** 2);
            check([[a, i]], relinearize, times(a, a), i, SCALE ** 2);
            const both = chain((c) => evaluator.relinearizeRescale(c));
            check(pair, both, times(a, b), low - 1, after(low));
            check([[a, i]], both, times(a, a), i - 1, after(i));
            check(pair, (x, y) => evaluator.multiplyRescale(x, y), times(a, b), low - 1, after(low));
            // Rescaling works on three polynomials too.
            const rescale = chain((c) => evaluator.rescale(c));
            check(pair, rescale, times(a, b), low - 1, after(low));
          },
        ),
        { numRuns: 8 },
      );
    });

    test('relinearizeRescale is rescale of relinearize, up to the rounding of one division', () => {
      const [a, b] = [complexes(slots, 1), complexes(slots, 2)];
      const [x, y] = [party.encrypt(a), party.encrypt(b)];
      const product = evaluator.multiply(x, y);
      const once = evaluator.relinearizeRescale(product);
      const linear = evaluator.relinearize(product);
      const twice = evaluator.rescale(linear);
      assert.equal(once.level, twice.level);
      assert.equal(once.scale, twice.scale);
      const difference = evaluator.sub(once, twice);
      // Two roundings of c_0 + c_1 s of about sqrt(N/18) each: nowhere near the noise of a key.
      const zero = { re: new Float64Array(slots), im: new Float64Array(slots) };
      assertClose(party.decrypt(difference), zero, (16 * context.n) / SCALE);
      for (const c of [x, y, product, once, linear, twice, difference]) c.dispose();
    });

    test('dropLevel keeps the message and its scale', () => {
      const a = complexes(slots, 4);
      for (let i = 0; i <= 3; i++) {
        for (let j = 0; j <= i; j++) check([[a, i]], (x) => evaluator.dropLevel(x, j), a, j, SCALE);
      }
    });

    test('rotations to the left, conjugation, at every level the key serves', () => {
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 0, max: 3 }), fc.constantFrom(...STEPS), (s, i, step) => {
          const a = complexes(slots, s);
          check([[a, i]], (x) => evaluator.rotate(x, step), rotated(a, step), i, SCALE);
          check([[a, i]], (x) => evaluator.rotate(x, step + slots), rotated(a, step), i, SCALE);
          check([[a, i]], (x) => evaluator.conjugate(x), conjugated(a), i, SCALE);
          check([[a, i]], (x) => evaluator.rotate(x, 0), a, i, SCALE);
        }),
        runs,
      );
    });

    test('hoisted rotations are the plain ones, bit for bit', () => {
      const a = complexes(slots, 6);
      const x = party.encrypt(a, 2);
      const wanted = [4, 0, 1, -3, 1, slots];
      const hoisted = evaluator.rotateHoisted(x, wanted);
      assert.equal(hoisted.length, wanted.length);
      hoisted.forEach((h, k) => {
        const plain = evaluator.rotate(x, wanted[k]);
        assert.deepEqual(bits(h), bits(plain));
        assertClose(party.decrypt(h), rotated(a, wanted[k]), TOLERANCE);
        plain.dispose();
        h.dispose();
      });
      assert.deepEqual(evaluator.rotateHoisted(x, []), []);
      x.dispose();
    });

    test('innerSum adds rotations', () => {
      const a = complexes(slots, 7);
      const sum = (count: number) =>
        Array.from({ length: count }, (_, k) => rotated(a, k)).reduce((x, y) => plus(x, y));
      for (const count of [1, 2, 4, 8]) {
        check([[a, 1]], (x) => evaluator.innerSum(x, 1, count), sum(count), 1, SCALE);
      }
    });

    test('zero is an encryption of zero to accumulate into', () => {
      const a = complexes(slots, 8);
      check(
        [[a, 2]],
        (x) => {
          const sum = evaluator.zero(2, SCALE);
          evaluator.addInPlace(sum, x);
          return sum;
        },
        a,
        2,
        SCALE,
      );
    });
  });

  describe('refuses', () => {
    const a = party.encrypt([1], 3);
    const low = party.encrypt([1], 1);
    const bottom = party.encrypt([1], 0);
    const otherScale = party.encrypt([1], 3, SCALE * 2);
    const product = evaluator.multiply(a, a);
    const elsewhere = new Party(smallContext(kernels, 3, 2));
    const foreign = elsewhere.encrypt([1], 3);
    const plain = encoder.encode([1], 1, SCALE);
    const foreignPlain = elsewhere.encoder.encode([1], 3, SCALE);

    test('scales that differ', () => {
      const refuse = (body: () => unknown) => assertCode(kernels, 'SCALE_MISMATCH', body);
      refuse(() => evaluator.add(a, otherScale));
      refuse(() => evaluator.sub(a, otherScale));
      refuse(() => evaluator.addInPlace(a, otherScale));
      const dropped = evaluator.dropLevel(otherScale, 1);
      refuse(() => evaluator.addPlain(dropped, plain));
      dropped.dispose();
    });

    test('levels that do not fit', () => {
      const refuse = (body: () => unknown) => assertCode(kernels, 'LEVEL_MISMATCH', body);
      refuse(() => evaluator.addInPlace(a, low));
      refuse(() => evaluator.addScaledInPlace(a, low, 1));
      refuse(() => evaluator.addPlain(a, plain));
      refuse(() => evaluator.multiplyPlain(a, plain));
      for (const level of [4, -1, 0.5]) refuse(() => evaluator.dropLevel(a, level));
    });

    test('to go below level 0', () => {
      const square = evaluator.square(bottom);
      const refuse = (body: () => unknown) => assertCode(kernels, 'LEVEL_EXHAUSTED', body);
      refuse(() => evaluator.rescale(bottom));
      refuse(() => evaluator.relinearizeRescale(square));
      refuse(() => evaluator.zero(-1, SCALE));
      refuse(() => evaluator.zero(4, SCALE));
      square.dispose();
    });

    test('degrees that do not fit', () => {
      const refuse = (body: () => unknown) => assertCode(kernels, 'DEGREE_MISMATCH', body);
      const lifted = evaluator.zero(3, product.scale);
      refuse(() => evaluator.multiply(product, a));
      refuse(() => evaluator.multiply(a, product));
      refuse(() => evaluator.add(lifted, product));
      refuse(() => evaluator.addInPlace(lifted, product));
      refuse(() => evaluator.addScaledInPlace(lifted, product, 1));
      refuse(() => evaluator.relinearize(a));
      refuse(() => evaluator.rotate(product, 1));
      refuse(() => evaluator.rotateHoisted(product, [1]));
      refuse(() => evaluator.conjugate(product));
      refuse(() => evaluator.innerSum(product, 1, 2));
      lifted.dispose();
    });

    test('ciphertexts and plaintexts of another context', () => {
      const refuse = (body: () => unknown) => assertCode(kernels, 'CONTEXT_MISMATCH', body);
      const sum = evaluator.zero(3, SCALE);
      for (const operation of ['add', 'sub', 'multiply', 'addInPlace'] as const) {
        refuse(() => evaluator[operation](a, foreign));
        refuse(() => evaluator[operation](foreign, a));
        refuse(() => evaluator[operation](foreign, foreign));
      }
      refuse(() => evaluator.addScaledInPlace(sum, foreign, 1));
      refuse(() => evaluator.addPlain(a, foreignPlain));
      refuse(() => evaluator.multiplyPlain(a, foreignPlain));
      for (const operation of ['negate', 'square', 'rescale', 'conjugate'] as const) {
        refuse(() => evaluator[operation](foreign));
      }
      refuse(() => evaluator.rotate(foreign, 1));
      refuse(() => evaluator.rotateHoisted(foreign, [1]));
      refuse(() => evaluator.dropLevel(foreign, 1));
      refuse(() => evaluator.addConstant(foreign, 1));
      refuse(() => evaluator.multiplyConstant(foreign, 1, 2));
      sum.dispose();
    });

    test('constants that are not finite, counts and steps that make no sense', () => {
      const refuse = (body: () => unknown) => assertCode(kernels, 'VALUE_RANGE', body);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
        refuse(() => evaluator.addConstant(a, bad));
        refuse(() => evaluator.multiplyConstant(a, bad, 2 ** 60));
        refuse(() => evaluator.addScaledInPlace(a, a, bad * 1e10));
      }
      for (const count of [0, 3, -2, Number.NaN]) refuse(() => evaluator.innerSum(a, 1, count));
      for (const steps of [0.5, Number.NaN]) {
        refuse(() => evaluator.rotate(a, steps));
        refuse(() => evaluator.rotateHoisted(a, [1, steps]));
      }
    });

    test('to work without the key', () => {
      const without = new Evaluator(context);
      const empty = new Evaluator(context, new EvaluationKeys());
      const refuse = (body: () => unknown) => assertCode(kernels, 'KEY_MISSING', body);
      for (const e of [without, empty]) {
        refuse(() => e.rotate(a, 1));
        refuse(() => e.rotateHoisted(a, [0, 1]));
        refuse(() => e.conjugate(a));
        refuse(() => e.relinearize(product));
        refuse(() => e.multiplyRescale(a, a));
      }
      refuse(() => evaluator.rotate(a, 5));
      refuse(() => evaluator.rotateHoisted(a, [1, 5]));
      refuse(() => evaluator.innerSum(a, 2, 8));
    });

    test('what was disposed of', () => {
      const gone = party.encrypt([1]);
      gone.dispose();
      assertCode(kernels, 'DISPOSED', () => gone.limb(0, 0));
      assert.throws(() => evaluator.add(gone, a), { code: 'DISPOSED' });
    });
  });

  test('scales that are the same in another order of rounding are equal', () => {
    assert.ok(sameScale(SCALE, SCALE * (1 + 2 ** -50)));
    assert.ok(!sameScale(SCALE, SCALE * (1 + 2 ** -30)));
    assert.ok(!sameScale(SCALE, Number.NaN));
  });
});

overBuilds('memory', (kernels) => {
  test('100 000 operations on a small ring leave the arena as it was', () => {
    const context = smallContext(kernels, 1, 1);
    const party = new Party(context, [{ level: 1, special: 1, steps: [1], relinearization: true }]);
    const { evaluator: e } = party;
    const x = party.encrypt([1, 2], 1);
    const y = party.encrypt([3, 4], 1);
    const plain = party.encoder.encode([2], 1, 2 ** 20);
    const round = (heavy: boolean): number => {
      const results = [e.add(x, y), e.sub(x, y), e.negate(x), e.addConstant(x, 2), e.dropLevel(x, 0)];
      results.push(e.multiplyPlain(x, plain), e.multiply(x, y), e.multiplyConstant(x, 2, 4));
      e.addInPlace(results[0], y);
      e.addScaledInPlace(results[1], y, 2);
      let count = results.length + 2;
      if (heavy) {
        results.push(
          e.rotate(x, 1),
          e.relinearizeRescale(results[6]),
          e.rescale(x),
          ...e.rotateHoisted(y, [1]),
        );
        count += 4;
      }
      for (const r of results) r.dispose();
      return count;
    };
    round(true);
    assertNoLeak(kernels, () => {
      const size = kernels.memory.buffer.byteLength;
      let operations = 0;
      for (let k = 0; operations < 100_000; k++) operations += round(k % 8 === 0);
      assert.equal(kernels.memory.buffer.byteLength, size, 'the memory grew');
    });
    for (const c of [x, y, plain, party, context]) c.dispose();
  });
});
