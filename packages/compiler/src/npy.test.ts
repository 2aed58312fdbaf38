import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SampleFileError } from './errors.ts';
import { parseNpy } from './npy.ts';

/** A .npy file as numpy.lib.format writes it: padded so that the data starts at a multiple of 64. */
function npy(
  descr: string,
  shape: number[],
  data: ArrayBufferView,
  { version = 1, fortran = false } = {},
): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  return withHeader(
    `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${tuple}, }`,
    data,
    version,
  );
}

function withHeader(text: string, data: ArrayBufferView, version = 1): Uint8Array {
  const prefix = version === 1 ? 10 : 12;
  const total = Math.ceil((prefix + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(total + data.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, total - prefix, true);
  else view.setUint32(8, total - prefix, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(total - prefix - 1)}\n`), prefix);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return bytes;
}

test('every supported type, every version, any number of dimensions', () => {
  const cases: [string, ArrayBufferView, number[]][] = [
    ['<f4', Float32Array.of(1.5, -2, 0.25, 8), [1.5, -2, 0.25, 8]],
    ['<f8', Float64Array.of(0.1, -1e300, 0, 4), [0.1, -1e300, 0, 4]],
    ['<i4', Int32Array.of(-1, 2 ** 31 - 1, 0, 7), [-1, 2 ** 31 - 1, 0, 7]],
    ['<i8', BigInt64Array.of(-1n, 2n ** 40n, 0n, 7n), [-1, 2 ** 40, 0, 7]],
    ['|u1', Uint8Array.of(0, 255, 1, 2), [0, 255, 1, 2]],
    ['|i1', Int8Array.of(-128, 127, 0, 1), [-128, 127, 0, 1]],
    ['|b1', Uint8Array.of(0, 1, 1, 0), [0, 1, 1, 0]],
  ];
  for (const [descr, data, expected] of cases) {
    for (const version of [1, 2, 3]) {
      const parsed = parseNpy(npy(descr, [2, 2], data, { version }));
      assert.deepEqual(parsed.shape, [2, 2]);
      assert.deepEqual([...parsed.values], expected);
    }
  }
  const one = Float64Array.of(5);
  assert.deepEqual(parseNpy(npy('<f8', [], one)).shape, []);
  assert.deepEqual(parseNpy(npy('<f8', [1], one)).shape, [1]);
  assert.deepEqual(parseNpy(npy('<f8', [1, 1, 1], one)).shape, [1, 1, 1]);
});

test('a file at an odd offset of its buffer is read', () => {
  const file = npy('<f8', [2], Float64Array.of(3, 4));
  const moved = new Uint8Array(file.length + 3);
  moved.set(file, 3);
  assert.deepEqual([...parseNpy(moved.subarray(3)).values], [3, 4]);
});

test('Fortran order is transposed in two dimensions and refused beyond', () => {
  const columns = Float64Array.of(1, 4, 2, 5, 3, 6);
  const parsed = parseNpy(npy('<f8', [2, 3], columns, { fortran: true }));
  assert.deepEqual([...parsed.values], [1, 2, 3, 4, 5, 6]);
  assert.throws(() => parseNpy(npy('<f8', [1, 2, 3], columns, { fortran: true })), { code: 'NPY_ORDER' });
  assert.deepEqual([...parseNpy(npy('<f8', [6], columns, { fortran: true })).values], [...columns]);
});

test('what is not plain is refused by code', () => {
  const data = Float64Array.of(1, 2);
  const cases: [string, Uint8Array][] = [
    ['NPY_TYPE', npy('>f8', [2], data)],
    ['NPY_TYPE', npy('<f2', [2], new Uint16Array(2))],
    ['NPY_TYPE', npy('<U4', [2], new Uint8Array(32))],
    ['NPY_HEADER', npy('|O', [2], data)],
    ['NPY_HEADER', withHeader("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", data)],
    [
      'NPY_HEADER',
      withHeader("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'x': __import__('os')}", data),
    ],
    ['NPY_HEADER', withHeader("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,), }", data)],
    ['NPY_LENGTH', npy('<f8', [3], data)],
    ['NPY_LENGTH', npy('<f8', [1], data)],
    ['NPY_LENGTH', npy('<f8', [2 ** 50, 2 ** 50], data)],
    ['NPY_VERSION', npy('<f8', [2], data, { version: 4 })],
    ['NPY_HEADER', npy('<f8', [2], data).slice(0, 40)],
    ['NPY_HEADER', npy('<f8', [2], data).slice(0, 8)],
    ['NPY_HEADER', new Uint8Array(100)],
  ];
  for (const [code, bytes] of cases) {
    assert.throws(() => parseNpy(bytes), { constructor: SampleFileError, code }, code);
  }
});

test('no mutilated file does anything but parse or fail with a code (property)', () => {
  const file = npy('<f8', [2, 3], Float64Array.of(1, 2, 3, 4, 5, 6));
  const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(edits, fc.nat(file.length), (changes, length) => {
      const bytes = file.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      try {
        parseNpy(bytes);
      } catch (error) {
        assert.ok(error instanceof SampleFileError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
