/**
 * From samples to the vectors that are encoded, and from decoded vectors back to scores. The client's half of a layout.
 * @module
 */
import { Layout, type RequestShape } from './layout.ts';
import type { Profile } from './profile.ts';

type Rows = readonly ArrayLike<number>[];

/** The vectors of a request, in the order of its ciphertexts: coefficients (length N) or slots. */
export function packSamples(profile: Profile, rows: Rows, shape: RequestShape): Float64Array[] {
  const n = 2 ** profile.parameters.logN;
  const { features, period } = profile.input;
  switch (shape.layout) {
    case Layout.samples:
      return Array.from({ length: shape.inputs }, (_, c) => {
        const vector = new Float64Array(n);
        const block = features * profile.output.values;
        for (let s = 0; s < shape.capacity && c * shape.capacity + s < rows.length; s++) {
          for (let f = 0; f < features; f++) vector[s * block + f] = rows[c * shape.capacity + s][f];
        }
        return vector;
      });
    case Layout.slots:
    case Layout.interleaved: {
      const { slots, parts = 1 } = profile.input;
      const { capacity } = shape;
      const vectors: Float64Array[] = [];
      for (let first = 0; first < rows.length; first += capacity) {
        for (let part = 0; part < parts; part++) {
          const vector = new Float64Array(period * capacity);
          for (let t = 0; t < period; t++) {
            const at = part * period + t;
            const feature = slots ? slots[at] : at < features ? at : -1;
            if (feature < 0) continue;
            // What is left of a group repeats the last sample: polynomials may leave their range on made-up values, and a
            // value too large for the modulus would spoil the samples beside it.
            for (let i = 0; i < capacity; i++)
              vector[t * capacity + i] = rows[Math.min(first + i, rows.length - 1)][feature];
          }
          vectors.push(vector);
        }
      }
      return vectors;
    }
    default:
      return Array.from({ length: shape.inputs }, (_, c) => {
        const vector = new Float64Array(shape.capacity);
        const start = Math.floor(c / features) * shape.capacity;
        for (let s = 0; s < shape.capacity && start + s < rows.length; s++)
          vector[s] = rows[start + s][c % features];
        return vector;
      });
  }
}

/** Scores from the result vectors (for layout `samples` all N coefficients of the phase). */
export function unpackScores(
  profile: Profile,
  rows: number,
  shape: RequestShape,
  vectors: readonly ArrayLike<number>[],
): number[][] {
  const { features } = profile.input;
  const { values } = profile.output;
  const { capacity } = shape;
  const score = (r: number, v: number): number => {
    switch (shape.layout) {
      case Layout.samples:
        return vectors[Math.floor(r / capacity)][((r % capacity) * values + v) * features + features - 1];
      case Layout.slots:
      case Layout.interleaved:
        return vectors[Math.floor(r / capacity)][
          (profile.output.slots?.[v] ?? v) * capacity + (r % capacity)
        ];
      default:
        return vectors[Math.floor(r / capacity) * values + v][r % capacity];
    }
  };
  return Array.from({ length: rows }, (_, r) => Array.from({ length: values }, (_, v) => score(r, v)));
}
