/**
 * The keys of all programs of one person: 32 secret bytes, from which everything else follows.
 * @module
 */
import { MESSAGE_2_CARRY_2, randomSeed, SEED_BYTES, TfheClientKey, tfheParameters } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { TAG_BYTES } from './envelope.ts';
import { ProgramError } from './errors.ts';

const NONCE_BYTES = 12;

export class ProgramKeys {
  readonly kernels: Kernels;
  readonly #seed: Uint8Array;
  #freed = false;
  #client: TfheClientKey | undefined;

  private constructor(kernels: Kernels, seed: Uint8Array) {
    this.kernels = kernels;
    this.#seed = seed;
  }

  static generate(kernels: Kernels): ProgramKeys {
    return new ProgramKeys(kernels, randomSeed());
  }

  /**
   * @param bytes what `toBytes` gave
   * @throws ProgramError INPUT_INVALID
   */
  static fromBytes(kernels: Kernels, bytes: Uint8Array): ProgramKeys {
    if (!(bytes instanceof Uint8Array) || bytes.length !== SEED_BYTES)
      throw new ProgramError('INPUT_INVALID', `the keys of programs are ${SEED_BYTES} bytes`, 'bytes');
    return new ProgramKeys(kernels, bytes.slice());
  }

  /** SENSITIVE: whoever has these bytes reads everything encrypted with them. Store them wrapped. */
  toBytes(): Uint8Array {
    return this.#alive().slice();
  }

  /** The TFHE key, made when a program needs it. */
  get client(): TfheClientKey {
    this.#client ??= TfheClientKey.fromSeed(
      this.kernels,
      tfheParameters(MESSAGE_2_CARRY_2),
      this.subseed('tfhe'),
    );
    return this.#client;
  }

  /** Names the key pair: the same in the server key and in every input that needs it. */
  get id(): string {
    return this.client.id;
  }

  /** What a service needs to compute; nothing secret. Takes about a second. */
  serverKey(onProgress?: (done: number, total: number) => void): Uint8Array {
    return this.client.serverKey(onProgress);
  }

  /** SENSITIVE. An independent seed for each purpose (at most 12 ASCII characters): ChaCha20 with the purpose as nonce. */
  subseed(purpose: string): Uint8Array {
    const nonce = new Uint8Array(NONCE_BYTES);
    for (let i = 0; i < purpose.length; i++) nonce[i] = purpose.charCodeAt(i);
    return this.#stream(this.#alive(), nonce, SEED_BYTES);
  }

  /** A new tag for an input: only who has these keys can tell that it is theirs. */
  tag(): Uint8Array {
    return this.#tagOf(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
  }

  /** Whether a tag was made with these keys. */
  owns(tag: Uint8Array): boolean {
    const expected = this.#tagOf(tag.slice(0, NONCE_BYTES));
    return tag.length === TAG_BYTES && expected.every((byte, i) => byte === tag[i]);
  }

  /** Wipes the keys. Twice is harmless. */
  free(): void {
    this.#client?.free();
    this.#client = undefined;
    this.#seed.fill(0);
    this.#freed = true;
  }

  #alive(): Uint8Array {
    if (this.#freed)
      throw new ProgramError('KEY_MISSING', 'the keys were freed: make or load them anew', 'keys');
    return this.#seed;
  }

  #tagOf(nonce: Uint8Array): Uint8Array {
    const tag = new Uint8Array(TAG_BYTES);
    tag.set(nonce);
    tag.set(this.#stream(this.subseed('tag'), nonce, TAG_BYTES - NONCE_BYTES), NONCE_BYTES);
    return tag;
  }

  /** The first bytes, at most 64, of ChaCha20's stream. */
  #stream(key: Uint8Array, nonce: Uint8Array, length: number): Uint8Array {
    const { arena, u8, x } = this.kernels;
    const block = arena.alloc(64 + SEED_BYTES + NONCE_BYTES);
    u8(block + 64, SEED_BYTES).set(key);
    u8(block + 64 + SEED_BYTES, NONCE_BYTES).set(nonce);
    x.chacha20(block, block + 64, block + 64 + SEED_BYTES, 0, 1);
    const bytes = u8(block, length).slice();
    arena.freeZeroed(block);
    return bytes;
  }
}
