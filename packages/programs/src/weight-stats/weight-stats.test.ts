import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate } from '@velum/fhe';
import fc from 'fast-check';
import { numberIn, pageOf, sharedJson, tableOf } from '../testing/shared.ts';
import { weightCircuit } from './circuit.ts';
import { clearWeights } from './clear.ts';
import { decodeAverage, decodeWeight, type WeightResult } from './decode.ts';
import { BLOCKS, blocksOf, MAX_WEIGHTS, tenthsOf } from './encode.ts';
import { weightStats } from './program.ts';

/** The whole round with the exact simulator in the place of encryption. */
function simulated(input: unknown): WeightResult {
  const tenths = tenthsOf(input);
  const { circuit, lengths } = weightCircuit(tenths.length);
  const blocks = simulate(circuit, blocksOf(tenths)).map((value) => ((value % 32) + 32) % 32);
  const [avg, min] = [blocks.slice(0, lengths.avg), blocks.slice(lengths.avg, lengths.avg + BLOCKS)];
  return {
    min: decodeWeight(min, 'min'),
    max: decodeWeight(blocks.slice(lengths.avg + BLOCKS), 'max'),
    avg: decodeAverage(avg, tenths.length),
  };
}

interface WeightVector {
  weights_kg: number[];
  min: number;
  max: number;
  avg: number;
}

const VECTORS = ((sharedJson('vectors.json') as { weight_stats: WeightVector[] } | undefined)
  ?.weight_stats ?? [{ weights_kg: [68, 65, 69, 70, 70.5], min: 650, max: 705, avg: 685 }]) as WeightVector[];

/** The original's average: a sum of 16 bits. */
const originalAverage = (tenths: readonly number[]): number =>
  Math.floor((tenths.reduce((sum, value) => sum + value, 0) % 2 ** 16) / tenths.length) / 10;

test('the published vectors', () => {
  for (const { weights_kg, min, max, avg } of VECTORS) {
    const expected = { min: min / 10, max: max / 10, avg: avg / 10 };
    assert.deepEqual(simulated({ weights_kg }), expected);
    assert.deepEqual(weightStats.clear({ weights_kg }), expected);
  }
});

test('the table of differences to the original', () => {
  const rows = tableOf(pageOf('weight-stats'), 'weights | min');
  assert.equal(rows.length, 2);
  for (const [weights, min, max, original, velum] of rows) {
    const [count, value] = weights.split(' times ').map(Number);
    const weights_kg = value === undefined ? weights.split(',').map(Number) : new Array(count).fill(value);
    assert.deepEqual(simulated({ weights_kg }), { min: Number(min), max: Number(max), avg: Number(velum) });
    assert.equal(originalAverage(tenthsOf({ weights_kg })), Number(original));
  }
});

test('random weights: the circuit computes what the clear program does', () => {
  const tenth = fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constantFrom(1, 2, 65534, 65535, 255, 256));
  fc.assert(
    fc.property(fc.array(tenth, { minLength: 1, maxLength: 40, size: 'max' }), (tenths) => {
      const input = { weights_kg: tenths.map((value) => value / 10) };
      assert.deepEqual(tenthsOf(input), tenths);
      assert.deepEqual(simulated(input), clearWeights(input));
    }),
    { numRuns: 150 },
  );
});

test('500 weights, all at the upper end, do not overflow', () => {
  const weights_kg = Array.from({ length: MAX_WEIGHTS }, (_, i) => (i === 77 ? 0.1 : 6553.5));
  assert.deepEqual(simulated({ weights_kg }), { min: 0.1, max: 6553.5, avg: 6540.3 });
});

test('bootstraps are as the page states, and as few as planned', () => {
  for (const [weights, bootstraps] of tableOf(pageOf('weight-stats'), 'weights | bootstraps'))
    assert.equal(
      weightCircuit(numberIn(weights)).circuit.steps.length,
      numberIn(bootstraps),
      `${weights} weights`,
    );
  assert.equal(weightCircuit(1).circuit.steps.length, 0);
  assert.ok(weightCircuit(5).circuit.steps.length <= 84);
});

test('truncation to tenths of a kilogram', () => {
  assert.deepEqual(
    tenthsOf({ weights_kg: [64.1, 32.3, 70.59, 70.5, 0.1, 6553.5, 6553.59] }),
    [641, 323, 705, 705, 1, 65535, 65535],
  );
});

describe('bad input', () => {
  const cases: [unknown, string][] = [
    [undefined, 'INPUT_INVALID'],
    [null, 'INPUT_INVALID'],
    [[70], 'INPUT_INVALID'],
    [{ weights: [70] }, 'INPUT_INVALID'],
    [{ weights_kg: 70 }, 'INPUT_INVALID'],
    [{ weights_kg: [] }, 'INPUT_INVALID'],
    [{ weights_kg: new Array(MAX_WEIGHTS + 1).fill(70) }, 'TOO_MANY_VALUES'],
    [{ weights_kg: [70, Number.NaN] }, 'VALUE_RANGE'],
    [{ weights_kg: [Number.POSITIVE_INFINITY] }, 'VALUE_RANGE'],
    [{ weights_kg: [0] }, 'VALUE_RANGE'],
    [{ weights_kg: [0.04] }, 'VALUE_RANGE'],
    [{ weights_kg: [-70] }, 'VALUE_RANGE'],
    [{ weights_kg: [6553.6] }, 'VALUE_RANGE'],
    [{ weights_kg: ['70'] }, 'VALUE_RANGE'],
    [{ weights_kg: [null] }, 'VALUE_RANGE'],
    [{ weights_kg: [[70]] }, 'VALUE_RANGE'],
    [{ weights_kg: [70n] }, 'VALUE_RANGE'],
    [Object.create({ weights_kg: [70] }), 'INPUT_INVALID'],
  ];
  for (const [i, [input, code]] of cases.entries())
    test(`case ${i + 1}: ${code}`, () => {
      assert.throws(() => tenthsOf(input), { name: 'ProgramError', code });
      assert.throws(() => weightStats.clear(input), { name: 'ProgramError', code });
    });

  test('results of another length', () => {
    const code = { name: 'ProgramError', code: 'RESULT_INVALID' };
    assert.throws(() => decodeWeight([1, 2, 3], 'min'), code);
    assert.throws(() => decodeAverage(new Array(BLOCKS).fill(0), 11), code);
  });
});
