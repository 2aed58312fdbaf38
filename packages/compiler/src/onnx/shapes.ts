/**
 * Index arithmetic on row-major tensors: strides, broadcasting (ONNX's multidirectional rule), axes.
 * An "index map" gives, for each element of an output, the flat index of the input element it is a copy of.
 * @module
 */

export const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

/**
 * The index map of a strided view: element (i_0, i_1, ...) of `shape` comes from offset + sum_d i_d strides[d].
 */
export function stridedMap(shape: readonly number[], strides: readonly number[], offset = 0): Int32Array {
  const map = new Int32Array(countOf(shape));
  const index = new Int32Array(shape.length);
  let at = offset;
  for (let k = 0; k < map.length; k++) {
    map[k] = at;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return map;
}

/** The common shape of two tensors, or undefined when they do not broadcast. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let d = 1; d <= rank; d++) {
    const p = a[a.length - d] ?? 1;
    const q = b[b.length - d] ?? 1;
    if (p !== q && p !== 1 && q !== 1) return undefined;
    shape[rank - d] = p === 1 ? q : p;
  }
  return shape;
}

/** Index map from `shape` to `to`, which `shape` broadcasts to. */
export function broadcastMap(shape: readonly number[], to: readonly number[]): Int32Array {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return stridedMap(
    to,
    to.map((_, d) => (d < lead || shape[d - lead] === 1 ? 0 : own[d - lead])),
  );
}

/** An axis in 0 .. rank - 1, or undefined when it is outside -rank .. rank - 1. */
export function normalAxis(axis: number, rank: number): number | undefined {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) return undefined;
  return axis < 0 ? axis + rank : axis;
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** For messages: "1 x 3 x 8". */
export const shapeText = (shape: readonly number[]): string =>
  shape.length === 0 ? 'scalar' : shape.join(' x ');
