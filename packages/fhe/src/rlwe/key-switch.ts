/**
 * Key switching: decompose once (hoisting), inner product with a key, divide by the special primes.
 * @module
 */
import { FheError } from '../errors.ts';
import { writePointers } from '../ring/base-conversion.ts';
import type { Context } from './context.ts';
import { modDown } from './mod-down.ts';
import type { SwitchingKey } from './switching-key.ts';

/** The digits of one polynomial, in the NTT domain over q_0 ... q_level and `special` special primes. */
export class Digits {
  readonly context: Context;
  readonly level: number;
  readonly special: number;
  /** pointers[t][d]: limb t of digit d. */
  readonly pointers: number[][];
  readonly #owned: number;

  /** Decomposes the polynomial whose limbs 0..level lie at `source` (NTT domain; must outlive the digits). */
  constructor(context: Context, source: number, level: number, special: number) {
    const { kernels, n, moduli } = context;
    this.context = context;
    this.level = level;
    this.special = special;
    const basis = context.basis(level, special);
    const count = Math.ceil((level + 1) / special);
    const coefficients = context.alloc(level + 1);
    context.copyLimbs(coefficients, source, level + 1);
    for (let i = 0; i <= level; i++) moduli[i].inverseTransform(coefficients + context.limbBytes(i));
    this.#owned = context.alloc(Math.max(1, count * basis.length - (level + 1)));
    this.pointers = basis.map(() => new Array<number>(count).fill(0));
    let next = this.#owned;
    for (let d = 0; d < count; d++) {
      const group: number[] = [];
      for (let i = d * special; i < Math.min((d + 1) * special, level + 1); i++) group.push(i);
      const targets: number[] = [];
      const targetPointers: number[] = [];
      basis.forEach((index, t) => {
        if (group.includes(t)) {
          // Modulo its own primes the digit is the polynomial itself.
          this.pointers[t][d] = source + context.limbBytes(t);
          return;
        }
        targets.push(index);
        targetPointers.push(next);
        this.pointers[t][d] = next;
        next += context.limbBytes(1);
      });
      const pointers = writePointers(kernels, [
        ...targetPointers,
        ...group.map((i) => coefficients + context.limbBytes(i)),
      ]);
      kernels.x.bconv(
        pointers,
        pointers + 4 * targets.length,
        context.conversion(group, targets),
        group.length,
        targets.length,
        n,
      );
      targets.forEach((index, i) => {
        moduli[index].forward(targetPointers[i]);
      });
      context.free(pointers);
    }
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
  const pointers = kernels.arena.alloc(Math.max(64, 12 * count));
  basis.forEach((index, t) => {
    const limb = t <= level ? t : key.specialLimb(t - level - 1);
    const table = kernels.i32(pointers, 3 * count);
    for (let d = 0; d < count; d++) {
      table[d] = digits.pointers[t][d];
      table[count + d] = key.b(d, limb);
      table[2 * count + d] = key.a(d, limb);
    }
    const { value, inverse } = moduli[index];
    kernels.x.ks_dot(
      accumulatorLimb(context, acc, 0, t),
      accumulatorLimb(context, acc, 1, t),
      pointers,
      pointers + 4 * count,
      pointers + 8 * count,
      count,
      n,
      value,
      inverse,
    );
  });
  context.free(pointers);
  return acc;
}

/**
 * Divides an accumulator by the special primes and by the last `drop` chain primes, into limbs dst(part) ... The
 * accumulator is freed.
 */
export function finishSwitch(
  context: Context,
  acc: Accumulator,
  drop: number,
  dst: (part: number) => number,
): void {
  for (const part of [0, 1]) {
    modDown(
      context,
      dst(part),
      accumulatorLimb(context, acc, part, 0),
      acc.level,
      drop,
      accumulatorLimb(context, acc, part, acc.level + 1),
      acc.special,
    );
  }
  context.free(acc.ptr);
}
