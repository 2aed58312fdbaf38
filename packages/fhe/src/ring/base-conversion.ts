/**
 * Constants for the kernels' exact centred base conversion (`bconv`) and for mixed-radix reconstruction
 * (`crt_to_f64`). Halevi, Polyakov, Shoup, ePrint 2018/117, section 2.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import type { Modulus } from './modulus.ts';
import { centre, invMod } from './primes.ts';

const big = (m: Modulus): bigint => BigInt(m.value);

export function product(moduli: readonly Modulus[]): bigint {
  return moduli.reduce((acc, m) => acc * big(m), 1n);
}

/** Constants that take residues modulo `from` to residues modulo `to`; the caller frees the pointer. */
export function conversionConstants(
  kernels: Kernels,
  from: readonly Modulus[],
  to: readonly Modulus[],
): number {
  const Q = product(from);
  const hats = from.map((m) => Q / big(m));
  const values: number[] = [];
  from.forEach((m, i) => {
    values.push(m.value, m.inverse, centre(invMod(hats[i], big(m)), m.value));
  });
  for (const target of to) {
    values.push(target.value, target.inverse, centre(Q, target.value));
    for (const hat of hats) values.push(centre(hat, target.value));
  }
  return writeDoubles(kernels, values);
}

/** Constants of `crt_to_f64` over the given moduli; the caller frees the pointer. */
export function reconstructionConstants(kernels: Kernels, moduli: readonly Modulus[]): number {
  const values: number[] = [];
  moduli.forEach((m, i) => {
    values.push(m.value, m.inverse);
    for (let a = 0; a < i; a++) values.push(centre(invMod(big(moduli[a]), big(m)), m.value));
  });
  return writeDoubles(kernels, values);
}

export function writeDoubles(kernels: Kernels, values: readonly number[]): number {
  const ptr = kernels.arena.alloc(Math.max(8, values.length) * 8);
  kernels.f64(ptr, values.length).set(values);
  return ptr;
}

export function writePointers(kernels: Kernels, values: readonly number[]): number {
  const ptr = kernels.arena.alloc(Math.max(16, values.length) * 4);
  kernels.i32(ptr, values.length).set(values);
  return ptr;
}
