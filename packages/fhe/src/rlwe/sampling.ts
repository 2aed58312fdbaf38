/**
 * Uniform masks and small errors as polynomials in the NTT domain.
 * @module
 */
import { Domain, randomSeed } from '../random.ts';
import type { Context } from './context.ts';

/** Standard deviation of the error: centred binomial of 21 + 21 bits. */
export const ERROR_SIGMA = Math.sqrt(10.5);

/** Expands the public mask limb (seed, index, limb) straight into the NTT domain. Part of the wire format. */
export function expandMask(
  context: Context,
  dst: number,
  seed: Uint8Array,
  index: number,
  limb: number,
): void {
  const { kernels, n, moduli } = context;
  context.withStream(seed, Domain.mask, index, limb, (key, nonce) =>
    kernels.x.sample_uniform(dst, n, moduli[limb].value, key, nonce),
  );
}

/** A fresh error polynomial as coefficients; the caller wipes and frees it with `arena.freeZeroed`. */
export function freshError(context: Context): number {
  const { kernels, n } = context;
  const ptr = kernels.arena.allocZeroed(n * 8);
  const seed = randomSeed();
  context.withStream(seed, Domain.error, 0, 0, (key, nonce) => kernels.x.sample_cbd(ptr, n, key, nonce));
  seed.fill(0);
  return ptr;
}

/** dst = NTT(src) modulo moduli[index], where src holds small integers. */
export function smallToNtt(context: Context, dst: number, src: number, index: number): void {
  context.copyLimbs(dst, src, 1);
  context.moduli[index].forward(dst);
}
