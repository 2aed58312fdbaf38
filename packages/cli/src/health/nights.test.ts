/** Nights of exports and tables. @module */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { chooseNights, type Night } from './nights.ts';
import { type NightOptions, readNights } from './sleep.ts';
import { exportXml, scratch, sleep } from './testing.ts';

let files: Awaited<ReturnType<typeof scratch>>;
before(async () => {
  files = await scratch();
});
after(() => files.remove());

async function nights(text: string, options?: NightOptions): Promise<Night[]> {
  await writeFile(files.at('n'), text);
  return (await readNights(files.at('n'), options)).nights;
}

const T = (day: number, time: string): string => `2024-03-${String(day).padStart(2, '0')} ${time}:00 +0100`;

const TWO = exportXml(
  sleep('InBed', T(1, '22:00'), T(2, '06:00')),
  sleep('AsleepUnspecified', T(1, '22:30'), T(1, '23:00')),
  sleep('AsleepREM', T(2, '23:40'), T(3, '00:10')), // 17:40 hours later
  sleep('Awake', T(1, '23:00'), T(1, '23:05')),
  sleep('AsleepCore', T(1, '23:05'), T(2, '02:00')),
  sleep('AsleepDeep', T(2, '02:00'), T(2, '05:00')),
  sleep('Asleep', T(3, '00:10'), T(3, '07:00')),
);

test('records become nights at gaps of more than 12 hours, in minutes since each began', async () => {
  const [first, second, ...rest] = await nights(TWO);
  assert.deepEqual(rest, []);
  assert.deepEqual(first.records, [
    [0, 0, 480],
    [1, 30, 60],
    [2, 60, 65],
    [3, 65, 240],
    [4, 240, 420],
  ]);
  assert.deepEqual(
    [first.name, first.start, first.end],
    ['2024-03-02', '2024-03-01 22:00', '2024-03-02 06:00'],
  );
  assert.deepEqual(second.records, [
    [5, 0, 30],
    [1, 30, 440],
  ]);
  assert.equal(second.name, '2024-03-03');
});

test('twelve hours to the minute are one night, a minute more are two', async () => {
  const at = (start: string) =>
    exportXml(sleep('Asleep', T(1, '01:00'), T(1, '02:00')), sleep('Asleep', T(1, start), T(1, '15:00')));
  assert.equal((await nights(at('14:00'))).length, 1);
  const parted = await nights(at('14:01'));
  assert.deepEqual(
    parted.map(({ name }) => name),
    ['2024-03-01', '2024-03-01.2'],
  );
  assert.equal((await nights(at('05:00'), { gapHours: 2 })).length, 2);
});

test('the clocks of two time zones', async () => {
  const [night] = await nights(
    exportXml(sleep('Asleep', '2024-03-01 23:00:00 +0100', '2024-03-01 18:00:00 -0500')),
  );
  assert.deepEqual(night.records, [[1, 0, 60]]);
  assert.equal(night.name, '2024-03-01');
});

test('one source of several', async () => {
  const both = exportXml(
    sleep('InBed', T(1, '22:00'), T(2, '06:00'), 'Phone'),
    sleep('Asleep', T(1, '22:30'), T(2, '06:00')),
  );
  assert.deepEqual((await nights(both))[0].sources, ['Phone', 'Watch']);
  assert.deepEqual((await nights(both, { source: 'watch' }))[0].records, [[1, 0, 450]]);
  await assert.rejects(nights(both, { source: 'Ring' }), (error: Error & { hint: string }) => {
    assert.match(error.hint, /Phone, Watch/);
    return true;
  });
});

test('a night of more than 17 hours is told, and does not spoil the others', async () => {
  const naps = exportXml(
    sleep('Asleep', T(1, '22:00'), T(2, '06:00')),
    sleep('Asleep', T(2, '15:00'), T(2, '16:00')),
    sleep('Asleep', T(4, '22:00'), T(5, '06:00')),
  );
  const found = await nights(naps);
  assert.equal(found.length, 2);
  assert.match(found[0].problem ?? '', /1080 minutes/);
  assert.deepEqual(chooseNights('n', found, 'all'), [found[1]]);
  assert.throws(() => chooseNights('n', found, '1'), { code: 'NIGHT_TOO_LONG' });
  assert.equal((await nights(naps, { gapHours: 3 })).length, 3);
});

test('choosing', async () => {
  const found = await nights(TWO);
  const names = (wanted?: string) => chooseNights('n', found, wanted).map(({ name }) => name);
  assert.deepEqual(names(), ['2024-03-03']);
  assert.deepEqual(names('all'), ['2024-03-02', '2024-03-03']);
  assert.deepEqual(names('1'), ['2024-03-02']);
  assert.deepEqual(names('-2'), ['2024-03-02']);
  assert.deepEqual(names('2024-03-02'), ['2024-03-02']);
  for (const wanted of ['0', '3', '-3', '2024-03-04', 'first'])
    assert.throws(() => names(wanted), { code: 'NIGHT_UNKNOWN' }, wanted);
});

test('records that cannot be used are skipped, counted, and told of the night that lacks them', async () => {
  const text = exportXml(
    sleep('InBed', T(1, '22:00'), T(2, '06:00')),
    sleep('Dreaming', T(1, '23:00'), T(2, '01:00')),
    sleep('AsleepCore', T(2, '05:00'), T(2, '04:00')),
    sleep('InBed', T(2, '22:00'), T(3, '06:00')),
    sleep('InBed', 'then', T(3, '06:00')),
    sleep('Dreaming', T(9, '22:00'), T(9, '23:00')),
  );
  await writeFile(files.at('n.csv'), text);
  const { nights: found, skipped } = await readNights(files.at('n.csv'));
  assert.equal(skipped.count, 4);
  assert.match(skipped.first ?? '', /^line \d+: a sleep record of "HKCategoryValueSleepAnalysisDreaming"$/);
  assert.match(skipped.warning('n.csv') ?? '', /skipped 4 records of n\.csv/);
  assert.deepEqual(
    found.map(({ name, records, skipped }) => [name, records, skipped]),
    [
      ['2024-03-02', [[0, 0, 480]], 2],
      ['2024-03-03', [[0, 0, 480]], undefined],
    ],
  );
});

test('a list without nights', () => {
  assert.throws(() => chooseNights('n', []), { code: 'HEALTH_EMPTY' });
});

test('tables of minutes and of times', async () => {
  const minutes = [
    [0, 0, 120],
    [3, 120, 150],
  ];
  for (const text of [
    '0,0,120\n3,120,150\n',
    'stage,start,end\n0,0,120\n3,120,150\n',
    'start;end;stage\n0;120;in bed\n120;150;HKCategoryValueSleepAnalysisAsleepCore\n',
    'stage,start,end\nInBed,2024-03-01T22:00:00Z,2024-03-02T00:00:00Z\nCore,2024-03-02T00:00:00Z,2024-03-02T00:30:00Z\n',
  ])
    assert.deepEqual((await nights(text))[0].records, minutes, text);
});

test('records and rows that say something impossible', async () => {
  const xml = (...bad: [string, string, string]) => exportXml(sleep(...bad));
  for (const text of [
    xml('Dreaming', T(1, '22:00'), T(2, '06:00')),
    xml('InBed', T(2, '22:00'), T(2, '06:00')),
    xml('InBed', 'then', T(2, '06:00')),
    xml('constructor', T(1, '22:00'), T(2, '06:00')),
    '0,0,120\n6,0,10\n',
    '0,0,120\n3,20,10\n',
    '0,0,120\n3,2.5,10\n',
    '0,0,120\n3,-5,10\n',
    '0,0,120\n3,5\n',
    'stage,start\n1,2\n',
    'x,y,z\n1,2,3\n',
    '0,2024-03-01T22:00Z,2024-03-01T21:00Z\n',
    '0,2024-03-01T22:00Z,never\n',
  ])
    await assert.rejects(nights(text), (error: Error & { code: string }) => {
      assert.match(error.code, /^(HEALTH_VALUE|CSV_INVALID)$/, text);
      return true;
    });
  await assert.rejects(nights(exportXml()), { code: 'HEALTH_EMPTY' });
});
