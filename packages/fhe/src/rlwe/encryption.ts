/**
 * Encryption under the secret or the public key, and decryption to a phase (message plus error).
 * @module
 */
import { FheError } from '../errors.ts';
import { Domain, randomSeed } from '../random.ts';
import { writePointers } from '../ring/base-conversion.ts';
import { Ciphertext } from './ciphertext.ts';
import { type Context, sameContext } from './context.ts';
import type { Plaintext } from './plaintext.ts';
import { expandMask, freshError, smallToNtt } from './sampling.ts';
import type { SecretKey } from './secret-key.ts';

/** A fresh ciphertext whose second polynomial is the mask of `seed`: on the wire it is half as large. */
export interface SeededCiphertext {
  ciphertext: Ciphertext;
  seed: Uint8Array;
}

/** An encryption of zero under the secret key: (-a s + e, a) at `level`. */
export function encryptZero(secret: SecretKey, level: number, scale: number): SeededCiphertext {
  const { context } = secret;
  const { kernels, n, moduli } = context;
  const seed = randomSeed();
  const ciphertext = new Ciphertext(context, 1, level, scale);
  const error = freshError(context);
  const product = context.alloc(1);
  for (let i = 0; i <= level; i++) {
    const { value, inverse } = moduli[i];
    expandMask(context, ciphertext.limb(1, i), seed, 0, i);
    smallToNtt(context, ciphertext.limb(0, i), error, i);
    kernels.x.v_mul(product, ciphertext.limb(1, i), secret.limb(i), n, value, inverse);
    kernels.x.v_sub(ciphertext.limb(0, i), ciphertext.limb(0, i), product, n, value, inverse);
  }
  kernels.arena.freeZeroed(product);
  kernels.arena.freeZeroed(error);
  return { ciphertext, seed };
}

/** Encrypts a full-length plaintext under the secret key at the plaintext's level. */
export function encrypt(secret: SecretKey, plaintext: Plaintext): SeededCiphertext {
  const result = encryptZero(secret, plaintext.level, plaintext.scale);
  addPlaintext(result.ciphertext, plaintext);
  return result;
}

/** c_0 += plaintext, for plaintexts of any run length. */
export function addPlaintext(ciphertext: Ciphertext, plaintext: Plaintext): void {
  const { context, level } = ciphertext;
  const { kernels, n, moduli } = context;
  sameContext(context, plaintext.context);
  if (plaintext.level < level) {
    throw new FheError(
      'LEVEL_MISMATCH',
      `plaintext at level ${plaintext.level} cannot be added at level ${level}`,
      'plaintext',
    );
  }
  const ones = plaintext.runLog === 0 ? 0 : onesVector(context);
  for (let i = 0; i <= level; i++) {
    const { value, inverse } = moduli[i];
    const limb = ciphertext.limb(0, i);
    if (plaintext.runLog === 0) kernels.x.v_add(limb, limb, plaintext.limb(i), n, value, inverse);
    else kernels.x.v_muladdrun(limb, ones, plaintext.limb(i), plaintext.runLog, n, value, inverse);
  }
  if (ones !== 0) context.free(ones);
}

function onesVector(context: Context): number {
  const ptr = context.alloc(1);
  context.kernels.f64(ptr, context.n).fill(1);
  return ptr;
}

/** A public key: an encryption of zero at `level`, which anyone may use to encrypt at or below that level. */
export class PublicKey {
  readonly pair: Ciphertext;
  readonly seed: Uint8Array;

  constructor(pair: Ciphertext, seed: Uint8Array) {
    this.pair = pair;
    this.seed = seed;
  }

  static generate(secret: SecretKey, level: number): PublicKey {
    const { ciphertext, seed } = encryptZero(secret, level, 1);
    return new PublicKey(ciphertext, seed);
  }

  /** A fresh encryption of zero: (b u + e_0, a u + e_1) with ternary u. */
  encryptZero(level: number, scale: number): Ciphertext {
    const { context } = this.pair;
    const { kernels, n, moduli } = context;
    if (level > this.pair.level) {
      throw new FheError(
        'KEY_LEVEL',
        `the public key is at level ${this.pair.level}, asked for ${level}`,
        'level',
      );
    }
    const result = new Ciphertext(context, 1, level, scale);
    const ephemeral = kernels.arena.allocZeroed(n * 8);
    const seed = randomSeed();
    context.withStream(seed, Domain.ephemeral, 0, 0, (key, nonce) =>
      kernels.x.sample_ternary(ephemeral, n, key, nonce),
    );
    seed.fill(0);
    const errors = [freshError(context), freshError(context)];
    const transformed = kernels.arena.allocZeroed(n * 8);
    for (let i = 0; i <= level; i++) {
      const { value, inverse } = moduli[i];
      smallToNtt(context, transformed, ephemeral, i);
      for (const part of [0, 1]) {
        smallToNtt(context, result.limb(part, i), errors[part], i);
        kernels.x.v_muladd(result.limb(part, i), this.pair.limb(part, i), transformed, n, value, inverse);
      }
    }
    for (const ptr of [ephemeral, transformed, ...errors]) kernels.arena.freeZeroed(ptr);
    return result;
  }

  encrypt(plaintext: Plaintext): Ciphertext {
    const result = this.encryptZero(plaintext.level, plaintext.scale);
    addPlaintext(result, plaintext);
    return result;
  }

  dispose(): void {
    this.pair.dispose();
  }
}

/** The kernels' reconstruction takes at most this many. */
const MAX_PHASE_LIMBS = 8;

/**
 * The phase c_0 + c_1 s (+ c_2 s^2) as centred coefficients in doubles.
 * @param limbs chain primes to use: the phase must be below half their product; fewer are faster.
 */
export function phase(
  secret: SecretKey,
  ciphertext: Ciphertext,
  limbs: number = Math.min(ciphertext.level + 1, 4),
): Float64Array {
  const { context } = ciphertext;
  if (secret.context !== context)
    throw new FheError('CONTEXT_MISMATCH', 'the ciphertext belongs to another context', 'ciphertext');
  if (!Number.isInteger(limbs) || limbs < 1 || limbs > Math.min(ciphertext.level + 1, MAX_PHASE_LIMBS)) {
    throw new FheError(
      'VALUE_RANGE',
      `limbs is ${limbs}, not within 1..${Math.min(ciphertext.level + 1, MAX_PHASE_LIMBS)}`,
      'limbs',
    );
  }
  const { kernels, n, moduli } = context;
  const acc = kernels.arena.allocZeroed(context.limbBytes(limbs + 1));
  const value64 = acc + context.limbBytes(limbs);
  try {
    for (let i = 0; i < limbs; i++) {
      const { value, inverse } = moduli[i];
      const limb = acc + context.limbBytes(i);
      // Horner in s: ((c_2 s) + c_1) s + c_0.
      context.copyLimbs(limb, ciphertext.limb(ciphertext.degree, i), 1);
      for (let part = ciphertext.degree - 1; part >= 0; part--) {
        kernels.x.v_mul(limb, limb, secret.limb(i), n, value, inverse);
        kernels.x.v_add(limb, limb, ciphertext.limb(part, i), n, value, inverse);
      }
      moduli[i].inverseTransform(limb);
    }
    const constants = context.reconstruction(limbs);
    const pointers = writePointers(
      kernels,
      Array.from({ length: limbs }, (_, i) => acc + context.limbBytes(i)),
    );
    kernels.x.crt_to_f64(value64, pointers, constants, limbs, n);
    context.free(pointers);
    return kernels.f64(value64, n).slice();
  } finally {
    kernels.arena.freeZeroed(acc);
  }
}
