/**
 * Microsoft SEAL compiled to WebAssembly (node-seal 7) with just enough around it to run a model the way
 * HE4Cloud does: slots, plaintext products, rotations, rescales. Deterministic frees, since its objects live
 * outside the garbage collector.
 * @module
 */
import SEAL, {
  type Ciphertext,
  type CKKSEncoder,
  type Decryptor,
  type Encryptor,
  type Evaluator,
  type GaloisKeys,
  type KeyGenerator,
  type MainModule,
  type Plaintext,
  type RelinKeys,
  type SEALContext,
} from 'node-seal';

export interface SealSet {
  name: string;
  n: number;
  /** Bits of each prime, the key-switching prime last. */
  bits: number[];
  scaleBits: number;
}

/** HE4Cloud's profile of its logistic regression: N = 16384, 7 data primes, 50 fractional and 10 integer bits. */
export const HE4CLOUD_SET: SealSet = {
  name: 'node-seal 7, HE4Cloud set',
  n: 16384,
  bits: [60, 50, 50, 50, 50, 50, 50, 60],
  scaleBits: 50,
};

/** What a SEAL expert would take for a linear score alone: N = 8192, 2 data primes. */
export const SMALL_SET: SealSet = {
  name: 'node-seal 7, small set',
  n: 8192,
  bits: [60, 40, 60],
  scaleBits: 40,
};

interface Freeable {
  delete(): void;
  isDeleted(): boolean;
}

/** Compiled once; contexts come and go in its memory. */
let module: Promise<MainModule> | undefined;

export class SealCkks {
  readonly set: SealSet;
  readonly scale: number;
  readonly slots: number;
  readonly evaluator: Evaluator;
  readonly #seal: MainModule;
  readonly #context: SEALContext;
  readonly #keygen: KeyGenerator;
  readonly #encoder: CKKSEncoder;
  readonly #encryptor: Encryptor;
  readonly #decryptor: Decryptor;
  readonly #owned: Freeable[] = [];

  static async open(set: SealSet): Promise<SealCkks> {
    module ??= SEAL();
    return new SealCkks(await module, set);
  }

  private constructor(seal: MainModule, set: SealSet) {
    this.#seal = seal;
    this.set = set;
    this.scale = 2 ** set.scaleBits;
    const parms = this.own(new seal.EncryptionParameters(seal.SchemeType.ckks));
    parms.setPolyModulusDegree(set.n);
    parms.setCoeffModulus(this.own(seal.CoeffModulus.Create(set.n, Int32Array.from(set.bits))));
    this.#context = this.own(new seal.SEALContext(parms, true, seal.SecLevelType.tc128));
    if (!this.#context.parametersSet()) throw new Error(`SEAL refuses ${set.name}`);
    this.#keygen = this.own(new seal.KeyGenerator(this.#context));
    const secret = this.own(this.#keygen.secretKey());
    this.#encoder = this.own(new seal.CKKSEncoder(this.#context));
    this.#encryptor = this.own(
      new seal.Encryptor(this.#context, this.own(this.#keygen.createPublicKey()), secret),
    );
    this.#decryptor = this.own(new seal.Decryptor(this.#context, secret));
    this.evaluator = this.own(new seal.Evaluator(this.#context));
    this.slots = this.#encoder.slotCount();
  }

  /** Frees the object with this context. */
  own<T extends Freeable>(object: T): T {
    this.#owned.push(object);
    return object;
  }

  galoisKeys(steps: readonly number[]): GaloisKeys {
    return this.own(this.#keygen.createGaloisKeysWithSteps(Int32Array.from(steps)));
  }

  relinKeys(): RelinKeys {
    return this.own(this.#keygen.createRelinKeys());
  }

  /** Bytes of seeded keys as SEAL saves them. */
  keyBytes(steps: readonly number[], relinearization: boolean): number {
    const mode = this.#seal.ComprModeType.zstd;
    let bytes = 0;
    if (steps.length > 0) {
      const keys = this.#keygen.createGaloisKeysSerializableWithSteps(Int32Array.from(steps));
      bytes += keys.saveToArray(mode).length;
      keys.delete();
    }
    if (relinearization) {
      const keys = this.#keygen.createRelinKeysSerializable();
      bytes += keys.saveToArray(mode).length;
      keys.delete();
    }
    return bytes;
  }

  ciphertext(): Ciphertext {
    return new this.#seal.Ciphertext();
  }

  /** Values beyond those given are 0. */
  encode(values: ArrayLike<number>, scale: number = this.scale): Plaintext {
    const plain = new this.#seal.Plaintext();
    const slots = new Float64Array(this.slots);
    slots.set(values);
    this.#encoder.encode(slots, scale, plain);
    return plain;
  }

  /** Encodes at the level of `like`. */
  encodeAt(values: ArrayLike<number>, like: Ciphertext, scale: number = this.scale): Plaintext {
    const plain = this.encode(values, scale);
    const id = like.parmsId();
    this.evaluator.plainModSwitchToInplace(plain, id);
    id.delete();
    return plain;
  }

  encrypt(values: ArrayLike<number>): Ciphertext {
    const plain = this.encode(values);
    const ct = this.ciphertext();
    this.#encryptor.encryptSymmetric(plain, ct);
    plain.delete();
    return ct;
  }

  /** Bytes of a fresh, seeded ciphertext as SEAL saves it. */
  freshBytes(values: ArrayLike<number>): number {
    const plain = this.encode(values);
    const fresh = this.#encryptor.encryptSymmetricSerializable(plain);
    const bytes: number = fresh.saveToArray(this.#seal.ComprModeType.zstd).length;
    fresh.delete();
    plain.delete();
    return bytes;
  }

  /** Bytes of a result, taken down to the last level first. */
  resultBytes(ct: Ciphertext): number {
    const last = ct.copy();
    const id = this.#context.lastParmsId();
    this.evaluator.cipherModSwitchToInplace(last, id);
    id.delete();
    const bytes: number = last.saveToArray(this.#seal.ComprModeType.zstd).length;
    last.delete();
    return bytes;
  }

  decrypt(ct: Ciphertext): Float64Array {
    const plain = new this.#seal.Plaintext();
    this.#decryptor.decrypt(ct, plain);
    const values: Float64Array = this.#encoder.decodeFloat64(plain);
    plain.delete();
    return values;
  }

  /**
   * Rescales and calls the scale 2^k again: the primes differ from 2^50 by 2^-27 of it or less, which is how SEAL's
   * own examples do it.
   */
  rescale(ct: Ciphertext): void {
    this.evaluator.rescaleToNextInplace(ct);
    ct.setScale(this.scale);
  }

  /** Down to the level of `like`. */
  dropTo(ct: Ciphertext, like: Ciphertext): void {
    const id = like.parmsId();
    this.evaluator.cipherModSwitchToInplace(ct, id);
    id.delete();
  }

  dispose(): void {
    for (const object of this.#owned.splice(0).reverse()) if (!object.isDeleted()) object.delete();
  }
}
