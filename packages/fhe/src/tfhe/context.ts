/**
 * A TFHE parameter set brought to life in one kernel instance: tables of the negacyclic transform, streams, and the layout of rows.
 * @module
 */
import { type Kernels, tfheTableBytes } from '@velum/kernels';
import { Domain, nonce, randomSeed } from '../random.ts';
import { TfheError } from './errors.ts';
import type { TfheParameters } from './parameters.ts';

/** Bytes of a block's row: its kN + 1 doubles, mask first and body last, on a cache line of their own. */
export const rowBytes = ({ bigDimension }: TfheParameters): number => Math.ceil((bigDimension + 1) / 8) * 64;

/** Terms of the combinations made by {@link TorusContext.combine}. */
const MAX_TERMS = 8;

export class TorusContext {
  readonly kernels: Kernels;
  readonly parameters: TfheParameters;
  /** Key and nonce of a stream. */
  #stream: number;
  /** Weights and pointers of a combination. */
  readonly #terms: number;
  readonly #tables = new Map<number, number>();

  constructor(kernels: Kernels, parameters: TfheParameters) {
    this.kernels = kernels;
    this.parameters = parameters;
    this.#stream = kernels.arena.alloc(64);
    this.#terms = kernels.arena.alloc(MAX_TERMS * 12);
  }

  /** Tables of the transform of `n` coefficients, made when first needed. */
  tables(n: number): number {
    let tables = this.#tables.get(n);
    if (tables === undefined) {
      tables = this.kernels.arena.alloc(tfheTableBytes(n));
      this.kernels.x.tfhe_tables(tables, n);
      this.#tables.set(n, tables);
    }
    return tables;
  }

  /** Runs `draw` with pointers to the ChaCha20 key and nonce, and wipes the key afterwards. Not for the body of a fork. */
  withStream<T>(
    seed: Uint8Array,
    domain: Domain,
    index: number,
    limb: number,
    draw: (key: number, nonce: number) => T,
  ): T {
    const { kernels } = this;
    if (this.#stream === 0) throw new TfheError('DISPOSED', 'the key was freed', 'key');
    kernels.u8(this.#stream, 32).set(seed);
    kernels.u8(this.#stream + 32, 12).set(nonce(domain, index, limb));
    try {
      return draw(this.#stream, this.#stream + 32);
    } finally {
      kernels.u8(this.#stream, 64).fill(0);
    }
  }

  /**
   * `count` fresh integers of TUniform(2^bits) at `dst`: from -2^bits to 2^bits, the two ends half as likely. Their seed
   * is forgotten, so no two noises ever come from one stream.
   */
  freshNoise(dst: number, count: number, bits: number): void {
    const seed = randomSeed();
    this.withStream(seed, Domain.error, 0, 0, (key, nonce) =>
      this.kernels.x.tfhe_tuniform(dst, count, bits, key, nonce),
    );
    seed.fill(0);
  }

  /** dst = sum of weights * polynomials of `length` coefficients, modulo 1. Weights are wiped: they may be secret. */
  combine(dst: number, polynomials: readonly number[], weights: readonly number[], length: number): void {
    const { kernels } = this;
    const pointers = this.#terms + MAX_TERMS * 8;
    kernels.f64(this.#terms, MAX_TERMS).set(weights);
    kernels.i32(pointers, MAX_TERMS).set(polynomials);
    kernels.x.tfhe_combine(dst, pointers, this.#terms, polynomials.length, 0, length);
    kernels.f64(this.#terms, MAX_TERMS).fill(0);
  }

  /** dst = a s modulo X^length + 1: a on the torus, s a polynomial of small integers. Exact. */
  multiply(dst: number, a: number, s: number, length: number): void {
    const { kernels } = this;
    const scratch = kernels.arena.alloc(24 * length);
    kernels.x.tfhe_mul_small(dst, a, s, length, this.tables(length), scratch);
    kernels.arena.freeZeroed(scratch);
  }

  dispose(): void {
    this.kernels.arena.free(this.#stream);
    this.kernels.arena.free(this.#terms);
    this.#stream = 0;
    for (const tables of this.#tables.values()) this.kernels.arena.free(tables);
    this.#tables.clear();
  }
}
