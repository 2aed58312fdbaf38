/**
 * Exact division with rounding by a product of moduli: rescaling (one chain prime), the end of a key switch (special
 * primes), or both at once, which saves the transforms between them.
 * @module
 */
import { writePointers } from '../ring/base-conversion.ts';
import type { Context } from './context.ts';

/**
 * dst_i = round(x / R) modulo q_i for i <= level - drop, where R is the product of the last `drop` chain primes and the
 * first `special` special primes. x is given in the NTT domain as limbs q_0 ... q_level at `chain` and special limbs at
 * `specials`. The limbs that are divided out are overwritten.
 */
export function modDown(
  context: Context,
  dst: number,
  chain: number,
  level: number,
  drop: number,
  specials: number,
  special: number,
): void {
  const { kernels, n, moduli } = context;
  const target = level - drop;
  const targets = context.basis(target, 0);
  const divided: number[] = [];
  const sources: number[] = [];
  for (let i = target + 1; i <= level; i++) {
    divided.push(i);
    sources.push(chain + context.limbBytes(i));
  }
  for (let k = 0; k < special; k++) {
    divided.push(context.chainLength + k);
    sources.push(specials + context.limbBytes(k));
  }
  divided.forEach((index, i) => {
    moduli[index].inverseTransform(sources[i]);
  });
  const remainder = context.alloc(target + 1);
  const pointers = writePointers(kernels, [
    ...targets.map((i) => remainder + context.limbBytes(i)),
    ...sources,
  ]);
  kernels.x.bconv(
    pointers,
    pointers + 4 * targets.length,
    context.conversion(divided, targets),
    divided.length,
    targets.length,
    n,
  );
  const inverses = context.productModulo(divided, targets, true);
  for (const i of targets) {
    const { value, inverse } = moduli[i];
    const limb = context.limbBytes(i);
    moduli[i].forward(remainder + limb);
    kernels.x.v_submulscalar(dst + limb, chain + limb, remainder + limb, inverses[i], n, value, inverse);
  }
  context.free(pointers);
  context.free(remainder);
}
