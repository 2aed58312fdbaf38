/**
 * The compact public key: one RLWE sample (a, b = a S + e) in the ring of kN coefficients (rounded up to a power of two, the
 * key's upper coefficients then being zero). An encryption of up to that many blocks is one mask polynomial a r + e_1
 * and a body for each: coefficients of b r + e_2 + messages (Lyubashevsky, Peikert and Regev, Eurocrypt 2010, with binary r).
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { Domain, randomSeed, SEED_BYTES } from '../random.ts';
import { MAX_BLOCKS, newContainer, openContainer, publicRing, seal, TORUS_BITS } from './container.ts';
import { TorusContext } from './context.ts';
import { TfheError } from './errors.ts';
import { checkValues, toTorus32 } from './lists.ts';
import type { InsecureOption, TfheParameters } from './parameters.ts';
import type { TorusSecret } from './secret.ts';

/** The bytes of a public key of this secret. Each call draws a new one; all belong to the same pair. */
export function makePublicKey(secret: TorusSecret, keyId: string): Uint8Array {
  const { context } = secret;
  const { kernels, parameters } = context;
  const { arena } = kernels;
  const ring = publicRing(parameters);
  const { bytes, payload } = newContainer('public-key', parameters, keyId);
  const seed = randomSeed();
  payload.set(seed);
  const size = ring * 8;
  const [mask, key, noise, body] = [0, 1, 2, 3].map(() => arena.allocZeroed(size));
  expandMask(context, mask, seed);
  kernels.x.v_copy(key, secret.glwe, parameters.bigDimension);
  context.multiply(body, mask, key, ring);
  context.freshNoise(noise, ring, parameters.glweNoiseBits);
  context.combine(body, [body, noise], [1, 2 ** -TORUS_BITS], ring);
  const packed = arena.alloc((ring * TORUS_BITS) / 8);
  kernels.x.tfhe_pack_torus(packed, body, ring, TORUS_BITS);
  payload.set(kernels.u8(packed, (ring * TORUS_BITS) / 8), SEED_BYTES);
  for (const ptr of [mask, key, noise, body, packed]) arena.freeZeroed(ptr);
  return seal(bytes);
}

export class TfhePublicKey {
  readonly parameters: TfheParameters;
  /** Names the key pair. */
  readonly id: string;
  readonly #context: TorusContext;
  #mask: number;
  #body: number;

  private constructor(context: TorusContext, id: string, payload: Uint8Array) {
    const { kernels, parameters } = context;
    const ring = publicRing(parameters);
    this.#context = context;
    this.parameters = parameters;
    this.id = id;
    this.#mask = kernels.arena.alloc(ring * 8);
    this.#body = kernels.arena.alloc(ring * 8);
    expandMask(context, this.#mask, payload.subarray(0, SEED_BYTES));
    const packed = kernels.arena.alloc(payload.length);
    kernels.u8(packed, payload.length).set(payload);
    kernels.x.tfhe_unpack_torus(this.#body, packed + SEED_BYTES, ring, TORUS_BITS);
    kernels.arena.free(packed);
  }

  /** @throws TfheError when the bytes are not a public key, or damaged */
  static fromBytes(kernels: Kernels, bytes: Uint8Array, options: InsecureOption = {}): TfhePublicKey {
    const { parameters, keyId, payload } = openContainer(bytes, ['public-key'], options);
    return new TfhePublicKey(new TorusContext(kernels, parameters), keyId, payload);
  }

  /**
   * Encrypts blocks, each an integer 0 ... boxes - 1 (15 in the default set).
   * @returns a list container
   * @throws TfheError VALUE_RANGE, SHAPE_MISMATCH, DISPOSED
   */
  encrypt(values: readonly number[]): Uint8Array {
    if (this.#mask === 0) throw new TfheError('DISPOSED', 'the public key was freed', 'key');
    const { parameters } = this;
    checkValues(parameters, values, MAX_BLOCKS);
    const ring = publicRing(parameters);
    const { bytes, payload } = newContainer('compact', parameters, this.id, values.length);
    const view = new DataView(payload.buffer, payload.byteOffset);
    let offset = 0;
    for (let start = 0; start < values.length; start += ring) {
      const group = values.slice(start, start + ring);
      const { mask, body } = this.#encryptZero(ring);
      for (let j = 0; j < ring; j++, offset += 4) view.setInt32(offset, toTorus32(mask[j]), true);
      group.forEach((value, j) => {
        view.setInt32(offset, toTorus32(body[j] + value * parameters.delta), true);
        offset += 4;
      });
      // With it the message could be read off the ciphertext.
      body.fill(0);
    }
    return seal(bytes);
  }

  /** a r + e_1 and b r + e_2 for fresh r, e_1, e_2. */
  #encryptZero(ring: number): { mask: Float64Array; body: Float64Array } {
    const { kernels } = this.#context;
    const { x, arena } = kernels;
    const [random, noise, product] = [0, 1, 2].map(() => arena.allocZeroed(ring * 8));
    const seed = randomSeed();
    this.#context.withStream(seed, Domain.ephemeral, 0, 0, (key, nonce) =>
      x.tfhe_binary(random, ring, key, nonce),
    );
    seed.fill(0);
    const [mask, body] = [this.#mask, this.#body].map((part) => {
      this.#context.multiply(product, part, random, ring);
      this.#context.freshNoise(noise, ring, this.parameters.glweNoiseBits);
      this.#context.combine(product, [product, noise], [1, 2 ** -TORUS_BITS], ring);
      return kernels.f64(product, ring).slice();
    });
    for (const ptr of [random, noise, product]) arena.freeZeroed(ptr);
    return { mask, body };
  }

  /** Frees the memory. Twice is harmless. */
  free(): void {
    const { arena } = this.#context.kernels;
    if (this.#mask === 0) return;
    arena.free(this.#mask);
    arena.free(this.#body);
    this.#mask = 0;
    this.#context.dispose();
  }
}

function expandMask(context: TorusContext, dst: number, seed: Uint8Array): void {
  context.withStream(seed, Domain.torusPublicMask, 0, 0, (key, nonce) =>
    context.kernels.x.tfhe_uniform(dst, publicRing(context.parameters), key, nonce),
  );
}
