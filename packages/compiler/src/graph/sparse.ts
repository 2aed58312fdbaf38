/**
 * Sparse matrices in compressed rows: how every linear layer is held between the importer and the planner.
 * Builders grow typed arrays, because the matrix of one convolution has millions of entries.
 * @module
 */

export interface SparseMatrix {
  rows: number;
  columns: number;
  /** Start of each row in `column` and `value`; rows + 1 entries. */
  start: Int32Array;
  column: Int32Array;
  value: Float64Array;
}

/** Number of stored entries. */
export const entryCount = (m: SparseMatrix): number => m.start[m.rows];

const INITIAL_CAPACITY = 1024;

function grown<T extends Int32Array | Float64Array>(old: T, capacity: number): T {
  const next = new (old.constructor as new (length: number) => T)(capacity);
  next.set(old);
  return next;
}

/** Writes a matrix row after row; columns of a row come in ascending order, each at most once. */
export class RowBuilder {
  readonly #rows: number;
  readonly #columns: number;
  readonly #start: Int32Array;
  #column: Int32Array;
  #value: Float64Array;
  #row = 0;
  #count = 0;

  /** @param capacity entries expected; the arrays grow beyond it */
  constructor(rows: number, columns: number, capacity = INITIAL_CAPACITY) {
    this.#rows = rows;
    this.#columns = columns;
    this.#start = new Int32Array(rows + 1);
    this.#column = new Int32Array(capacity);
    this.#value = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** Appends an entry to the current row; zeros are dropped. */
  entry(column: number, value: number): void {
    if (value === 0) return;
    if (this.#count === this.#column.length) {
      const capacity = Math.max(INITIAL_CAPACITY, 2 * this.#count);
      this.#column = grown(this.#column, capacity);
      this.#value = grown(this.#value, capacity);
    }
    this.#column[this.#count] = column;
    this.#value[this.#count++] = value;
  }

  /** Ends the current row. */
  endRow(): void {
    this.#start[++this.#row] = this.#count;
  }

  build(): SparseMatrix {
    while (this.#row < this.#rows) this.endRow();
    const exact = this.#count === this.#column.length;
    return {
      rows: this.#rows,
      columns: this.#columns,
      start: this.#start,
      column: exact ? this.#column : this.#column.slice(0, this.#count),
      value: exact ? this.#value : this.#value.slice(0, this.#count),
    };
  }
}

/** Collects entries in any order; entries of one cell are added up. */
export class SparseBuilder {
  readonly #rows: number;
  readonly #columns: number;
  #row = new Int32Array(INITIAL_CAPACITY);
  #column = new Int32Array(INITIAL_CAPACITY);
  #value = new Float64Array(INITIAL_CAPACITY);
  #count = 0;

  constructor(rows: number, columns: number) {
    this.#rows = rows;
    this.#columns = columns;
  }

  add(row: number, column: number, value: number): void {
    if (value === 0) return;
    if (this.#count === this.#row.length) {
      this.#row = grown(this.#row, 2 * this.#count);
      this.#column = grown(this.#column, 2 * this.#count);
      this.#value = grown(this.#value, 2 * this.#count);
    }
    this.#row[this.#count] = row;
    this.#column[this.#count] = column;
    this.#value[this.#count++] = value;
  }

  build(): SparseMatrix {
    // Two stable counting sorts, by column and then by row, leave the entries in row-major order.
    const byColumn = countingSort(this.#column, this.#columns, identityOrder(this.#count));
    const order = countingSort(this.#row, this.#rows, byColumn);
    const builder = new RowBuilder(this.#rows, this.#columns, this.#count);
    let at = 0;
    for (let r = 0; r < this.#rows; r++) {
      while (at < order.length && this.#row[order[at]] === r) {
        const column = this.#column[order[at]];
        let sum = 0;
        for (; at < order.length && this.#row[order[at]] === r && this.#column[order[at]] === column; at++) {
          sum += this.#value[order[at]];
        }
        builder.entry(column, sum);
      }
      builder.endRow();
    }
    return builder.build();
  }
}

const identityOrder = (length: number): Int32Array => {
  const order = new Int32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  return order;
};

function countingSort(keys: Int32Array, keyCount: number, order: Int32Array): Int32Array {
  const next = new Int32Array(keyCount + 1);
  for (let i = 0; i < order.length; i++) next[keys[order[i]] + 1]++;
  for (let k = 0; k < keyCount; k++) next[k + 1] += next[k];
  const sorted = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) sorted[next[keys[order[i]]]++] = order[i];
  return sorted;
}

export function identity(size: number, factor = 1): SparseMatrix {
  return diagonal(new Float64Array(size).fill(factor));
}

/** diag(values); zeros are dropped. */
export function diagonal(values: ArrayLike<number>): SparseMatrix {
  const builder = new RowBuilder(values.length, values.length, values.length);
  for (let r = 0; r < values.length; r++) {
    builder.entry(r, values[r]);
    builder.endRow();
  }
  return builder.build();
}

/**
 * Row r takes column `source[r]` (or nothing where it is negative): permutations, slices, broadcasts.
 * @param factors row r is scaled by `factors[r]`; default 1
 */
export function selection(
  source: ArrayLike<number>,
  columns: number,
  factors?: ArrayLike<number>,
): SparseMatrix {
  const builder = new RowBuilder(source.length, columns, source.length);
  for (let r = 0; r < source.length; r++) {
    if (source[r] >= 0) builder.entry(source[r], factors ? factors[r] : 1);
    builder.endRow();
  }
  return builder.build();
}

/** The diagonal of a square matrix without any other entries; undefined for every other matrix. */
export function diagonalOf(m: SparseMatrix): Float64Array | undefined {
  if (m.rows !== m.columns || entryCount(m) > m.rows) return undefined;
  const values = new Float64Array(m.rows);
  for (let r = 0; r < m.rows; r++) {
    const k = m.start[r];
    const length = m.start[r + 1] - k;
    if (length > 1 || (length === 1 && m.column[k] !== r)) return undefined;
    if (length === 1) values[r] = m.value[k];
  }
  return values;
}

export const isIdentityMatrix = (m: SparseMatrix): boolean =>
  entryCount(m) === m.rows && (diagonalOf(m)?.every((d) => d === 1) ?? false);

export function multiplyVector(m: SparseMatrix, x: ArrayLike<number>): Float64Array {
  const y = new Float64Array(m.rows);
  for (let r = 0; r < m.rows; r++) {
    let sum = 0;
    for (let k = m.start[r]; k < m.start[r + 1]; k++) sum += m.value[k] * x[m.column[k]];
    y[r] = sum;
  }
  return y;
}

/** Scalar products that a * b takes. */
export function multiplicationCost(a: SparseMatrix, b: SparseMatrix): number {
  let cost = 0;
  const count = entryCount(a);
  for (let k = 0; k < count; k++) cost += b.start[a.column[k] + 1] - b.start[a.column[k]];
  return cost;
}

/** Rows with more than this part of all columns are collected by a scan, which is then cheaper than sorting. */
const SCAN_FRACTION = 1 / 16;

/** a * b. @param limit entries above which undefined is returned: the product would be too large to be worth it */
export function multiply(
  a: SparseMatrix,
  b: SparseMatrix,
  limit = Number.POSITIVE_INFINITY,
): SparseMatrix | undefined {
  const sums = new Float64Array(b.columns);
  const seen = new Int32Array(b.columns).fill(-1);
  const touched = new Int32Array(b.columns);
  const builder = new RowBuilder(a.rows, b.columns, Math.max(entryCount(a), entryCount(b)));
  for (let r = 0; r < a.rows; r++) {
    let count = 0;
    for (let k = a.start[r]; k < a.start[r + 1]; k++) {
      const inner = a.column[k];
      const factor = a.value[k];
      for (let j = b.start[inner]; j < b.start[inner + 1]; j++) {
        const c = b.column[j];
        if (seen[c] !== r) {
          seen[c] = r;
          sums[c] = 0;
          touched[count++] = c;
        }
        sums[c] += factor * b.value[j];
      }
    }
    if (count > SCAN_FRACTION * b.columns) {
      for (let c = 0; c < b.columns; c++) if (seen[c] === r) builder.entry(c, sums[c]);
    } else {
      const row = touched.subarray(0, count).sort();
      for (let i = 0; i < count; i++) builder.entry(row[i], sums[row[i]]);
    }
    if (builder.count > limit) return undefined;
    builder.endRow();
  }
  return builder.build();
}

/** a + b. */
export function addMatrices(a: SparseMatrix, b: SparseMatrix): SparseMatrix {
  const builder = new RowBuilder(a.rows, a.columns, entryCount(a) + entryCount(b));
  for (let r = 0; r < a.rows; r++) {
    let i = a.start[r];
    let j = b.start[r];
    while (i < a.start[r + 1] || j < b.start[r + 1]) {
      const left = i < a.start[r + 1] ? a.column[i] : a.columns;
      const right = j < b.start[r + 1] ? b.column[j] : b.columns;
      if (left < right) builder.entry(left, a.value[i++]);
      else if (right < left) builder.entry(right, b.value[j++]);
      else builder.entry(left, a.value[i++] + b.value[j++]);
    }
    builder.endRow();
  }
  return builder.build();
}

/** diag(factors) * m. */
export function scaleRows(m: SparseMatrix, factors: ArrayLike<number>): SparseMatrix {
  const builder = new RowBuilder(m.rows, m.columns, entryCount(m));
  for (let r = 0; r < m.rows; r++) {
    for (let k = m.start[r]; k < m.start[r + 1]; k++) builder.entry(m.column[k], factors[r] * m.value[k]);
    builder.endRow();
  }
  return builder.build();
}
