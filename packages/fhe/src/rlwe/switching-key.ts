/**
 * Hybrid key switching (Han and Ki, ePrint 2019/688; centred digits). A key from s_in to s_out at `level` with `special`
 * special primes holds, for each digit d (a group of `special` consecutive chain primes),
 *   b_d = -a_d s_out + e_d + P g_d s_in   over q_0 ... q_level, p_0 ... p_{special-1},
 * with g_d = 1 modulo the primes of the group and 0 modulo the others, so a key serves every lower level too.
 * @module
 */
import { FheError } from '../errors.ts';
import { randomSeed } from '../random.ts';
import { inverseGalois } from '../ring/galois.ts';
import { type Context, TRANSFORM_PASSES } from './context.ts';
import { expandMasks, freshError, type MaskLimb, smallToNtt } from './sampling.ts';
import type { SecretKey } from './secret-key.ts';

export interface SwitchingKeySpec {
  level: number;
  /** Special primes used: the size of a digit, in primes. More are faster and smaller, and cost modulus. */
  special: number;
}

export function digitCount(spec: SwitchingKeySpec): number {
  return Math.ceil((spec.level + 1) / spec.special);
}

export class SwitchingKey {
  readonly context: Context;
  readonly level: number;
  readonly special: number;
  readonly digits: number;
  readonly seed: Uint8Array;
  readonly #limbs: number;
  #ptr: number;

  /** An empty key; its b limbs are filled by key generation or by the wire reader, its a limbs from the seed. */
  constructor(context: Context, spec: SwitchingKeySpec, seed: Uint8Array) {
    const { level, special } = spec;
    if (level < 0 || level > context.maxLevel || special < 1 || special > context.parameters.p.length) {
      throw new FheError(
        'KEY_LEVEL',
        `no switching key at level ${level} with ${special} special primes in these parameters`,
        'spec',
      );
    }
    this.context = context;
    this.level = level;
    this.special = special;
    this.digits = digitCount(spec);
    this.seed = seed;
    this.#limbs = level + 1 + special;
    this.#ptr = context.alloc(2 * this.digits * this.#limbs);
    const basis = context.basis(level, special);
    const masks: MaskLimb[] = [];
    for (let d = 0; d < this.digits; d++) {
      basis.forEach((limb, t) => {
        masks.push({ dst: this.a(d, t), index: d, limb });
      });
    }
    expandMasks(context, seed, masks);
  }

  /** Position of the limb of special prime k among the limbs of this key. */
  specialLimb(k: number): number {
    return this.level + 1 + k;
  }

  b(digit: number, limb: number): number {
    if (this.#ptr === 0) throw new FheError('DISPOSED', 'the switching key was disposed of', 'key');
    return this.#ptr + this.context.limbBytes(digit * this.#limbs + limb);
  }

  a(digit: number, limb: number): number {
    return this.b(digit, limb) + this.context.limbBytes(this.digits * this.#limbs);
  }

  get limbs(): number {
    return this.#limbs;
  }

  get bytes(): number {
    return this.context.limbBytes(2 * this.digits * this.#limbs);
  }

  dispose(): void {
    if (this.#ptr !== 0) this.context.free(this.#ptr);
    this.#ptr = 0;
  }
}

/** Residue limbs of a secret polynomial over all moduli of the context, by index. */
export type SecretLimbs = (index: number) => number;

/** Generates the key that switches from `input` to `output`. */
export function generateSwitchingKey(
  context: Context,
  spec: SwitchingKeySpec,
  input: SecretLimbs,
  output: SecretLimbs,
): SwitchingKey {
  const { kernels, n, moduli } = context;
  const key = new SwitchingKey(context, spec, randomSeed());
  const basis = context.basis(spec.level, spec.special);
  const specials = basis.slice(spec.level + 1);
  const factors = context.productModulo(specials, basis.slice(0, spec.level + 1), false);
  const masked = context.alloc(basis.length);
  for (let d = 0; d < key.digits; d++) {
    const error = freshError(context);
    context.fork(basis.length, TRANSFORM_PASSES * n, (t, x) => {
      const index = basis[t];
      const { value, inverse } = moduli[index];
      const b = key.b(d, t);
      const product = masked + context.limbBytes(t);
      smallToNtt(context, b, error, index, x);
      x.v_mul(product, key.a(d, t), output(index), n, value, inverse);
      x.v_sub(b, b, product, n, value, inverse);
      if (t <= spec.level && Math.floor(t / spec.special) === d) {
        x.v_muladdscalar(b, input(index), factors[t], n, value, inverse);
      }
    });
    kernels.arena.freeZeroed(error);
  }
  // The mask is public, so its product with the secret is the secret.
  kernels.arena.freeZeroed(masked);
  return key;
}

/** Key that takes s^2 to s. */
export function generateRelinearizationKey(secret: SecretKey, spec: SwitchingKeySpec): SwitchingKey {
  const { context } = secret;
  const { kernels, n, moduli } = context;
  const square = kernels.arena.allocZeroed(context.limbBytes(moduli.length));
  const limb: SecretLimbs = (i) => square + context.limbBytes(i);
  context.fork(moduli.length, n, (i, x) => {
    x.v_mul(limb(i), secret.limb(i), secret.limb(i), n, moduli[i].value, moduli[i].inverse);
  });
  const key = generateSwitchingKey(context, spec, limb, (i) => secret.limb(i));
  kernels.arena.freeZeroed(square);
  return key;
}

/**
 * Key of the automorphism X -> X^galois. It switches s to the inverse image of s, so that the automorphism is applied
 * after the switch: the digits of a hoisted ciphertext then serve all rotations as they are.
 */
export function generateGaloisKey(secret: SecretKey, galois: number, spec: SwitchingKeySpec): SwitchingKey {
  const { context } = secret;
  const { kernels, n, moduli } = context;
  const image = kernels.arena.allocZeroed(context.limbBytes(moduli.length));
  const limb: SecretLimbs = (i) => image + context.limbBytes(i);
  const table = context.galoisTable(inverseGalois(galois, n));
  context.fork(moduli.length, n, (i, x) => {
    x.v_permute(limb(i), secret.limb(i), table, n);
  });
  const key = generateSwitchingKey(context, spec, (i) => secret.limb(i), limb);
  kernels.arena.freeZeroed(image);
  return key;
}
