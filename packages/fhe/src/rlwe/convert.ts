/**
 * Base conversion of several polynomials at once, in pieces, on all threads.
 * @module
 */
import { writePointers } from '../ring/base-conversion.ts';
import type { Context } from './context.ts';

/** One polynomial in coefficient form: its limbs modulo `from`, and where those modulo `to` go. */
export interface Conversion {
  from: readonly number[];
  sources: readonly number[];
  to: readonly number[];
  targets: readonly number[];
}

/**
 * Whether base conversion from the moduli `from` to the modulus `to` changes nothing that the forward transform cares
 * about: a residue modulo one prime, as a small integer, is its own image modulo a prime that is not much smaller.
 */
export function isLift(context: Context, from: readonly number[], to: number): boolean {
  const { moduli } = context;
  return from.length === 1 && moduli[to].takes(moduli[from[0]]);
}

export function convert(context: Context, conversions: readonly Conversion[]): void {
  const { kernels, n } = context;
  const pieces = context.pieces(conversions.length);
  const length = n / pieces;
  const constants = conversions.map(({ from, to }) => context.conversion(from, to));
  const lists: number[] = [];
  // A task's list begins at starts[task] and holds its targets, then its sources.
  const starts: number[] = [];
  for (const { targets, sources } of conversions) {
    for (let piece = 0; piece < pieces; piece++) {
      starts.push(lists.length);
      for (const ptr of targets) lists.push(ptr + 8 * piece * length);
      for (const ptr of sources) lists.push(ptr + 8 * piece * length);
    }
  }
  const pointers = writePointers(kernels, lists);
  const limbs = Math.max(...conversions.map(({ targets, sources }) => targets.length + sources.length));
  context.fork(starts.length, limbs * length, (task, x) => {
    const which = Math.floor(task / pieces);
    const { targets, sources } = conversions[which];
    const at = pointers + 4 * starts[task];
    x.bconv(at, at + 4 * targets.length, constants[which], sources.length, targets.length, length);
  });
  context.free(pointers);
}
