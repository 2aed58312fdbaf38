import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addMatrices,
  diagonal,
  diagonalOf,
  entryCount,
  identity,
  multiplicationCost,
  multiply,
  multiplyVector,
  RowBuilder,
  SparseBuilder,
  type SparseMatrix,
  scaleRows,
  selection,
} from './sparse.ts';

type Cell = [number, number, number];

function build(rows: number, columns: number, cells: Cell[]): SparseMatrix {
  const builder = new SparseBuilder(rows, columns);
  for (const [r, c, v] of cells) builder.add(r, c, v);
  return builder.build();
}

function dense(m: SparseMatrix): number[][] {
  const rows = Array.from({ length: m.rows }, () => new Array<number>(m.columns).fill(0));
  for (let r = 0; r < m.rows; r++) {
    for (let k = m.start[r]; k < m.start[r + 1]; k++) {
      if (k > m.start[r]) assert.ok(m.column[k] > m.column[k - 1], 'columns ascend');
      assert.notEqual(m.value[k], 0, 'no stored zeros');
      rows[r][m.column[k]] = m.value[k];
    }
  }
  assert.equal(m.column.length, entryCount(m));
  assert.equal(m.value.length, entryCount(m));
  return rows;
}

/** Small whole numbers, so that sums are exact and sometimes cancel. */
const matrix = (rows: number, columns: number): fc.Arbitrary<Cell[]> =>
  fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: rows - 1 }),
      fc.integer({ min: 0, max: columns - 1 }),
      fc.integer({ min: -2, max: 2 }),
    ),
    { maxLength: 40 },
  );

test('the builder adds up cells in any order', () => {
  fc.assert(
    fc.property(matrix(5, 7), (cells) => {
      const expected = Array.from({ length: 5 }, () => new Array<number>(7).fill(0));
      for (const [r, c, v] of cells) expected[r][c] += v;
      assert.deepEqual(dense(build(5, 7, cells)), expected);
    }),
  );
});

test('products and sums are those of dense matrices', () => {
  fc.assert(
    fc.property(matrix(5, 7), matrix(7, 40), matrix(5, 40), (a, b, c) => {
      const [A, B, C] = [build(5, 7, a), build(7, 40, b), build(5, 40, c)];
      const [x, y, z] = [dense(A), dense(B), dense(C)];
      const product = x.map((row) => y[0].map((_, j) => row.reduce((sum, v, k) => sum + v * y[k][j], 0)));
      assert.deepEqual(dense(multiply(A, B)!), product);
      assert.deepEqual(
        dense(addMatrices(multiply(A, B)!, C)),
        product.map((row, i) => row.map((v, j) => v + z[i][j])),
      );
      const vector = Array.from({ length: 40 }, (_, i) => i - 3);
      assert.deepEqual(
        Array.from(multiplyVector(C, vector)),
        z.map((row) => row.reduce((sum, v, k) => sum + v * vector[k], 0)),
      );
      assert.deepEqual(
        dense(scaleRows(C, [1, 2, 3, 4, 0])),
        z.map((row, r) => row.map((v) => v * [1, 2, 3, 4, 0][r] + 0)),
      );
    }),
  );
});

test('a product beyond the limit is not made, and its cost is known before', () => {
  const column = build(
    4,
    1,
    [0, 1, 2, 3].map((r): Cell => [r, 0, 1]),
  );
  const row = build(
    1,
    5,
    [0, 1, 2, 3, 4].map((c): Cell => [0, c, 1]),
  );
  assert.equal(multiplicationCost(column, row), 20);
  assert.equal(multiply(column, row, 19), undefined);
  assert.equal(entryCount(multiply(column, row, 20)!), 20);
});

test('identity, selection and diagonal', () => {
  assert.deepEqual(dense(identity(2, 3)), [
    [3, 0],
    [0, 3],
  ]);
  assert.deepEqual(dense(selection([2, -1, 0], 3)), [
    [0, 0, 1],
    [0, 0, 0],
    [1, 0, 0],
  ]);
  assert.deepEqual(dense(selection([1, 1], 2, [5, 0])), [
    [0, 5],
    [0, 0],
  ]);
  assert.deepEqual([...diagonalOf(diagonal([1, 0, 2]))!], [1, 0, 2]);
  assert.equal(diagonalOf(selection([1, 0], 2)), undefined);
  assert.equal(diagonalOf(selection([0, 1], 3)), undefined);
});

test('the row builder grows and fills in the rows that were not written', () => {
  const builder = new RowBuilder(3, 5000, 1);
  for (let c = 0; c < 5000; c++) builder.entry(c, c % 2);
  builder.endRow();
  const m = builder.build();
  assert.deepEqual([...m.start], [0, 2500, 2500, 2500]);
});
