/** Weights of exports and tables. @module */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { exportXml, scratch, sleep, weight } from './testing.ts';
import { readWeights } from './weights.ts';

let files: Awaited<ReturnType<typeof scratch>>;
before(async () => {
  files = await scratch();
});
after(() => files.remove());

async function kg(text: string, last?: number): Promise<number[]> {
  await writeFile(files.at('w.csv'), text);
  return (await readWeights(files.at('w.csv'), { last })).weights_kg;
}

test('tables as spreadsheets write them', async () => {
  assert.deepEqual(await kg('68\n65\n70.5\n'), [68, 65, 70.5]);
  assert.deepEqual(await kg('weight\n68\n65'), [68, 65]);
  assert.deepEqual(await kg('2024-03-02,65\n2024-03-01,68\n'), [68, 65]);
  assert.deepEqual(await kg('date,weight\n2024-03-02,65\n2024-03-01,68\n', 1), [65]);
  assert.deepEqual(await kg('Weight (lb),Date\n154.3,2024-03-02\n'), [69.9893]);
  assert.deepEqual(await kg('weight_lbs\r\n100\r\n'), [45.3592]);
  assert.deepEqual(await kg('\ufeffDatum;Gewicht\n2024-03-01;68,5\n'), [68.5]);
  assert.deepEqual(await kg('date\tkg\tnote\n2024-03-01 08:00\t68.5\tx\n'), [68.5]);
  assert.deepEqual(
    await kg('"date","weight_kg","note"\n"2024-03-01","68.5","after ""lunch"", late"\n'),
    [68.5],
  );
});

test('the last ones by date', async () => {
  const rows = Array.from(
    { length: 150 },
    (_, i) => `2024-01-01T00:${String(i % 60).padStart(2, '0')},${100 + i}`,
  );
  assert.equal((await kg(rows.join('\n'))).length, 100);
  assert.deepEqual(await kg('60\n61\n62', 2), [61, 62]);
});

test('tables that cannot be read', async () => {
  for (const [text, line] of [
    ['', undefined],
    ['weight\n', undefined],
    ['name,comment\na,b\n', undefined],
    ['1,2,3\n', undefined],
    ['weight\n68\nheavy\n', 3],
    ['weight\n0\n', 2],
    ['weight\n-5\n', 2],
    ['weight\nNaN\n', 2],
    ['date,weight\nyesterday,68\n', 2],
    ['date,weight\n2024-02-30,68\n', 2],
    ['date,weight\n"2024-02-20,68\n', 2],
  ] as const) {
    await assert.rejects(kg(text), (error: Error & { code: string }) => {
      assert.match(error.code, /^(CSV_INVALID|HEALTH_EMPTY)$/, text);
      if (line !== undefined) assert.match(error.message, new RegExp(`line ${line}:`), text);
      return true;
    });
  }
});

test('records that cannot be used are skipped and counted', async () => {
  const day = '2024-03-02 07:00:00 +0100';
  const bad = [weight('70', day, 'stone'), weight('0', day), weight('70', 'Tuesday')];
  await writeFile(
    files.at('x.xml'),
    exportXml(bad[0], weight('70', day), ...bad.slice(1), weight('71', day)),
  );
  const { weights_kg, found, skipped } = await readWeights(files.at('x.xml'));
  assert.deepEqual([weights_kg, found, skipped.count], [[70, 71], 2, 3]);
  assert.match(skipped.first ?? '', /^line \d+: a weight in "stone"$/);
});

test('records that say something impossible', async () => {
  const day = '2024-03-02 07:00:00 +0100';
  for (const record of [
    weight('70', day, 'stone'),
    weight('70', day, 'toString'),
    weight('heavy', day),
    weight('0', day),
    weight('1e999', day).replace('1e999', 'Infinity'),
    weight('70', 'Tuesday'),
    weight('70', '2024-13-02 07:00:00 +0100'),
  ]) {
    await writeFile(files.at('x.xml'), exportXml(record));
    await assert.rejects(readWeights(files.at('x.xml')), { code: 'HEALTH_VALUE' }, record);
  }
  await writeFile(files.at('x.xml'), exportXml(sleep('InBed', day, day)));
  await assert.rejects(readWeights(files.at('x.xml')), { code: 'HEALTH_EMPTY' });
  await assert.rejects(readWeights(files.at('none.xml')), { code: 'FILE_UNREADABLE' });
});
