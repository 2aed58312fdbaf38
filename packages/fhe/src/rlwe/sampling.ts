/**
 * Uniform masks and small errors as polynomials in the NTT domain.
 * @module
 */
import type { RecordableExports } from '@velum/kernels';
import { Domain, nonce, randomSeed, SEED_BYTES } from '../random.ts';
import { type Context, TRANSFORM_PASSES } from './context.ts';

const NONCE_BYTES = 12;

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

/** One limb of a mask: where it goes, and the index and modulus that name it. */
export interface MaskLimb {
  dst: number;
  index: number;
  limb: number;
}

/** `expandMask` for many limbs of one public seed, on all threads. */
export function expandMasks(context: Context, seed: Uint8Array, limbs: readonly MaskLimb[]): void {
  const { kernels, n, moduli } = context;
  const key = kernels.arena.alloc(SEED_BYTES + NONCE_BYTES * limbs.length);
  const nonces = key + SEED_BYTES;
  kernels.u8(key, SEED_BYTES).set(seed);
  limbs.forEach(({ index, limb }, i) => {
    kernels.u8(nonces + NONCE_BYTES * i, NONCE_BYTES).set(nonce(Domain.mask, index, limb));
  });
  context.fork(limbs.length, TRANSFORM_PASSES * n, (i, x) => {
    x.sample_uniform(limbs[i].dst, n, moduli[limbs[i].limb].value, key, nonces + NONCE_BYTES * i);
  });
  kernels.arena.free(key);
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
export function smallToNtt(
  context: Context,
  dst: number,
  src: number,
  index: number,
  x: RecordableExports = context.kernels.x,
): void {
  context.copyLimbs(dst, src, 1, x);
  context.moduli[index].forward(dst, x);
}
