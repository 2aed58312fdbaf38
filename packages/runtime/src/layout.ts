/**
 * Where values lie in ciphertexts, and how many ciphertexts a request takes: shared by both sides and by the sizes.
 * @module
 */
import type { Positions } from '@velum/fhe';
import type { Profile } from './profile.ts';

/** Layout of one request; a number on the wire. */
export const Layout = { samples: 0, features: 1, slots: 2, batch: 3, interleaved: 4 } as const;
export type Layout = (typeof Layout)[keyof typeof Layout];

export interface RequestShape {
  layout: Layout;
  /** Ciphertexts up and down. */
  inputs: number;
  results: number;
  /** Coefficients of c_0 in each result. */
  positions: Positions;
  /** Samples in one ciphertext. */
  capacity: number;
}

/** Samples that fit one coefficient-packed ciphertext. */
export function coefficientCapacity(profile: Profile): number {
  return Math.floor(2 ** profile.parameters.logN / (profile.input.features * profile.output.values));
}

/** The shape of a request with `rows` samples; `layout` fixes the layout (as read from the wire). */
export function requestShape(profile: Profile, rows: number, layout?: Layout): RequestShape {
  const n = 2 ** profile.parameters.logN;
  const { features, packing, images = 1, parts = 1 } = profile.input;
  const { values, period } = profile.output;
  if (packing === 'slots' || packing === 'graph') {
    const slots = period * images;
    const positions =
      slots === 1
        ? { start: 0, stride: 1, count: 1 }
        : { start: 0, stride: n / (2 * slots), count: 2 * slots };
    const results = Math.ceil(rows / images);
    // A layout of its own, so that a client that knows nothing of images is refused and not misread.
    const layout = images * parts === 1 ? Layout.slots : Layout.interleaved;
    return { layout, inputs: results * parts, results, positions, capacity: images };
  }
  const all: Positions = { start: 0, stride: 1, count: n };
  if (packing === 'batch') {
    const groups = Math.ceil(rows / (n / 2));
    return {
      layout: Layout.batch,
      inputs: groups * features,
      results: groups * values,
      positions: all,
      capacity: n / 2,
    };
  }
  const capacity = coefficientCapacity(profile);
  const groups = Math.ceil(rows / n);
  const bySamples = Math.ceil(rows / capacity);
  if (layout === Layout.features || (layout === undefined && groups * (features + values) <= 2 * bySamples)) {
    return {
      layout: Layout.features,
      inputs: groups * features,
      results: groups * values,
      positions: all,
      capacity: n,
    };
  }
  return {
    layout: Layout.samples,
    inputs: bySamples,
    results: bySamples,
    positions: { start: features - 1, stride: features, count: Math.min(rows, capacity) * values },
    capacity,
  };
}
