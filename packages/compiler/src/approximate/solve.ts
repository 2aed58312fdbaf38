/**
 * The two small dense problems of approximation: a square system by Gaussian elimination with partial pivoting, and an
 * overdetermined one by Householder QR (Golub and Van Loan, Matrix Computations, 3.4 and 5.2). QR, not the normal
 * equations: under a density that is concentrated in a corner of the range they square a large condition number.
 * @module
 */

/**
 * Solves matrix x = right, both overwritten.
 * @param matrix n x n, row-major
 * @returns undefined for a matrix that is singular to working precision
 */
export function solveSquare(matrix: Float64Array, right: Float64Array): Float64Array | undefined {
  const n = right.length;
  for (let j = 0; j < n; j++) {
    let pivot = j;
    for (let i = j + 1; i < n; i++)
      if (Math.abs(matrix[i * n + j]) > Math.abs(matrix[pivot * n + j])) pivot = i;
    if (!(Math.abs(matrix[pivot * n + j]) > 1e-300)) return undefined;
    if (pivot !== j) {
      for (let k = j; k < n; k++) {
        const held = matrix[j * n + k];
        matrix[j * n + k] = matrix[pivot * n + k];
        matrix[pivot * n + k] = held;
      }
      const held = right[j];
      right[j] = right[pivot];
      right[pivot] = held;
    }
    for (let i = j + 1; i < n; i++) {
      const factor = matrix[i * n + j] / matrix[j * n + j];
      if (factor === 0) continue;
      for (let k = j; k < n; k++) matrix[i * n + k] -= factor * matrix[j * n + k];
      right[i] -= factor * right[j];
    }
  }
  return backSubstitute((i, k) => matrix[i * n + k], right, n);
}

/**
 * Minimises |matrix x - right|, both overwritten. Columns that depend on the ones before them to working precision get
 * the coefficient 0.
 * @param matrix rows x columns, column-major, rows >= columns
 */
export function solveLeastSquares(matrix: Float64Array, right: Float64Array, columns: number): Float64Array {
  const rows = right.length;
  const diagonal = new Float64Array(columns);
  for (let j = 0; j < columns; j++) {
    const at = j * rows;
    let square = 0;
    for (let i = j; i < rows; i++) square += matrix[at + i] * matrix[at + i];
    if (square === 0) continue;
    const norm = Math.sqrt(square);
    const alpha = matrix[at + j] > 0 ? -norm : norm;
    diagonal[j] = alpha;
    matrix[at + j] -= alpha;
    // v'v / 2 = norm (norm + |x_j|); reflect: y -= v (v'y) / (v'v / 2)
    const half = -alpha * matrix[at + j];
    for (let k = j + 1; k <= columns; k++) {
      const target = k === columns ? right : matrix;
      const offset = k === columns ? 0 : k * rows;
      let dot = 0;
      for (let i = j; i < rows; i++) dot += matrix[at + i] * target[offset + i];
      const factor = dot / half;
      for (let i = j; i < rows; i++) target[offset + i] -= factor * matrix[at + i];
    }
  }
  return backSubstitute((i, k) => (i === k ? diagonal[i] : matrix[k * rows + i]), right, columns);
}

function backSubstitute(
  at: (row: number, column: number) => number,
  right: Float64Array,
  n: number,
): Float64Array {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(at(i, i)));
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = right[i];
    for (let k = i + 1; k < n; k++) sum -= at(i, k) * x[k];
    x[i] = Math.abs(at(i, i)) > largest * 1e-15 ? sum / at(i, i) : 0;
  }
  return x;
}
