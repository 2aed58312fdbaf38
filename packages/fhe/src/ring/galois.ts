/**
 * Galois elements of slot rotations: known from the ring degree alone, so that keys can be planned without a context.
 * @module
 */
import { FheError } from '../errors.ts';

/**
 * The Galois element of a rotation of the N/2 slots to the left by `steps` (to the right if negative): 5^steps mod 2N.
 * @throws FheError VALUE_RANGE
 */
export function rotationElement(logN: number, steps: number): number {
  if (!Number.isSafeInteger(steps))
    throw new FheError('VALUE_RANGE', `steps is ${steps}, not an integer`, 'steps');
  const slots = 2 ** (logN - 1);
  const modulus = 4 * slots;
  let g = 1;
  let base = 5;
  for (let e = ((steps % slots) + slots) % slots; e > 0; e = Math.floor(e / 2)) {
    if (e % 2 === 1) g = (g * base) % modulus;
    base = (base * base) % modulus;
  }
  return g;
}

/** g^-1 mod 2n for odd g, by Newton's iteration modulo a power of two. */
export function inverseGalois(galois: number, n: number): number {
  const mask = BigInt(2 * n - 1);
  const g = BigInt(galois);
  let x = g;
  for (let i = 0; i < 6; i++) x = (x * (2n - g * x)) & mask;
  return Number(x);
}
