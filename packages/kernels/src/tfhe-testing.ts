/**
 * What the TFHE tests share: exact references on integers, and a key small enough to bootstrap with in a test.
 * Not exported. @module
 */
import { tfheBskEntryBytes, tfheTableBytes } from './exports-tfhe.ts';
import type { Kernels } from './kernels.ts';
import { centered, Memory, random } from './testing.ts';

export const GRID = 2 ** 52;
const Q = 1n << 52n;

/** The integer a*2^52 of a torus element. */
export const toInteger = (a: number): bigint => BigInt(a * GRID);
/** The torus element of an integer modulo 2^52, in [-1/2, 1/2). */
export function toTorus(x: bigint): number {
  const c = centered(x, Q);
  return Number(c === Q / 2n ? -c : c) / GRID;
}

/** Torus elements, a quarter of them at the ends of the range. */
export function torusVector(n: number, seed: number): number[] {
  const next = random(seed);
  const ends = [-0.5, 0.5 - 1 / GRID, 0, 1 / GRID, -1 / GRID];
  return Array.from({ length: n }, () =>
    next() < 0.25 ? ends[Math.floor(next() * ends.length)] : Math.floor((next() - 0.5) * GRID) / GRID,
  );
}

/** a*b modulo X^N + 1 over the integers. */
export function negacyclic(a: bigint[], b: bigint[]): bigint[] {
  const n = a.length;
  const r = new Array<bigint>(n).fill(0n);
  for (let j = 0; j < n; j++) {
    if (b[j] === 0n) continue;
    for (let i = 0; i < n; i++) {
      if (i + j < n) r[i + j] += a[i] * b[j];
      else r[i + j - n] -= a[i] * b[j];
    }
  }
  return r;
}

/** Coefficient j of a*b modulo X^N + 1. */
export function coefficientOf(a: bigint[], b: bigint[], j: number): bigint {
  let sum = 0n;
  for (let i = 0; i < b.length; i++) {
    if (b[i] === 0n) continue;
    sum += i <= j ? a[j - i] * b[i] : -a[j - i + a.length] * b[i];
  }
  return sum;
}

/** Distance of two torus elements. */
export function distance(a: number, b: number): number {
  const d = a - b;
  return Math.abs(d - Math.round(d));
}

/** The tables for N coefficients, in `memory`. */
export function makeTables(memory: Memory, N: number): number {
  const tables = memory.room(tfheTableBytes(N));
  memory.kernels.x.tfhe_tables(tables, N);
  return tables;
}

/** Parameters of a toy key. */
export interface ToyShape {
  n: number;
  N: number;
  k: number;
  levels: number;
  baseLog: number;
}

/** A GLWE key, a small LWE key and the bootstrapping key made of them, with noise of 2^-48. */
export class ToyKey {
  readonly shape: ToyShape;
  readonly memory: Memory;
  readonly tables: number;
  /** k polynomials of bits */
  readonly glwe: number[][];
  readonly small: number[];
  readonly bsk: number;
  #next: () => number;

  constructor(kernels: Kernels, shape: ToyShape, seed: number) {
    const { n, N, k, levels } = shape;
    this.shape = shape;
    this.memory = new Memory(kernels);
    this.#next = random(seed);
    this.tables = makeTables(this.memory, N);
    const bits = (count: number) => Array.from({ length: count }, () => Number(this.#next() < 0.5));
    this.glwe = Array.from({ length: k }, () => bits(N));
    this.small = bits(n);
    const entry = tfheBskEntryBytes(N, k, levels);
    this.bsk = this.memory.room(entry * n);
    const scratch = this.memory.room(8 * N);
    const ggsw = this.memory.room(8 * N * levels * (k + 1) ** 2);
    for (let i = 0; i < n; i++) {
      const rows = this.ggsw(this.small[i]);
      kernels.f64(ggsw, rows.length).set(rows);
      kernels.x.tfhe_bsk_row(this.bsk + entry * i, ggsw, N, k, levels, shape.baseLog, this.tables, scratch);
    }
  }

  /** phase + <mask, s> for a fresh mask: k + 1 polynomials */
  glweEncrypt(phase: bigint[]): number[][] {
    const { N, k } = this.shape;
    const { kernels } = this.memory;
    const work = new Memory(kernels);
    const [a, s, dst, scratch] = [8 * N, 8 * N, 8 * N, 24 * N].map((bytes) => work.room(bytes));
    const body = phase.map((p) => p + BigInt(Math.floor(this.#next() * 32) - 16));
    const masks: number[][] = [];
    for (let j = 0; j < k; j++) {
      const mask = Array.from({ length: N }, () => Math.floor((this.#next() - 0.5) * GRID) / GRID);
      kernels.f64(a, N).set(mask);
      kernels.f64(s, N).set(this.glwe[j]);
      kernels.x.tfhe_mul_small(dst, a, s, N, this.tables, scratch);
      kernels.f64(dst, N).forEach((x, i) => {
        body[i] += toInteger(x);
      });
      masks.push(mask);
    }
    work.free();
    return [...masks, body.map(toTorus)];
  }

  /** GGSW encryption of m, rows r*levels + level, as one array */
  ggsw(m: number): Float64Array {
    const { N, k, levels, baseLog } = this.shape;
    const out = new Float64Array(N * levels * (k + 1) ** 2);
    for (let r = 0; r <= k; r++) {
      for (let level = 0; level < levels; level++) {
        const unit = BigInt(m) << BigInt(52 - baseLog * (level + 1));
        const phase = Array.from({ length: N }, (_, i) => {
          if (r === k) return i === 0 ? unit : 0n;
          return -unit * BigInt(this.glwe[r][i]);
        });
        this.glweEncrypt(phase).forEach((poly, c) => {
          out.set(poly, N * ((r * levels + level) * (k + 1) + c));
        });
      }
    }
    return out;
  }

  /** body - <mask, s>, coefficient by coefficient, exact */
  glwePhase(ciphertext: ArrayLike<number>): number[] {
    const { N, k } = this.shape;
    const poly = (j: number) => Array.from({ length: N }, (_, i) => toInteger(ciphertext[j * N + i]));
    const phase = poly(k);
    for (let j = 0; j < k; j++) {
      negacyclic(poly(j), this.glwe[j].map(BigInt)).forEach((x, i) => {
        phase[i] -= x;
      });
    }
    return phase.map(toTorus);
  }

  free(): void {
    this.memory.free();
  }
}
