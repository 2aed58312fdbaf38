import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate } from '@velum/fhe';
import fc from 'fast-check';
import { numberIn, pageOf, sharedJson, tableOf } from '../testing/shared.ts';
import type { ProgramCircuit } from '../tfhe-program.ts';
import { sleepCircuit } from './circuit.ts';
import { clearScore, durationCategory, efficiencyCategory, latencyCategory } from './clear.ts';
import { blocksOf, MAX_MINUTES, MAX_RECORDS, recordsOf, type SleepRecord } from './encode.ts';
import { sleepQuality } from './program.ts';

const circuits = new Map<number, ProgramCircuit>();

function simulated(records: readonly SleepRecord[]): number {
  const made = circuits.get(records.length) ?? sleepCircuit(records.length);
  circuits.set(records.length, made);
  return simulate(made.circuit, blocksOf(records))[0];
}

const parsed = (records: unknown): SleepRecord[] => recordsOf({ records });

interface Night {
  records: number[][];
  score: number;
}

const GOOD = JSON.parse(tableOf(pageOf('sleep-quality'), 'records | latency')[0][0]);
const NIGHTS = (sharedJson('vectors.json') as { sleep_quality: Night[] } | undefined)?.sleep_quality ?? [
  { records: GOOD, score: 1 },
  {
    records: [
      [0, 0, 120],
      [3, 120, 150],
      [0, 150, 210],
      [4, 210, 240],
      [0, 240, 300],
    ],
    score: 5,
  },
];

test('the published vectors', () => {
  for (const { records, score } of NIGHTS) {
    assert.equal(simulated(parsed(records)), score);
    assert.deepEqual(sleepQuality.clear({ records }), { score });
  }
});

/** The public demo's arithmetic: minutes modulo 2^10, products modulo 2^16. */
function originalScore(records: readonly SleepRecord[]): number {
  const minutes = (side: readonly SleepRecord[]): number =>
    side.reduce((sum, { start, end }) => sum + end - start, 0) % 2 ** 10;
  const bed = records.filter(({ stage }) => stage === 0);
  const sleep = records.filter(({ stage }) => stage !== 0);
  const latency = ((sleep[0]?.start ?? 0) - (bed[0]?.start ?? 0) + 2 ** 10) % 2 ** 10;
  const asleep = (minutes(sleep) * 100) % 2 ** 16;
  const [t85, t75, t65] = [85, 75, 65].map((percent) => (minutes(bed) * percent) % 2 ** 16);
  const efficiency =
    (t75 < asleep && asleep <= t85 ? 1 : 0) +
    (t65 < asleep && asleep <= t75 ? 2 : 0) +
    (asleep <= t65 ? 3 : 0);
  const sum = latencyCategory(latency) + durationCategory(minutes(sleep)) + efficiency;
  return Math.floor((sum * 4) / 9) + 1;
}

test('the table of differences to the original', () => {
  const rows = tableOf(pageOf('sleep-quality'), 'records | latency');
  assert.equal(rows.length, 6);
  for (const [cell, categories, original, velum] of rows) {
    const records = parsed(JSON.parse(cell));
    const minutes = (inBed: boolean): number =>
      records.reduce((sum, { stage, start, end }) => sum + ((stage === 0) === inBed ? end - start : 0), 0);
    const [, asleep, efficiency] = categories.split(',').map(Number);
    assert.deepEqual(
      [durationCategory(minutes(false)), efficiencyCategory(minutes(false), minutes(true))],
      [asleep, efficiency],
      cell,
    );
    assert.equal(simulated(records), Number(velum), cell);
    assert.equal(clearScore(records), Number(velum), cell);
    assert.equal(originalScore(records), Number(original), cell);
  }
});

/** Times that meet the limits of the categories and the edges of chunks and digits often. */
const minute = (most: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: most }),
    fc.constantFrom(
      ...[0, 1, 7, 8, 15, 16, 30, 31, 60, 61, 63, 64, 300, 301, 360, 361, 420, 421, 511, 512, 1023].filter(
        (t) => t <= most,
      ),
    ),
  );

const night = (maxRecords: number): fc.Arbitrary<SleepRecord[]> =>
  fc.constantFrom(40, 130, 600, MAX_MINUTES).chain((most) =>
    fc.array(
      fc
        .tuple(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 })), minute(most), minute(most))
        .map(([stage, a, b]) => ({ stage, start: Math.min(a, b), end: Math.max(a, b) })),
      { minLength: 1, maxLength: maxRecords, size: 'max' },
    ),
  );

test('random nights: the circuit computes what the clear program does', () => {
  fc.assert(
    fc.property(night(8), (records) => {
      assert.equal(simulated(records), clearScore(records));
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(night(MAX_RECORDS), (records) => {
      assert.equal(simulated(records), clearScore(records));
    }),
    { numRuns: 150 },
  );
});

test('every latency, with either side first', () => {
  for (let latency = -80; latency <= 80; latency++)
    for (const base of [0, 448, 511, 800]) {
      const [bed, sleep] = [base + Math.max(0, -latency), base + Math.max(0, latency)];
      // 361 minutes asleep in as many in bed: 1 for the duration, 0 for the efficiency.
      const rest = [
        { stage: 0, start: 0, end: 361 },
        { stage: 4, start: 0, end: 361 },
      ];
      const inBed = { stage: 0, start: bed, end: bed };
      const asleep = { stage: 2, start: sleep, end: sleep };
      for (const first of [
        [inBed, asleep],
        [asleep, inBed],
      ]) {
        const records = [...first, ...rest];
        assert.equal(simulated(records), clearScore(records), `latency ${latency} from ${base}`);
      }
    }
  for (const [bed, sleep] of [
    [0, 1023],
    [1023, 0],
    [511, 512],
    [512, 511],
    [960, 0],
    [1023, 63],
  ]) {
    const records = [
      { stage: 0, start: bed, end: 1023 },
      { stage: 5, start: sleep, end: 1023 },
    ];
    assert.equal(simulated(records), clearScore(records), `${bed}, ${sleep}`);
  }
});

test('the limits of duration and efficiency', () => {
  for (const asleep of [255, 256, 299, 300, 301, 302, 360, 361, 420, 421, 511, 512, 513, 1023])
    for (const percent of [65, 75, 85])
      for (const off of [-1, 0, 1]) {
        const inBed = Math.min(MAX_MINUTES, Math.round((asleep * 100) / percent) + off);
        const records = [
          { stage: 0, start: 0, end: inBed },
          { stage: 3, start: 0, end: asleep },
        ];
        assert.equal(simulated(records), clearScore(records), `${asleep} of ${inBed}`);
      }
});

test('the other side starts late in a long night', () => {
  for (let at = 1; at < MAX_RECORDS; at++)
    for (const first of [0, 4]) {
      const records = Array.from({ length: MAX_RECORDS }, (_, i) => {
        const stage = i < at ? first : i % 3 === 0 || i === at ? 4 - first : first;
        return { stage, start: (17 * i) % 90, end: (17 * i) % 90 };
      });
      // 421 minutes asleep: the score follows the latency and the efficiency.
      records.push({ stage: 3, start: 0, end: 421 }, { stage: 0, start: 0, end: 480 });
      const night = records.slice(2);
      assert.equal(simulated(night), clearScore(night), `${at}, ${first}`);
    }
});

test('bootstraps are as the page states, and within the plan', () => {
  for (const [records, bootstraps] of tableOf(pageOf('sleep-quality'), 'records | bootstraps'))
    assert.equal(
      sleepCircuit(numberIn(records)).circuit.steps.length,
      numberIn(bootstraps),
      `${records} records`,
    );
  assert.ok(sleepCircuit(17).circuit.steps.length <= 450);
  assert.ok(sleepCircuit(5).circuit.steps.length <= 200);
});

describe('bad input', () => {
  const cases: [unknown, string][] = [
    [undefined, 'INPUT_INVALID'],
    [{}, 'INPUT_INVALID'],
    [{ records: {} }, 'INPUT_INVALID'],
    [{ records: [] }, 'INPUT_INVALID'],
    [{ records: [0, 0, 480] }, 'RECORDS_NOT_TRIPLES'],
    [{ records: [[0, 0]] }, 'RECORDS_NOT_TRIPLES'],
    [{ records: [[0, 0, 10, 20]] }, 'RECORDS_NOT_TRIPLES'],
    [{ records: [[0, 0, 480], null] }, 'RECORDS_NOT_TRIPLES'],
    [{ records: [[6, 0, 480]] }, 'VALUE_RANGE'],
    [{ records: [[-1, 0, 480]] }, 'VALUE_RANGE'],
    [{ records: [[0.5, 0, 480]] }, 'VALUE_RANGE'],
    [{ records: [['0', 0, 480]] }, 'VALUE_RANGE'],
    [{ records: [[0, -1, 480]] }, 'VALUE_RANGE'],
    [{ records: [[0, 0, 1024]] }, 'VALUE_RANGE'],
    [{ records: [[0, 0.5, 480]] }, 'VALUE_RANGE'],
    [{ records: [[0, 0, Number.NaN]] }, 'VALUE_RANGE'],
    [{ records: [[0, 480, 479]] }, 'START_AFTER_END'],
    [{ records: new Array(MAX_RECORDS + 1).fill([0, 0, 10]) }, 'TOO_MANY_VALUES'],
  ];
  for (const [i, [input, code]] of cases.entries())
    test(`case ${i + 1}: ${code}`, () => {
      assert.throws(() => recordsOf(input), { name: 'ProgramError', code });
      assert.throws(() => sleepQuality.clear(input), { name: 'ProgramError', code });
    });
});
