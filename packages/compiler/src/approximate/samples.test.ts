import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { zipSync } from 'fflate';
import { calibrate } from './calibrate.ts';
import { readCalibration } from './samples.ts';
import { convolution, sequential, uniform } from './testing/networks.ts';

/** A .npy file of float32 values, format 1.0. */
function npy(shape: number[], values: ArrayLike<number>): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = new TextEncoder().encode(`${text.padEnd(117)}\n`);
  const bytes = new Uint8Array(10 + header.length + 4 * values.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  bytes.set(header, 10);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), 10 + header.length);
  return bytes;
}

const count = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
const ramp = (shape: number[]) =>
  npy(
    shape,
    Float32Array.from({ length: count(shape) }, (_, i) => i),
  );
const zip = (arrays: Record<string, Uint8Array>) => ({ name: 'c.zip', bytes: zipSync(arrays) });
const rows = (file: { name: string; bytes: Uint8Array }, shape: number[]) => [
  ...readCalibration(file, shape).samples,
];

test('an array is a sample or a batch, in any of the usual shapes', () => {
  const cases: [number[], number][] = [
    [[2, 3], 1],
    [[1, 2, 3], 1],
    [[1, 1, 2, 3], 1],
    [[6], 1],
    [[1, 6], 1],
    [[5, 2, 3], 5],
    [[5, 1, 2, 3], 5],
    [[5, 6], 5],
  ];
  for (const [shape, samples] of cases) {
    const got = rows(zip({ 'a.npy': ramp(shape) }), [1, 1, 2, 3]);
    assert.equal(got.length, samples, `(${shape})`);
    got.forEach((x, s) => {
      assert.deepEqual(
        [...x],
        Array.from({ length: 6 }, (_, i) => 6 * s + i),
      );
    });
  }
  assert.equal(rows(zip({ 'a.npy': ramp([7]) }), [1, 1]).length, 7);
});

test('arrays keep the order of the file, folders and litter do not count', () => {
  const file = zip({
    '10.npy': npy([2], [10, 10]),
    'folder/9.npy': npy([2, 2], [9, 9, 8, 8]),
    '__MACOSX/._10.npy': Uint8Array.of(1, 2, 3),
    '.DS_Store': Uint8Array.of(1),
  });
  const read = readCalibration(file, [1, 2]);
  assert.equal(read.arrays, 2);
  for (let walk = 0; walk < 2; walk++)
    assert.deepEqual(
      [...read.samples].map((x) => x[0]),
      [10, 9, 8],
    );
});

test('one .npy file will do', () => {
  assert.equal(rows({ name: 'x.npy', bytes: ramp([4, 3]) }, [1, 3]).length, 4);
});

test('two numbers for a larger input are its bounds', () => {
  const read = readCalibration(zip({ 'arr_0.npy': npy([2], [-512, 0]) }), [1, 16]);
  assert.deepEqual(read.bounds, [-512, 0]);
  const samples = [...read.samples];
  assert.ok(
    samples.length >= 32 && samples.every((x) => x.length === 16 && x.every((v) => v >= -512 && v <= 0)),
  );
  assert.ok(samples.some((x) => x.includes(-512)) && samples.some((x) => x.includes(0)));
  assert.equal(readCalibration(zip({ 'a.npy': npy([2], [1, 2]) }), [1, 2]).bounds, undefined);
});

test('refusals name the file', () => {
  const refuses = (code: string, file: { name: string; bytes: Uint8Array }, shape = [1, 4]) =>
    assert.throws(
      () => rows(file, shape),
      (error: Error & { code: string; value: string }) => {
        assert.equal(error.code, code, error.message);
        assert.ok(error.message.includes(error.value));
        return true;
      },
    );
  refuses('CALIBRATION_EMPTY', { name: 'c.zip', bytes: new Uint8Array(0) });
  refuses('CALIBRATION_EMPTY', zip({}));
  refuses('CALIBRATION_EMPTY', zip({ 'folder/': new Uint8Array(0) }));
  refuses('CALIBRATION_FILE', { name: 'c.txt', bytes: new TextEncoder().encode('hello') });
  refuses('CALIBRATION_FILE', zip({ 'a.npy': new TextEncoder().encode('not an array at all') }));
  refuses('CALIBRATION_FILE', zip({ 'a.npy': ramp([4]).subarray(0, 130) }));
  refuses(
    'CALIBRATION_FILE',
    zip({ 'a.npy': ramp([4]), 'b.json': new TextEncoder().encode('{"some": "thing"}') }),
  );
  refuses('CALIBRATION_SHAPE', zip({ 'a.npy': ramp([5]) }));
  refuses('CALIBRATION_SHAPE', zip({ 'a.npy': ramp([4]), 'b.npy': ramp([2, 5]) }));
  refuses('CALIBRATION_SHAPE', zip({ 'a.npy': ramp([2, 2]) }));
  refuses('CALIBRATION_SHAPE', zip({ 'a.npy': ramp([3, 2]) }), [1, 2, 3]);
});

test('a zip cut or altered anywhere fails with a code or still gives whole samples', () => {
  const { bytes } = zip({ 'a.npy': ramp([3, 4]), 'b.npy': ramp([4]) });
  const attempt = (content: Uint8Array) => {
    try {
      for (const x of rows({ name: 'c.zip', bytes: content }, [1, 4])) assert.equal(x.length, 4);
    } catch (error) {
      assert.match((error as { code?: string }).code ?? String(error), /^CALIBRATION_/);
    }
  };
  for (let end = 0; end < bytes.length; end++) attempt(bytes.subarray(0, end));
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0, 0xff, bytes[at] ^ 1]) {
      const altered = bytes.slice();
      altered[at] = value;
      attempt(altered);
    }
  }
});

test('a zip that claims too much is refused before it is unpacked', () => {
  const { bytes } = zip({ 'a.npy': ramp([4]) });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // The unpacked size is at 24 of the entry in the central directory.
  for (let at = 0; at + 4 < bytes.length; at++)
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0x7fffffff, true);
  assert.throws(() => rows({ name: 'c.zip', bytes }, [1, 4]), { code: 'CALIBRATION_TOO_LARGE' });
});

const shared = new URL('../../../../../shared/data/he-man/mnist/calibration-data.zip', import.meta.url);
const there = existsSync(shared);
// HE-MAN's calibration set where it is beside the repository; elsewhere as many arrays of the same shape, made here.
const digits = there
  ? { name: 'calibration-data.zip', bytes: new Uint8Array(readFileSync(shared)) }
  : zip(
      Object.fromEntries(
        Array.from({ length: 500 }, (_, s) => {
          const random = uniform(s);
          return [
            `${s}.npy`,
            npy(
              [1, 1, 28, 28],
              Float32Array.from({ length: 784 }, () => 2.5 * random() + 0.5),
            ),
          ];
        }),
      ),
    );

test(`500 digits ${there ? "of HE-MAN's calibration set" : 'made here'} calibrate a convolution with relu`, () => {
  const { samples, arrays } = readCalibration(digits, [1, 1, 28, 28]);
  assert.equal(arrays, 500);
  const random = uniform(1);
  const graph = sequential(
    [1, 1, 28, 28],
    [{ matrix: convolution([1, 28], [4, 7, 3], () => random() / 7), fn: { type: 'relu' } }],
  );
  const c = calibrate(graph, samples, { target: { outputError: 0.05 } });
  assert.equal(c.samples.seen, 500);
  assert.ok(c.reached && c.exactValues[0].std > 0.1);
});
