/**
 * One RNS modulus and its NTT tables in kernel memory. The root is the smallest primitive 2N-th root of unity, the same
 * choice as SEAL's, so residues in the NTT domain can be exchanged with it as they are.
 * @module
 */
import type { Kernels, RecordableExports } from '@velum/kernels';
import { powMod, primitiveRoot } from './primes.ts';

export class Modulus {
  readonly value: number;
  /** 1/q as a double: the kernels' quotient estimate. */
  readonly inverse: number;
  /** Bits of a canonical residue on the wire. */
  readonly bits: number;
  readonly n: number;
  readonly root: number;
  readonly tables: number;
  readonly #kernels: Kernels;
  readonly #sub = new Map<number, number>();

  constructor(kernels: Kernels, value: number, n: number) {
    this.#kernels = kernels;
    this.value = value;
    this.inverse = 1 / value;
    this.bits = Math.ceil(Math.log2(value));
    this.n = n;
    this.root = kernels.x.ntt_min_root(n, value, primitiveRoot(value, n));
    this.tables = kernels.arena.alloc(4 * n * 8);
    kernels.x.ntt_tables(this.tables, n, value, this.root);
  }

  /** @param x the kernels to use: in the body of a fork, its own */
  forward(ptr: number, x: RecordableExports = this.#kernels.x): void {
    x.ntt_forward(ptr, this.tables, this.n, this.value, this.inverse);
  }

  /** dst = NTT(src) with |src| <= 2q, left at |dst| <= 3.25*2^50: for what multiplies it next. dst may be src. */
  forwardLazy(dst: number, src: number, x: RecordableExports = this.#kernels.x): void {
    x.ntt_forward_lazy(dst, src, this.tables, this.n, this.value, this.inverse);
  }

  /** Whether a reduced residue of `other` is at most 2q, so that the transform takes it as it is. */
  takes(other: Modulus): boolean {
    return other.value / 2 + 1 <= 2 * this.value;
  }

  /** @param x the kernels to use: in the body of a fork, its own */
  inverseTransform(ptr: number, x: RecordableExports = this.#kernels.x): void {
    x.ntt_inverse(ptr, this.tables, this.n, this.value, this.inverse);
  }

  /**
   * Tables of the sub-ring of degree m | n, X -> X^(n/m): its NTT gives the values that the full NTT repeats in runs
   * of n/m (the full index shifted right), because bit-reversed order groups the exponents that agree modulo 2m.
   */
  subTables(m: number): number {
    if (m === this.n) return this.tables;
    let tables = this.#sub.get(m);
    if (tables === undefined) {
      const root = Number(powMod(BigInt(this.root), BigInt(this.n / m), BigInt(this.value)));
      tables = this.#kernels.arena.alloc(4 * m * 8);
      this.#kernels.x.ntt_tables(tables, m, this.value, root);
      this.#sub.set(m, tables);
    }
    return tables;
  }

  dispose(): void {
    this.#kernels.arena.free(this.tables);
    for (const ptr of this.#sub.values()) this.#kernels.arena.free(ptr);
    this.#sub.clear();
  }
}
