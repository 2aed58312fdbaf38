import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SampleFileError } from './errors.ts';
import { writeHdf5 } from './fixtures/write-hdf5.ts';
import { readSamples, SAMPLE_LIMITS } from './samples.ts';

const table = () =>
  writeHdf5((root) => {
    root.create_dataset({ name: 'other', data: new Int32Array([9, 8, 7]) });
    root.create_dataset({
      name: 'images',
      data: new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]),
      shape: [2, 2, 2],
    });
    root
      .create_group('deep')
      .create_dataset({ name: 'x', data: new Float64Array([1, 2, 3, 4]), shape: [2, 2] });
    root.create_dataset({ name: 'scalar', data: 5, shape: [] });
  });

test('HDF5: the first dataset, or the one named after #; 1-D is a row, more dimensions are flattened', async () => {
  const bytes = await table();
  const read = (name: string) => readSamples({ name, bytes });
  assert.deepEqual((await read('t.h5')).rows, [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual((await read('t.h5#other')).rows, [[9, 8, 7]]);
  assert.deepEqual((await read('t.h5#images')).rows, [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ]);
  assert.deepEqual((await read('no-extension#/deep/x')).rows, [
    [1, 2],
    [3, 4],
  ]);
  await assert.rejects(read('t.h5#nope'), { constructor: SampleFileError, code: 'HDF5_NO_DATASET' });
  await assert.rejects(read('t.h5#scalar'), { code: 'SAMPLES_SHAPE' });
  const empty = await writeHdf5((root) => {
    root.create_group('g');
  });
  await assert.rejects(readSamples({ name: 'e.h5', bytes: empty }), { code: 'HDF5_NO_DATASET' });
});

test('content decides before the extension', async () => {
  const bytes = await table();
  assert.equal((await readSamples({ name: 'wrong.csv', bytes })).rows.length, 2);
  const text = new TextEncoder().encode('a,b\n1,2\n');
  assert.deepEqual(await readSamples({ name: 'x.txt', bytes: text }), { rows: [[1, 2]], names: ['a', 'b'] });
  await assert.rejects(readSamples({ name: 'x.h5', bytes: text }), { code: 'SAMPLES_FORMAT' });
  await assert.rejects(readSamples({ name: 'x.npy', bytes: text }), { code: 'SAMPLES_FORMAT' });
});

test('npy: one dimension is one row', async () => {
  const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }".padEnd(117);
  const bytes = new Uint8Array([
    0x93,
    ...new TextEncoder().encode('NUMPY'),
    1,
    0,
    118,
    0,
    ...new TextEncoder().encode(`${header}\n`),
    5,
    6,
    7,
  ]);
  assert.deepEqual((await readSamples({ name: 'x', bytes })).rows, [[5, 6, 7]]);
});

test('other formats are refused with advice', async () => {
  const cases: [string, number[], RegExp][] = [
    ['a.npz', [0x50, 0x4b, 0x03, 0x04, 0], /zip/],
    ['a.pkl', [0x80, 0x04, 0x95, 0], /pickle/],
    ['a.gz', [0x1f, 0x8b, 8], /gzip/],
  ];
  for (const [name, bytes, pattern] of cases) {
    await assert.rejects(readSamples({ name, bytes: Uint8Array.from(bytes) }), (error: SampleFileError) => {
      assert.equal(error.code, 'SAMPLES_FORMAT');
      assert.match(error.message, pattern);
      return true;
    });
  }
  await assert.rejects(readSamples({ name: 'a.csv', bytes: new Uint8Array() }), { code: 'SAMPLES_EMPTY' });
  await assert.rejects(readSamples({ name: 'a#d', bytes: new TextEncoder().encode('1') }), {
    code: 'SAMPLES_FORMAT',
  });
  const huge = new Uint8Array(SAMPLE_LIMITS.csvBytes + 1);
  await assert.rejects(readSamples({ name: 'a.csv', bytes: huge }), { code: 'SAMPLES_TOO_LARGE' });
});
