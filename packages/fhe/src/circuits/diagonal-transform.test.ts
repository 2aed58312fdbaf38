import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EvaluationKeys } from '../ckks/evaluation-keys.ts';
import { Evaluator } from '../ckks/evaluator.ts';
import { generateGaloisKey } from '../rlwe/switching-key.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  overBuilds,
  Party,
  real,
  reals,
  SCALE,
  smallContext,
} from '../testing/contexts.ts';
import { type DiagonalShape, DiagonalTransform, diagonalRotations, giantGaps } from './diagonal-transform.ts';

const LEVEL = 2;

const shapes: fc.Arbitrary<DiagonalShape> = fc
  .tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }))
  .chain(([logIn, logOut, logBaby]) =>
    fc
      .uniqueArray(fc.nat({ max: 2 ** Math.min(logIn, logOut) - 1 }), { minLength: 1, maxLength: 12 })
      .chain((offsets) => fc.integer({ min: 1, max: 3 }).map((parts) => ({ offsets, parts })))
      .map(({ offsets, parts }) => ({
        parts,
        inputPeriod: 2 ** logIn,
        outputPeriod: 2 ** logOut,
        offsets: offsets.sort((a, b) => a - b),
        babyModulus: 2 ** logBaby,
      })),
  );

test('the gaps of the giants lead from the largest down to zero', () => {
  assert.deepEqual(giantGaps([0, 4, 16]), [12, 4, 0]);
  assert.deepEqual(giantGaps([8]), [8]);
  assert.deepEqual(giantGaps([]), []);
});

overBuilds('diagonal transform', (kernels) => {
  const context = smallContext(kernels, LEVEL, 2);
  const party = new Party(context);

  function evaluatorFor(shape: DiagonalShape): Evaluator {
    const keys = new EvaluationKeys();
    const { before, after } = diagonalRotations(shape);
    const add = (steps: number[], level: number) => {
      for (const step of steps) {
        const g = context.galoisElement(step);
        keys.set(g, generateGaloisKey(party.secret, g, { level, special: 2 }));
      }
    };
    add(after, LEVEL - 1);
    add(before, LEVEL);
    return new Evaluator(context, keys);
  }

  test('any set of diagonals, with exactly the keys that it names', () => {
    fc.assert(
      fc.property(shapes, fc.integer(), (shape, seed) => {
        const { inputPeriod, outputPeriod, offsets, parts = 1 } = shape;
        const period = Math.max(inputPeriod, outputPeriod);
        // Every part has the first offset; of the others some lack some.
        const diagonals = Array.from({ length: parts }, (_, part) => {
          const ours = offsets.filter((_, k) => k === 0 || (k + part) % parts === 0);
          return new Map(ours.map((d) => [d, reals(period, seed + d + 100 * part)]));
        });
        const xs = diagonals.map((_, part) => reals(inputPeriod, seed - 1 - part));
        const sums = new Float64Array(outputPeriod);
        diagonals.forEach((ofPart, part) => {
          for (let i = 0; i < period; i++)
            for (const [d, values] of ofPart)
              sums[i % outputPeriod] += values[i] * xs[part][(i + d) % inputPeriod];
        });
        const evaluator = evaluatorFor(shape);
        const scale = context.moduli[LEVEL].value;
        const diagonal = (d: number, part: number): Float64Array | undefined => diagonals[part].get(d);
        const transform = new DiagonalTransform(party.encoder, shape, diagonal, LEVEL, scale);
        const inputs = xs.map((x) => party.encrypt(x, LEVEL));
        transform.apply(evaluator, ...inputs).dispose();
        assertNoLeak(kernels, () => transform.apply(evaluator, ...inputs).dispose());
        const result = transform.apply(evaluator, ...inputs);
        assert.equal(result.level, LEVEL - 1);
        const whole = Float64Array.from({ length: party.slots }, (_, i) => sums[i % outputPeriod]);
        assertClose(party.decrypt(result), real(whole), 2 ** -12);
        for (const owned of [evaluator.keys!, transform, ...inputs, result]) owned.dispose();
      }),
      { numRuns: 25 },
    );
  });

  test('another number of parts than the map has is refused', () => {
    const shape = { parts: 2, inputPeriod: 4, outputPeriod: 4, offsets: [0], babyModulus: 1 };
    const transform = new DiagonalTransform(party.encoder, shape, () => reals(4, 1), LEVEL, SCALE);
    const input = party.encrypt([1], LEVEL);
    assertCode(kernels, 'SHAPE_MISMATCH', () => transform.apply(new Evaluator(context), input));
    for (const owned of [transform, input]) owned.dispose();
  });

  test('a missing key is found before anything is done', () => {
    const shape = { inputPeriod: 8, outputPeriod: 4, offsets: [0, 1, 2, 3], babyModulus: 2 };
    const { before, after } = diagonalRotations(shape);
    const transform = new DiagonalTransform(party.encoder, shape, () => reals(8, 1), LEVEL, SCALE);
    const input = party.encrypt([1], LEVEL);
    for (const missing of [...before, ...after]) {
      const keys = new EvaluationKeys();
      for (const step of [...before, ...after].filter((s) => s !== missing)) {
        const g = context.galoisElement(step);
        keys.set(g, generateGaloisKey(party.secret, g, { level: LEVEL, special: 2 }));
      }
      assertCode(kernels, 'KEY_MISSING', () => transform.apply(new Evaluator(context, keys), input));
      keys.dispose();
    }
    for (const owned of [transform, input]) owned.dispose();
  });
});
