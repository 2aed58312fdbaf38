/** Streams, archives, and files that are not what they say. @module */
import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { zipSync } from 'fflate';
import { readAppleRecords } from './apple-export.ts';
import { readNights } from './sleep.ts';
import { exportXml, HEAD, scratch, sleep, weight } from './testing.ts';
import { readWeights } from './weights.ts';

let files: Awaited<ReturnType<typeof scratch>>;
before(async () => {
  files = await scratch();
});
after(() => files.remove());

const WEIGHTS = new Set(['HKQuantityTypeIdentifierBodyMass']);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(files.at(name), content);
  return files.at(name);
}

async function refused(name: string, content: string | Uint8Array, code: string): Promise<string> {
  const path = await fileOf(name, content);
  let message = '';
  await assert.rejects(
    readAppleRecords(path, WEIGHTS, () => {}),
    (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, code, `${name}: ${error.message}`);
      assert.ok(error.hint.length > 0);
      message = error.message;
      return true;
    },
  );
  return message;
}

test('weights of an export.xml and of the archive around it, in any language', async () => {
  const xml = exportXml(
    weight('70.4', '2024-03-02 07:00:00 +0100'),
    weight('154.3', '2024-03-03 07:00:00 +0100', 'lb'),
    weight('69300', '2024-03-01 07:00:00 +0100', 'g'),
    weight('11', '2024-03-04 07:00:00 +0100', 'st'),
  );
  const wanted = [69.3, 70.4, 69.9893, 69.8532];
  const path = await fileOf('export.xml', xml);
  const { weights_kg, days, found } = await readWeights(path);
  assert.deepEqual(weights_kg, wanted);
  assert.deepEqual(days, ['2024-03-01', '2024-03-02', '2024-03-03', '2024-03-04']);
  assert.equal(found, 4);
  const cda = bytes('<ClinicalDocument/>');
  const gpx = bytes('<gpx/>');
  for (const name of ['export.xml', 'Exportieren.xml', 'exportación.xml']) {
    const zip = zipSync({
      'apple_health_export/export_cda.xml': cda,
      'apple_health_export/workout-routes/route.xml': gpx,
      [`apple_health_export/${name}`]: bytes(xml),
    });
    assert.deepEqual((await readWeights(await fileOf('export.zip', zip))).weights_kg, wanted, name);
  }
  const stored = zipSync({ 'export.xml': bytes(xml) }, { level: 0 });
  assert.deepEqual((await readWeights(await fileOf('stored.zip', stored))).weights_kg, wanted);
});

test('text that is no export', async () => {
  assert.match(await refused('other.xml', '<html><body/></html>', 'HEALTH_NOT_APPLE'), /<html>/);
  await refused('empty.xml', '<?xml version="1.0"?>', 'XML_INVALID');
  assert.match(
    await refused('cut.xml', exportXml(weight('1', 'x')).slice(0, -20), 'XML_INVALID'),
    /line \d+/,
  );
  await refused('mixed.xml', `${HEAD}<Record></HealthData>`, 'XML_INVALID');
  await refused('two.xml', `${exportXml()}<HealthData/>`, 'XML_INVALID');
  await refused(
    'latin.xml',
    Buffer.from(`${HEAD}<Record type="\xe9"/></HealthData>`, 'latin1'),
    'XML_INVALID',
  );
});

test('entities are never expanded', async () => {
  const bomb = `<?xml version="1.0"?>
<!DOCTYPE HealthData [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>
<HealthData>`;
  for (const entity of ['&b;', '&f;', '&#xD800;'])
    await refused('bomb.xml', `${bomb}<Record type="${entity}"/></HealthData>`, 'XML_INVALID');
});

test('what never ends is refused before it fills the memory', async () => {
  const long = 'x'.repeat(3 * 2 ** 20);
  await refused('attribute.xml', `${HEAD}<Record type="${long}"/></HealthData>`, 'XML_INVALID');
  await refused('comment.xml', `${HEAD}<!-- ${long} --></HealthData>`, 'XML_INVALID');
  await refused('doctype.xml', `<!DOCTYPE HealthData [<!-- ${long} -->]><HealthData/>`, 'XML_INVALID');
  await refused('name.xml', `<${long}`, 'XML_INVALID');
  await refused('deep.xml', `${HEAD}${'<a>'.repeat(1000)}`, 'XML_INVALID');
});

test('damaged archives', async () => {
  const good = zipSync({ 'export.xml': bytes(exportXml(weight('70', '2024-03-02 07:00:00 +0100'))) });
  await refused('none.zip', zipSync({ 'readme.txt': bytes('hello') }), 'HEALTH_NOT_APPLE');
  await refused('cut.zip', good.slice(0, good.length - 30), 'ZIP_INVALID');
  await refused('head.zip', good.slice(0, 40), 'ZIP_INVALID');
  for (const at of [good.length - 6, good.length - 7]) {
    const bent = good.slice();
    bent[at] ^= 0x7f; // the place and the length of the directory
    await refused('bent.zip', bent, 'ZIP_INVALID');
  }
  const noise = good.slice();
  noise.fill(0x55, 45, 90);
  await refused('noise.zip', noise, 'ZIP_INVALID');
  const view = Buffer.from(good);
  const directory = view.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  for (const [field, value] of [
    [24, 5], // shorter than it is: a bomb would be longer than it states
    [24, 1e9],
  ]) {
    const lying = Buffer.from(good);
    lying.writeUInt32LE(value, directory + field);
    await refused('lying.zip', lying, 'ZIP_INVALID');
  }
  const locked = Buffer.from(good);
  locked[directory + 8] |= 1;
  assert.match(await refused('locked.zip', locked, 'ZIP_INVALID'), /encrypted/);
});

test('50 MB go through with the memory of one piece', async () => {
  const path = files.at('big.xml');
  const heart =
    '<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" value="61"/>\n';
  let weights = 0;
  await pipeline(
    Readable.from(
      (function* () {
        yield HEAD;
        for (let i = 0; i < 2500; i++) {
          const day = new Date(Date.UTC(2010, 0, 1 + i)).toISOString().slice(0, 10);
          yield heart.repeat(200) + weight(String(60 + (weights++ % 100) / 10), `${day} 07:00:00 +0000`);
          yield sleep('AsleepCore', `${day} 00:00:00 +0000`, `${day} 07:30:00 +0000`);
        }
        yield '</HealthData>\n';
      })(),
    ),
    createWriteStream(path),
  );
  const { size } = await stat(path);
  assert.ok(size > 48e6, `${size} bytes`);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let peak = 0;
  let last = 0;
  const onProgress = (done: number, total: number): void => {
    peak = Math.max(peak, process.memoryUsage().rss - before);
    assert.ok(done >= last && total === size);
    last = done;
  };
  const read = await readWeights(path, { onProgress });
  assert.equal(read.found, 2500);
  assert.equal(read.weights_kg.length, 100);
  assert.equal(read.weights_kg.at(-1), 60 + ((2500 - 1) % 100) / 10);
  assert.equal(last, size);
  // Young objects alone take some 50 MB; the file is not among what is kept.
  assert.ok(peak < 160e6, `${peak} bytes more than before`);
  const { nights } = await readNights(path);
  assert.equal(nights.length, 2500);
});

test('what is named .zip and is none, and a file cut short', async () => {
  for (const content of ['', 'date,weight\n2024-03-01,70\n', '\0\0\0\0'])
    await assert.rejects(readWeights(await fileOf('plain.ZIP', content)), { code: 'ZIP_INVALID' });
  const xml = exportXml(weight('70', '2024-03-02 07:00:00 +0100'));
  assert.equal((await readWeights(await fileOf('xml.zip', xml))).found, 1);
  // bad records are skipped, and damage is still damage
  const cut = exportXml(weight('70', '2024-03-02 07:00:00 +0100'), weight('x', 'x')).slice(0, -20);
  await assert.rejects(readWeights(await fileOf('cut.xml', cut)), { code: 'XML_INVALID' });
});

test('an interrupted reading ends', async () => {
  const path = await fileOf('stop.xml', exportXml(weight('70', '2024-03-02 07:00:00 +0100')));
  const signal = AbortSignal.abort();
  await assert.rejects(readWeights(path, { signal }), { name: 'AbortError' });
});
