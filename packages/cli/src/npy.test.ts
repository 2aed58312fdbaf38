/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNpy, readNpy, writeNpy } from './npy.ts';

/** A file with this header and data, version 1. */
function file(descr: string, order: string, shape: string, data: Uint8Array): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117);
  const head = Uint8Array.of(0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, 118, 0);
  return Uint8Array.of(...head, ...new TextEncoder().encode(`${header}\n`), ...data);
}
const data = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const invalid = (bytes: Uint8Array): void =>
  assert.throws(() => readNpy('x', bytes), { code: 'NPY_INVALID' });

test('what is written is read again, aligned for mapping', () => {
  const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(shapes, fc.double({ noNaN: true }), (shape, base) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Float64Array.from({ length: count }, (_, i) => base + i);
      const bytes = writeNpy(shape, values);
      assert.ok(isNpy(bytes));
      assert.equal((bytes.length - 8 * count) % 64, 0);
      assert.deepEqual(readNpy('x', bytes), { shape, values });
    }),
  );
});

test('floats are rounded once', () => {
  const { values } = readNpy('x', writeNpy([2], [0.1, 3], '<f4'));
  assert.deepEqual([...values], [Math.fround(0.1), 3]);
});

test('types that NumPy has', () => {
  const cases: [string, ArrayBufferView][] = [
    ['<f8', Float64Array.of(1, 2, 3)],
    ['<i4', Int32Array.of(1, 2, 3)],
    ['<u2', Uint16Array.of(1, 2, 3)],
    ['<i8', BigInt64Array.of(1n, 2n, 3n)],
    ['|u1', Uint8Array.of(1, 2, 3)],
    ['>f4', Uint8Array.of(0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0x40, 0x40, 0, 0)],
  ];
  for (const [descr, values] of cases)
    assert.deepEqual([...readNpy('x', file(descr, 'False', '(3,)', data(values))).values], [1, 2, 3], descr);
});

test('Fortran order is turned, in three dimensions too', () => {
  // value = 100 i + 10 j + k, stored with i fastest
  const stored: number[] = [];
  for (let k = 0; k < 4; k++)
    for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) stored.push(100 * i + 10 * j + k);
  const { values } = readNpy('x', file('<f8', 'True', '(2, 3, 4)', data(Float64Array.from(stored))));
  const wanted: number[] = [];
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) wanted.push(100 * i + 10 * j + k);
  assert.deepEqual([...values], wanted);
});

test('anything else is refused', () => {
  const good = writeNpy([2, 2], [1, 2, 3, 4]);
  for (const length of [0, 5, 11, 40, good.length - 1]) invalid(good.subarray(0, length));
  invalid(Uint8Array.of(...good, 0));
  invalid(file('|O', 'False', '(1,)', new Uint8Array(8)));
  invalid(file('<c16', 'False', '(1,)', new Uint8Array(16)));
  invalid(file('<f8', 'False', '(99999999999,)', new Uint8Array(8)));
  invalid(file('<f8', 'False', '(1,)); import os', new Uint8Array(8)));
  const version = good.slice();
  version[6] = 9;
  invalid(version);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const touched = good.slice();
      touched[at] = byte;
      try {
        readNpy('x', touched);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'NPY_INVALID');
      }
    }),
  );
});
