import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCsv } from './csv.ts';
import { SampleFileError } from './errors.ts';

const csv = (text: string) => parseCsv(new TextEncoder().encode(text), 1000);

test('with and without header, three delimiters, BOM, blank lines, CRLF, quotes', () => {
  assert.deepEqual(csv('a,b\n1,2\n3,-4.5e-1\n'), {
    rows: [
      [1, 2],
      [3, -0.45],
    ],
    names: ['a', 'b'],
  });
  assert.deepEqual(csv('1,2\n3,4'), {
    rows: [
      [1, 2],
      [3, 4],
    ],
  });
  assert.deepEqual(csv('a;b\r\n1;2\r\n'), { rows: [[1, 2]], names: ['a', 'b'] });
  assert.deepEqual(csv('1\t.5\n'), { rows: [[1, 0.5]] });
  assert.deepEqual(csv('\ufeff"mean, radius", b\n\n 1 ,"2"\n\n'), {
    rows: [[1, 2]],
    names: ['mean, radius', 'b'],
  });
});

test('a label column is not guessed', () => {
  assert.deepEqual(csv('x,Class\n1,0\n'), { rows: [[1, 0]], names: ['x', 'Class'] });
});

test('a cell that is no number is located by row, column and name', () => {
  const cases: [string, number, number][] = [
    ['a,b\n1,2\n3,x\n', 3, 2],
    ['a,b\n1,\n', 2, 2],
    ['1,2\n3,nan\n', 2, 2],
    ['1,2\n0x10,2\n', 2, 1],
    ['1,1e999\n', 1, 2],
    ['1,2\n1 000,2\n', 2, 1],
    // A first line with a number among words is data, not a header that would vanish silently.
    ['1,red\n2,3\n', 1, 2],
  ];
  for (const [text, row, column] of cases) {
    assert.throws(() => csv(text), {
      constructor: SampleFileError,
      code: 'CSV_CELL',
      argument: `row ${row}, column ${column}`,
    });
  }
  assert.throws(() => csv('age,height\n1,tall\n'), /column 2 \("height"\) is "tall"/);
});

test('ragged, empty, non-text and oversized tables are refused', () => {
  assert.throws(() => csv('1,2\n3\n'), { code: 'CSV_RAGGED' });
  assert.throws(() => csv('a,b\n'), { code: 'SAMPLES_EMPTY' });
  assert.throws(() => csv('"1,2\n'), { code: 'CSV_SYNTAX' });
  assert.throws(() => parseCsv(Uint8Array.of(0xff, 0xfe, 0x31, 0x00), 10), { code: 'CSV_ENCODING' });
  assert.throws(() => parseCsv(new TextEncoder().encode('1,2\n3,4\n'), 3), { code: 'SAMPLES_TOO_LARGE' });
});

test('every table of finite numbers survives printing and parsing (property)', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((width) =>
      fc.array(fc.array(number, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
    );
  fc.assert(
    fc.property(table, (rows) => {
      const parsed = csv(rows.map((row) => row.join(',')).join('\n'));
      assert.deepEqual(
        parsed.rows.map((row) => row.map((v) => v + 0)),
        rows.map((row) => row.map((v) => v + 0)),
      );
    }),
    { numRuns: 200 },
  );
});
