/**
 * Logistic regression in SEAL: one sample in one ciphertext with an inner sum, or a feature a ciphertext for
 * full batches; with HE4Cloud's degree-9 sigmoid when asked.
 * @module
 */
import { HE4CLOUD_SIGMOID, sigmoidPolynomial } from '@velum/compiler';
import type { Ciphertext, GaloisKeys, Plaintext, RelinKeys } from 'node-seal';
import type { SealCkks } from './seal-ckks.ts';

/** A model made ready on the peer: everything but `evaluate` is outside the timed part. */
export interface SealProgram {
  /** The ciphertexts of the samples; for a batch one a feature. */
  encrypt(rows: readonly number[][]): Ciphertext[];
  /** The timed part. */
  evaluate(inputs: readonly Ciphertext[]): Ciphertext;
  /** One score a sample. */
  decrypt(result: Ciphertext, rows: number): number[];
  bytes(rows: readonly number[][]): { up: number; keys: number };
}

export interface Regression {
  weights: ArrayLike<number>;
  bias: number;
}

/** Rotations and additions that leave the sum of 2^k slots in slot 0. */
export function innerSum(peer: SealCkks, ct: Ciphertext, width: number, keys: GaloisKeys): void {
  const rotated = peer.ciphertext();
  for (let step = width / 2; step >= 1; step /= 2) {
    peer.evaluator.rotateVector(ct, step, keys, rotated);
    peer.evaluator.addInplace(ct, rotated);
  }
  rotated.delete();
}

export function powersOfTwoBelow(width: number): number[] {
  return Array.from({ length: Math.log2(width) }, (_, i) => 2 ** i);
}

/** One sample in one ciphertext. */
export function latencyRegression(
  peer: SealCkks,
  { weights, bias }: Regression,
  server: boolean,
): SealProgram {
  const width = 2 ** Math.ceil(Math.log2(weights.length));
  const steps = powersOfTwoBelow(width);
  const galois = peer.galoisKeys(steps);
  const sigmoid = server ? new Sigmoid9(peer) : undefined;
  const weightPlain = peer.own(peer.encode(weights));
  const biasPlain = peer.own(constantAfterProduct(peer, bias, weightPlain));
  return {
    encrypt: (rows) => [peer.encrypt(rows[0])],
    evaluate: ([input]) => {
      const ct = peer.ciphertext();
      peer.evaluator.multiplyPlain(input, weightPlain, ct);
      peer.rescale(ct);
      innerSum(peer, ct, width, galois);
      peer.evaluator.addPlainInplace(ct, biasPlain);
      sigmoid?.apply(ct);
      return ct;
    },
    decrypt: (result) => [peer.decrypt(result)[0]],
    bytes: (rows) => ({ up: peer.freshBytes(rows[0]), keys: peer.keyBytes(steps, server) }),
  };
}

/** A feature a ciphertext, a sample a slot. */
export function batchRegression(peer: SealCkks, { weights, bias }: Regression, server: boolean): SealProgram {
  const sigmoid = server ? new Sigmoid9(peer) : undefined;
  const constant = (value: number): Float64Array => new Float64Array(peer.slots).fill(value);
  const scalars = Array.from(weights, (w) => peer.own(peer.encode(constant(w))));
  const biasPlain = peer.own(constantAfterProduct(peer, bias, scalars[0]));
  const column = (rows: readonly number[][], f: number): Float64Array =>
    Float64Array.from(rows, (row) => row[f]);
  return {
    encrypt: (rows) => scalars.map((_, f) => peer.encrypt(column(rows, f))),
    evaluate: (inputs) => {
      const sum = peer.ciphertext();
      const product = peer.ciphertext();
      peer.evaluator.multiplyPlain(inputs[0], scalars[0], sum);
      for (let f = 1; f < inputs.length; f++) {
        peer.evaluator.multiplyPlain(inputs[f], scalars[f], product);
        peer.evaluator.addInplace(sum, product);
      }
      product.delete();
      peer.rescale(sum);
      peer.evaluator.addPlainInplace(sum, biasPlain);
      sigmoid?.apply(sum);
      return sum;
    },
    decrypt: (result, rows) => Array.from(peer.decrypt(result).subarray(0, rows)),
    bytes: (rows) => ({
      up: scalars.length * peer.freshBytes(column(rows, 0)),
      keys: peer.keyBytes([], server),
    }),
  };
}

/** A constant in every slot, at the level that a fresh ciphertext has after one product and rescale. */
function constantAfterProduct(peer: SealCkks, value: number, weight: Plaintext): Plaintext {
  const ct = peer.encrypt([1]);
  peer.evaluator.multiplyPlainInplace(ct, weight);
  peer.rescale(ct);
  const plain = peer.encodeAt(new Float64Array(peer.slots).fill(value), ct);
  ct.delete();
  return plain;
}

/** 0.5 + c1 x + c3 x^3 + ... + c9 x^9 as x (c1 + c3 x^2) + x^4 x (c5 + c7 x^2) + x^8 (c9 x): depth 4. */
class Sigmoid9 {
  readonly #peer: SealCkks;
  readonly #relin: RelinKeys;
  readonly #coefficients: number[];
  /** Encoded constants by value and level: a warm server has them. */
  readonly #constants = new Map<string, Plaintext>();

  constructor(peer: SealCkks) {
    this.#peer = peer;
    this.#relin = peer.relinKeys();
    this.#coefficients = sigmoidPolynomial(HE4CLOUD_SIGMOID.degree, HE4CLOUD_SIGMOID.range);
  }

  apply(x: Ciphertext): void {
    const c = this.#coefficients;
    const x2 = this.#times(x, x);
    const x4 = this.#times(x2, x2);
    const x8 = this.#times(x4, x4);
    const low = this.#affine(x2, c[3], c[1]);
    const high = this.#affine(x2, c[7], c[5]);
    const lowX = this.#times(x, low);
    const highX = this.#times(x, high);
    const middle = this.#times(highX, x4);
    const scaled = this.#affine(x, c[9], 0);
    const top = this.#times(scaled, x8);
    this.#peer.dropTo(lowX, top);
    this.#peer.dropTo(middle, top);
    const { evaluator } = this.#peer;
    evaluator.addInplace(top, middle);
    evaluator.addInplace(top, lowX);
    this.#addConstant(top, c[0]);
    x.assign(top);
    for (const ct of [x2, x4, x8, low, high, lowX, highX, middle, scaled, top]) ct.delete();
  }

  /** Product, relinearised and rescaled, at one level below the lower of the two. */
  #times(a: Ciphertext, b: Ciphertext): Ciphertext {
    const { evaluator } = this.#peer;
    const left = a.copy();
    if (a === b) {
      evaluator.squareInplace(left);
    } else {
      const right = b.copy();
      if (left.coeffModulusSize() > right.coeffModulusSize()) this.#peer.dropTo(left, right);
      else this.#peer.dropTo(right, left);
      evaluator.multiplyInplace(left, right);
      right.delete();
    }
    evaluator.relinearizeInplace(left, this.#relin);
    this.#peer.rescale(left);
    return left;
  }

  #affine(x: Ciphertext, factor: number, constant: number): Ciphertext {
    const ct = x.copy();
    this.#peer.evaluator.multiplyPlainInplace(ct, this.#constant(factor, ct));
    this.#peer.rescale(ct);
    if (constant !== 0) this.#addConstant(ct, constant);
    return ct;
  }

  #addConstant(ct: Ciphertext, value: number): void {
    this.#peer.evaluator.addPlainInplace(ct, this.#constant(value, ct));
  }

  #constant(value: number, like: Ciphertext): Plaintext {
    const key = `${value} ${like.coeffModulusSize()}`;
    let plain = this.#constants.get(key);
    if (plain === undefined) {
      plain = this.#peer.own(this.#peer.encodeAt(new Float64Array(this.#peer.slots).fill(value), like));
      this.#constants.set(key, plain);
    }
    return plain;
  }
}
