/**
 * Key switching: decompose once (hoisting), inner product with a key, divide by the special primes.
 * @module
 */
import { FheError } from '../errors.ts';
import { writePointers } from '../ring/base-conversion.ts';
import type { Modulus } from '../ring/modulus.ts';
import { type Context, TRANSFORM_PASSES } from './context.ts';
import { type Conversion, convert, isLift } from './convert.ts';
import { type Finish, modDown } from './mod-down.ts';
import type { SwitchingKey } from './switching-key.ts';

/** One limb of a digit: NTT of the coefficients at `src`, to `dst`. */
interface Transform {
  modulus: Modulus;
  dst: number;
  src: number;
}

/** The digits of one polynomial, in the NTT domain over q_0 ... q_level and `special` special primes. */
export class Digits {
  readonly context: Context;
  readonly level: number;
  readonly special: number;
  /** pointers[t][d]: limb t of digit d, |x| <= 3.25*2^50. */
  readonly pointers: number[][];
  readonly #owned: number;

  /** Decomposes the polynomial whose limbs 0..level lie at `source` (NTT domain; must outlive the digits). */
  constructor(context: Context, source: number, level: number, special: number) {
    const { n, moduli } = context;
    this.context = context;
    this.level = level;
    this.special = special;
    const basis = context.basis(level, special);
    const count = Math.ceil((level + 1) / special);
    const coefficients = context.alloc(level + 1);
    context.fork(level + 1, TRANSFORM_PASSES * n, (i, x) => {
      const limb = context.limbBytes(i);
      context.copyLimbs(coefficients + limb, source + limb, 1, x);
      moduli[i].inverseTransform(coefficients + limb, x);
    });
    this.#owned = context.alloc(Math.max(1, count * basis.length - (level + 1)));
    this.pointers = basis.map(() => new Array<number>(count).fill(0));
    const transforms: Transform[][] = basis.map(() => []);
    let next = this.#owned;
    const conversions: Conversion[] = [];
    for (let d = 0; d < count; d++) {
      const group: number[] = [];
      for (let i = d * special; i < Math.min((d + 1) * special, level + 1); i++) group.push(i);
      const to: number[] = [];
      const targets: number[] = [];
      basis.forEach((index, t) => {
        if (group.includes(t)) {
          // Modulo its own primes the digit is the polynomial itself.
          this.pointers[t][d] = source + context.limbBytes(t);
          return;
        }
        const dst = next;
        this.pointers[t][d] = dst;
        next += context.limbBytes(1);
        const modulus = moduli[index];
        if (isLift(context, group, index)) {
          transforms[t].push({ modulus, dst, src: coefficients + context.limbBytes(group[0]) });
          return;
        }
        transforms[t].push({ modulus, dst, src: dst });
        to.push(index);
        targets.push(dst);
      });
      if (to.length === 0) continue;
      conversions.push({
        from: group,
        sources: group.map((i) => coefficients + context.limbBytes(i)),
        to,
        targets,
      });
    }
    if (conversions.length > 0) convert(context, conversions);
    // Modulus by modulus, so that its twiddles are fetched once for all digits.
    const tasks = transforms.flat();
    context.fork(tasks.length, TRANSFORM_PASSES * n, (i, x) => {
      const { modulus, dst, src } = tasks[i];
      modulus.forwardLazy(dst, src, x);
    });
    context.free(coefficients);
  }

  dispose(): void {
    this.context.free(this.#owned);
  }
}

/** Two polynomials over q_0 ... q_level and the special primes: P times the switched polynomial. */
export interface Accumulator {
  /** 2 x (level + 1 + special) limbs; polynomial 1 starts after polynomial 0. */
  ptr: number;
  level: number;
  special: number;
}

export function accumulatorLimb(context: Context, acc: Accumulator, part: number, limb: number): number {
  return acc.ptr + context.limbBytes(part * (acc.level + 1 + acc.special) + limb);
}

/** Inner product of digits with a key of at least their level. The caller frees `ptr`. */
export function innerProduct(digits: Digits, key: SwitchingKey): Accumulator {
  const { context, level, special } = digits;
  const { kernels, n, moduli } = context;
  if (key.context !== context)
    throw new FheError('CONTEXT_MISMATCH', 'the key belongs to another context', 'key');
  if (key.level < level || key.special !== special) {
    throw new FheError(
      'KEY_LEVEL',
      `a key at level ${key.level} with ${key.special} special primes cannot serve level ${level} with ${special}`,
      'key',
    );
  }
  const basis = context.basis(level, special);
  const acc: Accumulator = { ptr: context.alloc(2 * basis.length), level, special };
  const count = digits.pointers[0].length;
  const pieces = context.pieces(basis.length);
  const length = n / pieces;
  const lists: number[] = [];
  basis.forEach((_, t) => {
    const limb = t <= level ? t : key.specialLimb(t - level - 1);
    for (let piece = 0; piece < pieces; piece++) {
      const offset = 8 * piece * length;
      for (let d = 0; d < count; d++) lists.push(digits.pointers[t][d] + offset);
      for (let d = 0; d < count; d++) lists.push(key.b(d, limb) + offset);
      for (let d = 0; d < count; d++) lists.push(key.a(d, limb) + offset);
    }
  });
  const pointers = writePointers(kernels, lists);
  context.fork(basis.length * pieces, 3 * count * length, (task, x) => {
    const t = Math.floor(task / pieces);
    const offset = 8 * (task % pieces) * length;
    const at = pointers + 12 * count * task;
    x.ks_dot(
      accumulatorLimb(context, acc, 0, t) + offset,
      accumulatorLimb(context, acc, 1, t) + offset,
      at,
      at + 4 * count,
      at + 8 * count,
      count,
      length,
      moduli[basis[t]].value,
      moduli[basis[t]].inverse,
    );
  });
  context.free(pointers);
  return acc;
}

/**
 * Divides an accumulator by the special primes and by the last `drop` chain primes, into limbs dst(part) ..., which may
 * be the accumulator's own. The caller still frees it.
 * @param finish see {@link modDown}
 */
export function divideAccumulator(
  context: Context,
  acc: Accumulator,
  drop: number,
  dst: (part: number) => number,
  finish?: Finish,
): void {
  const divisions = [0, 1].map((part) => ({
    dst: dst(part),
    chain: accumulatorLimb(context, acc, part, 0),
    specials: accumulatorLimb(context, acc, part, acc.level + 1),
  }));
  modDown(context, divisions, acc.level, drop, acc.special, finish);
}
