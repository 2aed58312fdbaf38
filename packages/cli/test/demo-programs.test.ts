/** `velum demo --programs`: as data, as text, as a picture, and interrupted. @module */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { programNamed } from '@velum/programs';
import { SaxesParser } from 'saxes';
import { NOISE_BYTES, type ProgramsReport } from '../src/demo/programs.ts';
import { programsSvg } from '../src/demo/programs-svg.ts';
import { temporaryDirectory, VELUM, velum } from './harness.ts';

const areas = (stored: ProgramsReport['stored']['before']): string[] => stored.map(({ area }) => area);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
/** With a place of their own for temporary files: other tests have some meanwhile. */
let env: Record<string, string>;
const leftovers = (): string[] => readdirSync(env.TMPDIR);

before(async () => {
  directory = await temporaryDirectory();
  env = { TMPDIR: join(directory.path, 'tmp'), VELUM_CONFIG_DIR: join(directory.path, 'config') };
  mkdirSync(env.TMPDIR);
});
after(() => directory?.remove());

interface Element {
  name: string;
  attributes: Record<string, string>;
}

/** Every element of a document. @throws where it is not well formed */
function elements(xml: string): Element[] {
  const found: Element[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => found.push({ name, attributes }));
  parser.write(xml).close();
  return found;
}

test('velum demo --programs --json agrees with the clear results, draws them and cleans up', async () => {
  const out = join(directory.path, 'night.svg');
  // what is set for another server is not for the demo's
  const run = await velum(['demo', '--programs', '--json', '--out', out], { ...env, VELUM_ENV: 'prod' });
  assert.equal(run.code, 0, run.stdout + run.stderr);
  const report: ProgramsReport = run.json();
  assert.deepEqual(
    report.programs.map(({ program }) => program),
    ['weight_stats', 'sleep_quality', 'ad_targeting'],
  );
  assert.equal(report.agrees, true);
  for (const {
    program,
    input,
    result,
    clear,
    bootstraps,
    progress,
    server_saw,
    bytes,
    times_ms,
  } of report.programs) {
    const { scores: _, ...expected } = programNamed(program).clear(input) as Record<string, unknown>;
    assert.deepEqual(result, expected, program);
    assert.deepEqual(clear, expected, program);
    assert.equal(bootstraps > 0, program !== 'ad_targeting');
    assert.ok(times_ms['compute'] > 0);
    // one key pair: it had travelled before
    assert.equal(bytes['server_key'], 0);
    assert.equal(bytes['input'], server_saw.bytes);
    assert.match(server_saw.hex, /^[0-9a-f]{64}$/);
    // a run that takes a while is told of meanwhile
    assert.ok(progress.length > 0 || times_ms['compute'] < 1000, `${program}: ${times_ms['compute']} ms`);
    for (const [i, done] of progress.entries())
      assert.ok(done > (progress[i - 1] ?? 0) && done <= bootstraps, `${done} of ${bootstraps}`);
  }
  const [weights, night] = report.programs;
  assert.deepEqual(weights.result, { min: 65, max: 70.5, avg: 68.5 });
  assert.deepEqual(night.result, { score: 1 });
  assert.equal((night.input as { records: unknown[] }).records.length, 17);
  assert.ok(report.server_key.bytes > 20e6 && report.server_key.upload_ms > 0);
  assert.deepEqual(areas(report.stored.before), ['keys', 'results']);
  assert.equal(report.stored.before[0].bytes, report.server_key.bytes);
  assert.deepEqual(report.stored.after, report.stored.before.slice(1));
  assert.deepEqual(leftovers(), []);
  assert.deepEqual(
    readdirSync(directory.path).sort(),
    ['night.svg', 'tmp'],
    'its keys are of this run alone',
  );
  checkPicture(readFileSync(out, 'utf8'), report);
});

function checkPicture(svg: string, report: ProgramsReport): void {
  const [root, ...inside] = elements(svg);
  assert.equal(root.name, 'svg');
  assert.equal(root.attributes['role'], 'img');
  assert.match(root.attributes['aria-label'], /17 records.*noise.*: 1, excellent\.$/);
  const records = (report.programs[1].input as { records: number[][] }).records;
  const bars = inside.filter(({ name, attributes }) => name === 'rect' && attributes['height'] === '14');
  assert.equal(bars.length, records.length);
  // the noise is the ciphertext: as many cells of each grey as it has bytes of that brightness
  const bytes = Buffer.from(report.noise, 'hex');
  assert.equal(bytes.length, NOISE_BYTES);
  const dark = bytes.filter((byte) => Math.round((byte / 255) * 15) === 0).length;
  const cells = inside
    .filter(({ attributes }) => attributes['fill']?.startsWith('rgb('))
    .reduce((sum, { attributes }) => sum + attributes['d'].split('z').length - 1, 0);
  assert.equal(cells, NOISE_BYTES - dark);
  for (const { attributes } of inside)
    for (const value of Object.values(attributes)) assert.doesNotMatch(value, /NaN|undefined|Infinity/);
  const [weights, night, ads] = report.programs;
  const bad = programsSvg({ ...report, programs: [weights, { ...night, result: { score: 5 } }, ads] });
  assert.match(elements(bad)[0].attributes['aria-label'], /: 5, very poor\.$/);
  const coloured = (text: string): string[] =>
    text.match(/<path d="[^"]*A[^"]*" fill="#(?!dfe6e1)\w+"/g) ?? [];
  assert.deepEqual([coloured(svg).length, coloured(bad).length], [1, 1]);
  assert.notDeepEqual(coloured(svg), coloured(bad));
}

test('velum demo --programs tells a person the same', async () => {
  const run = await velum(['demo', '--programs'], env);
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.stderr, '');
  for (const text of [
    /typed +\{"weights_kg":\[68,65,69,70,70\.5\]\}\nserver saw +280 B +\.\.\.[0-9a-f]{64}\.\.\./,
    /max +70\.5 kg +70\.5 kg/,
    /server +328 bootstraps, /,
    /score +1 \(excellent\) +1 \(excellent\)/,
    /^#5 .* score \d+ +score \d+$/m,
    /^keys +1 +24\.5 MB$/m,
    /DELETE \/keys/,
    /Every encrypted result is the clear one/,
  ])
    assert.match(run.stdout, text);
});

test('Ctrl-C ends it and leaves nothing', async () => {
  const child = spawn(process.execPath, [VELUM, 'demo', '--programs'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (part) => (stderr += part));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  // the key has arrived, the first program runs
  await new Promise((resolve) =>
    child.stdout.on('data', (part) => String(part).includes('/add_key') && resolve(undefined)),
  );
  child.kill('SIGINT');
  assert.equal(await ended, 130, stderr);
  assert.match(stderr, /\[ABORTED\]/);
  assert.deepEqual(leftovers(), []);
});

test('a picture that cannot be written, and two demos at once, are refused before any work', async () => {
  const nowhere = await velum(['demo', '--programs', '--json', '--out', '/nowhere/night.svg']);
  assert.equal(nowhere.json().error.code, 'OUTPUT_UNWRITABLE');
  const both = await velum(['demo', '--programs', '--mnist', '--json']);
  assert.equal(both.code, 2, both.stdout + both.stderr);
});
