import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EvaluationKeys } from '../ckks/evaluation-keys.ts';
import { Evaluator, sameScale } from '../ckks/evaluator.ts';
import { generateGaloisKey } from '../rlwe/switching-key.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  builds,
  overBuilds,
  Party,
  random,
  real,
  reals,
  SCALE,
  smallContext,
} from '../testing/contexts.ts';
import {
  diagonal,
  LinearTransform,
  type TransformShape,
  transformRotations,
  transformShape,
} from './linear-transform.ts';

const product = (rows: number, columns: number, weights: ArrayLike<number>, x: ArrayLike<number>): number[] =>
  Array.from({ length: rows }, (_, r) => {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += weights[r * columns + c] * x[c];
    return sum;
  });

const size = fc.integer({ min: 1, max: 24 });

/** Any shape, with a period that may be longer than needed and any number of baby steps. */
const shapes = fc
  .tuple(size, size, fc.integer({ min: 0, max: 2 }), fc.option(fc.integer({ min: 0, max: 5 })))
  .map(([rows, columns, longer, baby]) => {
    const period = 2 ** (Math.ceil(Math.log2(columns)) + longer);
    return transformShape(rows, columns, period, baby === null ? undefined : 2 ** baby);
  });

function checkShape(shape: TransformShape): void {
  assert.ok(shape.inputPeriod >= shape.columns && shape.outputPeriod >= shape.rows);
  assert.equal(shape.babySteps * shape.giantSteps, shape.diagonals);
  assert.equal(shape.diagonals, Math.min(shape.inputPeriod, shape.outputPeriod));
}

overBuilds('linear transform', (kernels) => {
  const LEVEL = 2;
  const context = smallContext(kernels, LEVEL, 2);
  const party = new Party(context);

  /** Exactly the keys that the shape asks for, at exactly its levels. */
  function evaluatorFor(shape: TransformShape): Evaluator {
    const keys = new EvaluationKeys();
    const { before, after } = transformRotations(shape);
    const add = (steps: number[], level: number) => {
      for (const step of steps) {
        const g = context.galoisElement(step);
        keys.set(g, generateGaloisKey(party.secret, g, { level, special: 2 }));
      }
    };
    // A key of the higher level serves both; it is set last.
    add(after, LEVEL - 1);
    add(before, LEVEL);
    return new Evaluator(context, keys);
  }

  function run(shape: TransformShape, weights: Float64Array, x: Float64Array): void {
    checkShape(shape);
    const evaluator = evaluatorFor(shape);
    const padded = new Float64Array(shape.inputPeriod);
    padded.set(x);
    const input = party.encrypt(padded, LEVEL);
    const scale = context.moduli[LEVEL].value;
    const transform = new LinearTransform(party.encoder, shape, weights, LEVEL, scale);
    transform.apply(evaluator, input).dispose();
    let result = input;
    assertNoLeak(kernels, () => {
      const again = transform.apply(evaluator, input);
      again.dispose();
    });
    result = transform.apply(evaluator, input);
    assert.equal(result.level, LEVEL - 1);
    assert.ok(sameScale(result.scale, SCALE));
    const expected = new Float64Array(shape.outputPeriod);
    expected.set(product(shape.rows, shape.columns, weights, x));
    // The result is periodic over all slots: every repetition is compared.
    const whole = Float64Array.from({ length: party.slots }, (_, i) => expected[i % shape.outputPeriod]);
    assertClose(party.decrypt(result), real(whole), 2 ** -14);
    for (const c of [input, result, transform, evaluator.keys!]) c.dispose();
  }

  test('random matrices of random shapes', () => {
    fc.assert(
      fc.property(shapes, fc.integer(), (shape, seed) => {
        run(shape, reals(shape.rows * shape.columns, seed), reals(shape.columns, seed + 1));
      }),
      { numRuns: 20 },
    );
  });

  for (const [rows, columns] of [
    [1, 1],
    [1, 29],
    [16, 16],
    [3, 16],
    [16, 3],
    [7, 9],
    [9, 7],
    [1, 16],
    [16, 1],
  ]) {
    test(`${rows} x ${columns}`, () => {
      run(transformShape(rows, columns), reals(rows * columns, rows), reals(columns, columns));
    });
  }

  test('zeros: none, some and all of the diagonals', () => {
    const shape = transformShape(8, 8);
    run(shape, new Float64Array(64), reals(8, 1));
    const identity = Float64Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0));
    run(shape, identity, reals(8, 2));
    const next = random(3);
    run(
      shape,
      reals(64, 3).map((v) => (next() < 0.8 ? 0 : v)),
      reals(8, 4),
    );
    // A matrix without zeros stores all diagonals, the identity one, the zero matrix none.
    const bytes = (weights: Float64Array) => {
      const transform = new LinearTransform(party.encoder, shape, weights, LEVEL, SCALE);
      const sum = transform.bytes;
      transform.dispose();
      return sum;
    };
    const one = (LEVEL + 1) * 16 * 8;
    assert.deepEqual([bytes(reals(64, 5)), bytes(identity), bytes(new Float64Array(64))], [8 * one, one, 0]);
  });

  test('a full-length vector uses plaintexts that do not repeat', () => {
    const { slots } = party;
    const shape = transformShape(2, slots, slots, 2);
    run(shape, reals(2 * slots, 1, 0.1), reals(slots, 2));
  });

  test('refuses levels, shapes, periods and missing keys', () => {
    const shape = transformShape(4, 4);
    const weights = reals(16, 1);
    const transform = new LinearTransform(party.encoder, shape, weights, LEVEL, SCALE);
    const evaluator = evaluatorFor(shape);
    const low = party.encrypt([1], 1);
    const input = party.encrypt([1], LEVEL);
    assertCode(kernels, 'LEVEL_MISMATCH', () => transform.apply(evaluator, low));
    const without = new Evaluator(context, new EvaluationKeys());
    assertCode(kernels, 'KEY_MISSING', () => transform.apply(without, input));
    const make = (w: Float64Array, s = shape, level = LEVEL) =>
      new LinearTransform(party.encoder, s, w, level, SCALE);
    assertCode(kernels, 'SHAPE_MISMATCH', () => make(reals(15, 1)));
    assertCode(kernels, 'LEVEL_MISMATCH', () => make(weights, shape, LEVEL + 1));
    assertCode(kernels, 'VALUE_RANGE', () => make(weights.map((v, i) => (i === 9 ? Number.NaN : v))));
    const wide = transformShape(1, 4 * party.slots);
    assertCode(kernels, 'SHAPE_MISMATCH', () => make(reals(4 * party.slots, 1), wide));
    for (const c of [low, input, transform, evaluator.keys!]) c.dispose();
  });
});

test('the diagonals hold every weight exactly once for each repetition of the output', () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      checkShape(shape);
      const weights = Float64Array.from({ length: shape.rows * shape.columns }, (_, i) => i + 1);
      const seen = new Map<number, number>();
      for (let d = 0; d < shape.diagonals; d++) {
        for (const v of diagonal(shape, weights, d)) if (v !== 0) seen.set(v, (seen.get(v) ?? 0) + 1);
      }
      assert.equal(seen.size, weights.length);
      assert.ok(new Set(seen.values()).size === 1);
    }),
  );
});

test('a shape that makes no sense is refused', () => {
  const kernels = builds[0];
  const refuse = (...args: Parameters<typeof transformShape>) =>
    assertCode(kernels, 'SHAPE_MISMATCH', () => transformShape(...args));
  refuse(0, 4);
  refuse(4, 0);
  refuse(1.5, 4);
  refuse(Number.NaN, 4);
  refuse(4, 4, 2);
  refuse(4, 4, 6);
  refuse(4, 4, 4, 3);
  refuse(4, 4, 4, 0);
});
