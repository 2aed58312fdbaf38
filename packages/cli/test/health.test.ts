/** `velum health`: from an export to inputs of programs. @module */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { zipSync } from 'fflate';
import { exportXml, sleep, weight } from '../src/health/testing.ts';
import { temporaryDirectory, velum } from './harness.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const at = (name: string): string => join(directory.path, name);
const day = (date: number, time: string): string =>
  `2024-03-${String(date).padStart(2, '0')} ${time}:00 +0100`;

before(async () => {
  directory = await temporaryDirectory();
  const xml = exportXml(
    weight('68', day(1, '07:00')),
    weight('155', day(3, '07:00'), 'lb'),
    weight('65.25', day(2, '07:00')),
    sleep('InBed', day(1, '22:00'), day(2, '06:00')),
    sleep('AsleepCore', day(1, '22:10'), day(2, '05:50')),
    sleep('InBed', day(2, '23:00'), day(3, '04:00')),
    sleep('Asleep', day(4, '01:00'), day(4, '02:00')),
    sleep('Asleep', day(4, '11:00'), day(4, '22:00')),
  );
  const bytes = new TextEncoder().encode(xml);
  await writeFile(at('export.zip'), zipSync({ 'apple_health_export/export.xml': bytes }));
});
after(() => directory.remove());

test('weights', async () => {
  const printed = await velum(['health', 'weights', at('export.zip')]);
  assert.deepEqual(printed.json(), { weights_kg: [68, 65.25, 70.3068] });
  assert.match(printed.stderr, /3 of 3 weights, 2024-03-01 to 2024-03-03/);
  const last = await velum([
    'health',
    'weights',
    at('export.zip'),
    '--last',
    '1',
    '--json',
    '-o',
    at('w.json'),
  ]);
  const wanted = { weights_kg: [70.3068], days: ['2024-03-03'], found: 3, skipped: 0, file: at('w.json') };
  assert.deepEqual(last.json(), wanted);
  assert.deepEqual(JSON.parse(await readFile(at('w.json'), 'utf8')), { weights_kg: [70.3068] });
});

test('nights', async () => {
  const nights = (...more: string[]) => velum(['health', 'nights', at('export.zip'), ...more]);
  const list = await nights();
  assert.match(list.stdout, /^2024-03-02 +2024-03-01 22:00 +06:00 +2 +8:00 +7:40 +Watch$/m);
  assert.match(list.stdout, /^2024-03-04 .*1260 minutes/m);
  const first = [
    [0, 0, 480],
    [3, 10, 470],
  ];
  assert.deepEqual((await nights('--night', '2024-03-02')).json(), { records: first });
  assert.deepEqual((await nights('--json')).json().nights[0].records, first);
  assert.equal((await nights('--night', '2', '-o', at('night.json'))).code, 0);
  assert.deepEqual(JSON.parse(await readFile(at('night.json'), 'utf8')), { records: [[0, 0, 300]] });
  const all = await nights('-o', at('nights'), '--json');
  assert.deepEqual(all.json().files, [at('nights/2024-03-02.json'), at('nights/2024-03-03.json')]);
  assert.deepEqual(await readdir(at('nights')), ['2024-03-02.json', '2024-03-03.json']);
  // the list that --json prints is an input too
  await writeFile(at('nights.json'), all.stdout);
  const run = [
    'program',
    'run',
    'sleep_quality',
    '--input',
    at('nights.json'),
    '--night',
    '2024-03-02',
    '--json',
  ];
  const round = await velum(run, { VELUM_CONFIG_DIR: at('config') });
  assert.equal(round.json().score, 1, round.stderr);
});

test('bad records are skipped with a warning and a count, in every command that reads them', async () => {
  const xml = exportXml(
    weight('68', day(1, '07:00')),
    weight('68', day(1, '08:00'), 'stone'),
    sleep('InBed', day(1, '22:00'), day(2, '06:00')),
    sleep('AsleepCore', day(2, '05:50'), day(1, '22:10')),
    sleep('AsleepCore', day(1, '22:10'), day(2, '05:50')),
  );
  await writeFile(at('bad.xml'), xml);
  const warned = /warning: skipped a record of .*bad\.xml that cannot be used; the first: line \d+: /;
  for (const command of ['weights', 'nights']) {
    const { stderr, json } = await velum(['health', command, at('bad.xml'), '--json']);
    assert.match(stderr, warned);
    assert.equal(json().skipped, 1);
  }
  const run = async (name: string, ...more: string[]) => {
    const args = ['program', 'run', name, '--input', at('bad.xml'), ...more];
    return velum(args, { VELUM_CONFIG_DIR: at('config') });
  };
  const weights = await run('weight_stats', '--json');
  assert.match(weights.stderr, warned);
  assert.deepEqual([weights.json().avg, weights.json().skipped], [68, 1]);
  const night = await run('sleep_quality');
  assert.match(night.stderr, /1 of them began in the night of 2024-03-02: its score lacks them/);
  assert.match(night.stdout, /^2024-03-02 +score +1 \(excellent\) +1 \(excellent\)$/m);
});

test('errors', async () => {
  for (const [args, code, exit] of [
    [['nights', at('export.zip'), '--night', 'last'], 'NIGHT_TOO_LONG', 5],
    [['nights', at('export.zip'), '--night', '9'], 'NIGHT_UNKNOWN', 5],
    [['nights', at('export.zip'), '--source', 'Ring'], 'HEALTH_EMPTY', 5],
    [['nights', at('export.zip'), '--gap', '0'], 'USAGE', 2],
    [['nights', at('export.zip'), '-o', at('export.zip')], 'OUTPUT_UNWRITABLE', 5],
    [['weights', at('export.zip'), '-o', at('export.zip')], 'OUTPUT_IS_INPUT', 2],
    [['weights', at('none')], 'FILE_UNREADABLE', 5],
    [['weights', directory.path], 'FILE_UNREADABLE', 5],
  ] as const) {
    const run = await velum(['health', ...args, '--json']);
    assert.equal(run.json().error.code, code, run.stdout);
    assert.equal(run.code, exit, code);
  }
});
