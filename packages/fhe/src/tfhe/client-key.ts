/**
 * The client's key: 32 secret bytes, from which both secret keys are expanded. It makes the public parts, encrypts and
 * decrypts; it never leaves the client.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { Domain, randomSeed, SEED_BYTES } from '../random.ts';
import { KEY_ID_BYTES, MAX_BLOCKS, newContainer, openContainer, seal } from './container.ts';
import { TorusContext } from './context.ts';
import { TfheError } from './errors.ts';
import { checkValues, decryptResult, encryptSeeded } from './lists.ts';
import type { InsecureOption, TfheParameters } from './parameters.ts';
import { makePublicKey } from './public-key.ts';
import { TorusSecret } from './secret.ts';
import { makeServerKey } from './server-key-writer.ts';

export class TfheClientKey {
  readonly parameters: TfheParameters;
  /** Names the key pair: 32 hex digits, pseudorandom, nothing about the key follows from them. */
  readonly id: string;
  readonly #context: TorusContext;
  readonly #secret: TorusSecret;
  #freed = false;

  private constructor(kernels: Kernels, parameters: TfheParameters, seed: Uint8Array) {
    this.parameters = parameters;
    this.#context = new TorusContext(kernels, parameters);
    this.#secret = new TorusSecret(this.#context, seed);
    this.id = keyId(this.#context, seed);
  }

  static generate(kernels: Kernels, parameters: TfheParameters): TfheClientKey {
    const seed = randomSeed();
    const key = new TfheClientKey(kernels, parameters, seed);
    seed.fill(0);
    return key;
  }

  /**
   * The key of 32 secret bytes, for those who keep several keys as one seed. Nonce domains 16 to 22 of the seed are taken.
   * @throws TfheError SHAPE_MISMATCH
   */
  static fromSeed(kernels: Kernels, parameters: TfheParameters, seed: Uint8Array): TfheClientKey {
    if (!(seed instanceof Uint8Array) || seed.length !== SEED_BYTES) {
      throw new TfheError('SHAPE_MISMATCH', `a secret seed has ${SEED_BYTES} bytes`, 'seed');
    }
    return new TfheClientKey(kernels, parameters, seed);
  }

  /** @throws TfheError when the bytes are no secret key, damaged, or of another version */
  static fromBytes(kernels: Kernels, bytes: Uint8Array, options: InsecureOption = {}): TfheClientKey {
    const { parameters, keyId, payload } = openContainer(bytes, ['secret'], options);
    const key = new TfheClientKey(kernels, parameters, payload);
    if (key.id === keyId) return key;
    key.free();
    throw new TfheError('KEY_MISMATCH', `the file says key ${keyId}, but its seed gives another`, 'bytes');
  }

  /** SENSITIVE: whoever has these bytes reads everything encrypted under the key. */
  toBytes(): Uint8Array {
    const { bytes, payload } = newContainer('secret', this.parameters, this.id);
    payload.set(this.#alive.seed);
    return seal(bytes);
  }

  /**
   * What a service needs to compute on ciphertexts of this key; nothing secret.
   * @param onProgress called with parts done and their total
   */
  serverKey(onProgress?: (done: number, total: number) => void): Uint8Array {
    return makeServerKey(this.#alive, this.id, onProgress);
  }

  /** With this others can encrypt for the holder of this key. */
  publicKey(): Uint8Array {
    return makePublicKey(this.#alive, this.id);
  }

  /**
   * Encrypts blocks, each an integer 0 ... boxes - 1 (15 in the default set): 4 bytes each.
   * @returns a list container
   * @throws TfheError VALUE_RANGE, SHAPE_MISMATCH, DISPOSED
   */
  encrypt(values: readonly number[]): Uint8Array {
    checkValues(this.parameters, values, MAX_BLOCKS);
    return encryptSeeded(this.#alive, this.id, values);
  }

  /**
   * Decrypts the result of a circuit.
   * @returns for each output its value in units of Delta modulo 2 boxes: an integer 0 ... 2 boxes - 1 (31)
   * @throws TfheError KEY_MISMATCH, PARAMETERS_MISMATCH, and those of a damaged or foreign file
   */
  decrypt(bytes: Uint8Array): number[] {
    return decryptResult(this.#alive, this.id, bytes);
  }

  /** The secret, before anything is allocated for it. */
  get #alive(): TorusSecret {
    if (this.#freed) throw new TfheError('DISPOSED', 'the client key was freed', 'key');
    return this.#secret;
  }

  /** Wipes the key. Twice is harmless. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#secret.dispose();
    this.#context.dispose();
  }
}

/** A name that follows from the seed and tells nothing about it: ChaCha20 output of its own domain. */
function keyId(context: TorusContext, seed: Uint8Array): string {
  const { kernels } = context;
  const block = kernels.arena.alloc(64);
  context.withStream(seed, Domain.torusKeyId, 0, context.parameters.id, (key, nonce) =>
    kernels.x.chacha20(block, key, nonce, 0, 1),
  );
  const id = Array.from(kernels.u8(block, KEY_ID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
  kernels.arena.freeZeroed(block);
  return id;
}
