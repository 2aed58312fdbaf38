/**
 * The secret key: a uniform ternary polynomial, expanded from a 32-byte seed. Only the seed is ever stored.
 * @module
 */
import { FheError } from '../errors.ts';
import { Domain, randomSeed, SEED_BYTES } from '../random.ts';
import type { Context } from './context.ts';

export class SecretKey {
  readonly context: Context;
  readonly #seed: Uint8Array;
  #seeded = true;
  #ptr: number;

  private constructor(context: Context, seed: Uint8Array) {
    this.context = context;
    this.#seed = seed.slice();
    const { kernels, n, moduli } = context;
    this.#ptr = kernels.arena.allocZeroed(context.limbBytes(moduli.length));
    const ternary = kernels.arena.allocZeroed(n * 8);
    context.withStream(this.#seed, Domain.secret, 0, 0, (key, nonce) =>
      kernels.x.sample_ternary(ternary, n, key, nonce),
    );
    moduli.forEach((modulus, i) => {
      context.copyLimbs(this.limb(i), ternary, 1);
      modulus.forward(this.limb(i));
    });
    kernels.arena.freeZeroed(ternary);
  }

  static generate(context: Context): SecretKey {
    return new SecretKey(context, randomSeed());
  }

  static fromSeed(context: Context, seed: Uint8Array): SecretKey {
    if (seed.length !== SEED_BYTES) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `a secret seed has ${SEED_BYTES} bytes, got ${seed.length}`,
        'seed',
      );
    }
    return new SecretKey(context, seed);
  }

  /**
   * A key whose residues modulo q_0 are given in coefficient form, for interchange with other libraries. It has no seed.
   * @param coefficients N values in {-1, 0, 1}
   */
  static fromCoefficients(context: Context, coefficients: ArrayLike<number>): SecretKey {
    if (coefficients.length !== context.n) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `expected ${context.n} coefficients, got ${coefficients.length}`,
        'coefficients',
      );
    }
    const key = new SecretKey(context, new Uint8Array(SEED_BYTES));
    key.#seeded = false;
    context.moduli.forEach((modulus, i) => {
      context.kernels.f64(key.limb(i), context.n).set(coefficients);
      modulus.forward(key.limb(i));
    });
    return key;
  }

  /**
   * SENSITIVE. The 32 bytes that are the key.
   * @throws FheError DISPOSED, KEY_MISSING (a key made from coefficients)
   */
  exportSeed(): Uint8Array {
    if (this.#ptr === 0) throw new FheError('DISPOSED', 'the secret key was disposed of', 'secretKey');
    if (!this.#seeded)
      throw new FheError('KEY_MISSING', 'a secret key made from coefficients has no seed', 'secretKey');
    return this.#seed.slice();
  }

  /** NTT-domain residues modulo context.moduli[index]. */
  limb(index: number): number {
    if (this.#ptr === 0) throw new FheError('DISPOSED', 'the secret key was disposed of', 'secretKey');
    return this.#ptr + this.context.limbBytes(index);
  }

  /** Wipes the key. */
  dispose(): void {
    if (this.#ptr !== 0) this.context.kernels.arena.freeZeroed(this.#ptr);
    this.#ptr = 0;
    this.#seed.fill(0);
  }
}
