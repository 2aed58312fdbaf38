/**
 * Exact division with rounding by a product of moduli: rescaling (one chain prime), the end of a key switch (special
 * primes), or both at once, which saves the transforms between them.
 * @module
 */
import type { RecordableExports } from '@velum/kernels';
import { type Context, TRANSFORM_PASSES } from './context.ts';
import { convert, isLift } from './convert.ts';

/** One polynomial to be divided: where its chain limbs and its special limbs lie, and where the quotient goes. */
export interface Division {
  dst: number;
  chain: number;
  specials: number;
}

/** Makes limb `limb` of a quotient from the chain limb, the NTT of the `remainder` and the `inverse` of the divisor. */
export type Finish = (
  division: number,
  limb: number,
  remainder: number,
  inverse: number,
  x: RecordableExports,
) => void;

/**
 * dst_i = round(x / R) modulo q_i for i <= level - drop, where R is the product of the last `drop` chain primes and the
 * first `special` special primes. Each x is given in the NTT domain as limbs q_0 ... q_level at `chain` and special limbs
 * at `specials`. The special limbs are overwritten; dst may be `chain`.
 * @param finish what makes a limb of the quotient instead, (chain - remainder) * inverse mod q_i, on the thread that
 *   made the remainder (|remainder| <= 3.25*2^50), which it may overwrite; dst is not written then
 */
export function modDown(
  context: Context,
  divisions: readonly Division[],
  level: number,
  drop: number,
  special: number,
  finish?: Finish,
): void {
  const { n, moduli } = context;
  const target = level - drop;
  const targets = context.basis(target, 0);
  const divided: number[] = [];
  for (let i = target + 1; i <= level; i++) divided.push(i);
  for (let k = 0; k < special; k++) divided.push(context.chainLength + k);
  const inverses = context.productModulo(divided, targets, true);
  const count = divisions.length;
  const scratch = context.alloc(count * (level + 1));
  const remainder = (d: number, i: number) => scratch + context.limbBytes(d * (level + 1) + i);
  // Chain limbs are transformed beside the remainders: they may belong to an operand.
  const source = (d: number, i: number) =>
    i < drop ? remainder(d, target + 1 + i) : divisions[d].specials + context.limbBytes(i - drop);
  // Modulus by modulus, so that its twiddles are fetched once for all polynomials.
  context.fork(divided.length * count, TRANSFORM_PASSES * n, (task, x) => {
    const i = Math.floor(task / count);
    const d = task % count;
    if (i < drop)
      context.copyLimbs(source(d, i), divisions[d].chain + context.limbBytes(target + 1 + i), 1, x);
    moduli[divided[i]].inverseTransform(source(d, i), x);
  });
  const converted = targets.filter((i) => !isLift(context, divided, i));
  if (converted.length > 0) {
    convert(
      context,
      divisions.map((_, d) => ({
        from: divided,
        sources: divided.map((_, i) => source(d, i)),
        to: converted,
        targets: converted.map((i) => remainder(d, i)),
      })),
    );
  }
  context.fork(targets.length * count, (TRANSFORM_PASSES + 1) * n, (task, x) => {
    const i = Math.floor(task / count);
    const d = task % count;
    const { dst, chain } = divisions[d];
    const { value, inverse } = moduli[i];
    const limb = context.limbBytes(i);
    const r = remainder(d, i);
    moduli[i].forwardLazy(r, isLift(context, divided, i) ? source(d, 0) : r, x);
    if (finish) finish(d, i, r, inverses[i], x);
    else x.v_submulscalar(dst + limb, chain + limb, r, inverses[i], n, value, inverse);
  });
  context.free(scratch);
}
