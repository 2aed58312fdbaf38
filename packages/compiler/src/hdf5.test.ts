import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompilerError, Hdf5Error } from './errors.ts';
import { writeHdf5, writeLegacyWeights } from './fixtures/write-hdf5.ts';
import { isHdf5, withHdf5 } from './hdf5.ts';

const LIMIT = 1 << 20;

test('reads shapes, numbers of every type, strings and members', async () => {
  const bytes = await writeHdf5((root) => {
    root.create_dataset({ name: 'b', data: new Float32Array([1.5, -2, 3, 4, 5, 6]), shape: [2, 3] });
    root.create_dataset({ name: 'c', data: new BigInt64Array([-7n, 9n]) });
    root.create_dataset({ name: 'd', data: new Uint8Array([0, 255]) });
    root.create_dataset({ name: 'e', data: new Int16Array([-300, 300]) });
    root.create_dataset({ name: 'f', data: new Float64Array(100).fill(0.1), chunks: [10], compression: 9 });
    root.create_dataset({ name: 't', data: ['text'] });
    root.create_group('a').create_dataset({ name: 'inner', data: new Int8Array([-1]) });
    root.create_attribute('list', ['one', 'zwei']);
    root.create_attribute('fixed', ['ab', 'c'], [2], 'S4');
    root.create_attribute('number', 5);
  });
  await withHdf5(bytes, LIMIT, async (h5) => {
    assert.deepEqual(await h5.members('/'), ['a', 'b', 'c', 'd', 'e', 'f', 't']);
    assert.deepEqual(await h5.read('/b'), { shape: [2, 3], values: Float64Array.of(1.5, -2, 3, 4, 5, 6) });
    assert.deepEqual([...(await h5.read('/c')).values], [-7, 9]);
    assert.deepEqual([...(await h5.read('/d')).values], [0, 255]);
    assert.deepEqual([...(await h5.read('/e')).values], [-300, 300]);
    assert.deepEqual([...(await h5.read('/f')).values], new Array(100).fill(0.1));
    assert.deepEqual([...(await h5.read('/a/inner')).values], [-1]);
    assert.equal(await h5.firstDataset(), '/a/inner');
    assert.deepEqual(
      [await h5.kind('/a'), await h5.kind('/b'), await h5.kind('/nope')],
      ['group', 'dataset', 'none'],
    );
    assert.deepEqual(await h5.strings('/', 'list'), ['one', 'zwei']);
    assert.deepEqual(await h5.strings('/', 'fixed'), ['ab', 'c']);
    assert.equal(await h5.strings('/', 'number'), undefined);
    assert.equal(await h5.strings('/', 'nope'), undefined);
    await assert.rejects(h5.read('/nope'), { code: 'HDF5_NO_DATASET' });
    await assert.rejects(h5.read('/a'), { code: 'HDF5_NO_DATASET' });
    await assert.rejects(h5.read('/t'), { code: 'HDF5_TYPE' });
  });
});

test('limits hold for the file, and for all reads together, before anything is allocated', async () => {
  const small = await writeHdf5((root) => {
    root.create_dataset({ name: 'x', data: new Float64Array(600), chunks: [600], compression: 9 });
    root.create_dataset({ name: 'y', data: new Float64Array(600), chunks: [600], compression: 9 });
  });
  await assert.rejects(
    withHdf5(small, 100, async () => {}),
    { code: 'HDF5_TOO_LARGE' },
  );
  await assert.rejects(
    withHdf5(small, 8000, async (h5) => {
      assert.equal((await h5.read('/x')).values.length, 600);
      await h5.read('/y');
    }),
    { constructor: Hdf5Error, code: 'HDF5_TOO_LARGE', value: '/y' },
  );
  const bomb = await writeHdf5((root) => {
    root
      .create_dataset({ name: 'x', data: new Float64Array(8), chunks: [8], maxshape: [null] })
      .resize([2 ** 40]);
  });
  assert.ok(bomb.length < LIMIT);
  await assert.rejects(
    withHdf5(bomb, LIMIT, (h5) => h5.read('/x')),
    { code: 'HDF5_TOO_LARGE' },
  );
});

test('an external link leads nowhere', async () => {
  const bytes = await writeHdf5((root) => {
    root.create_external_link('/proc/self/environ', '/x', 'outside');
  });
  await withHdf5(bytes, LIMIT, async (h5) => {
    assert.equal(await h5.kind('/outside'), 'none');
    await assert.rejects(h5.read('/outside'), { code: 'HDF5_NO_DATASET' });
  });
});

test('a file that makes the library loop for ever is given up after the time limit', async () => {
  const bytes = await writeHdf5((root) => {
    root.create_attribute('a', ['one', 'two', 'three']);
    root.create_attribute('b', ['four']);
  });
  // Variable-length strings lie in a global heap ("GCOL"): 16 bytes of header, then objects of 16 bytes (index,
  // references, 8 bytes of size) before their padded data. A wrong size sends h5wasm 0.10.3 (HDF5 2.0.0) round.
  const heap = Buffer.from(bytes).indexOf('GCOL');
  assert.ok(heap > 0);
  bytes[heap + 16 + 2 * 24 + 8] = 255;
  const start = performance.now();
  await assert.rejects(
    withHdf5(bytes, LIMIT, (h5) => h5.strings('/', 'a'), 700),
    { constructor: Hdf5Error, code: 'HDF5_TIMEOUT' },
  );
  assert.ok(performance.now() - start < 5000);
});

test('a signature after a user block is found, other bytes are no HDF5', async () => {
  const bytes = await writeHdf5((root) => {
    root.create_dataset({ name: 'x', data: new Float64Array([1]) });
  });
  assert.ok(isHdf5(bytes));
  const shifted = new Uint8Array(512 + bytes.length);
  shifted.set(bytes, 512);
  assert.ok(isHdf5(shifted));
  assert.equal(isHdf5(new Uint8Array(4096)), false);
  await assert.rejects(
    withHdf5(new Uint8Array(64), LIMIT, async () => {}),
    { code: 'HDF5_INVALID' },
  );
});

test('truncated and corrupted files give coded errors or values, never a crash', async () => {
  const values = Array.from({ length: 12 }, (_, i) => i);
  const bytes = await writeHdf5((root) => {
    writeLegacyWeights(root, { d: [{ name: 'kernel', shape: [3, 4], values }] });
  });
  const visit = (file: Uint8Array) =>
    withHdf5(file, LIMIT, async (h5) => {
      const names = await h5.strings('/', 'layer_names');
      const path = await h5.firstDataset();
      return [names, path && (await h5.read(path)).values.length];
    });
  let failures = 0;
  let state = 12345;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 40; round++) {
    const hostile = round % 4 === 0 ? bytes.slice(0, 8 + random(bytes.length - 8)) : bytes.slice();
    if (round % 4 !== 0) for (let i = 0; i < 6; i++) hostile[8 + random(hostile.length - 8)] = random(256);
    await visit(hostile).catch((error) => {
      assert.ok(error instanceof CompilerError, String(error?.stack));
      failures++;
    });
  }
  assert.ok(failures > 10, `only ${failures} of 40 failed: the corruption does not reach anything`);
  assert.deepEqual(await visit(bytes), [['d'], 12]);
});
