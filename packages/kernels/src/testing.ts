/**
 * What the tests of this package share: all builds, primes, and slow exact references. Not exported. @module
 */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe } from 'node:test';
import type { Kernels } from './kernels.ts';
import { loadKernels } from './node.ts';

/** All builds; those with fused multiply-add must run wherever the tests do. */
export const builds: Kernels[] = [
  await loadKernels({ build: 'wasm-wide' }),
  await loadKernels({ build: 'wasm-fma' }),
  await loadKernels({ build: 'wasm-portable' }),
];

/** Runs a suite over all builds. */
export function overBuilds(name: string, define: (kernels: Kernels) => void): void {
  for (const kernels of builds) describe(`${name}, ${kernels.build}`, () => define(kernels));
}

/** What `ntt_forward_lazy` may leave, and inner products and differences must take. */
export const LAZY = 3.25 * 2 ** 50;

/** Primes that are 1 mod 2^18 (1 mod 2^16 for 65537): near both ends of the range, and between. */
export const PRIMES = [1125899902124033, 562949950537729, 1099510054913, 65537];
export const NEAR_2_50 = PRIMES[0];

/** 0 ... q-1 */
export function mod(a: bigint, q: number): bigint {
  const r = a % BigInt(q);
  return r < 0n ? r + BigInt(q) : r;
}

export function pow(base: bigint, exponent: bigint, q: number): bigint {
  let r = 1n;
  let b = mod(base, q);
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) r = (r * b) % BigInt(q);
    b = (b * b) % BigInt(q);
  }
  return r;
}

export const inverse = (a: bigint, q: number): bigint => pow(a, BigInt(q) - 2n, q);

/** The representative with the least absolute value. */
export function centered(a: bigint, q: number | bigint): bigint {
  const m = BigInt(q);
  const r = ((a % m) + m) % m;
  return r > m / 2n ? r - m : r;
}

/** A deterministic stream of doubles in [0, 1) with 53 bits (xorshift64*). */
export function random(seed: number): () => number {
  let s = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
  return () => {
    s ^= s >> 12n;
    s ^= (s << 25n) & 0xffffffffffffffffn;
    s ^= s >> 27n;
    return Number(((s * 0x2545f4914f6cdd1dn) & 0xffffffffffffffffn) >> 11n) / 2 ** 53;
  };
}

/** Integers |x| <= limit, a quarter of them at or next to the ends, where ranges break first. */
export function integers(n: number, limit: number, seed: number): number[] {
  const next = random(seed);
  const ends = [limit, -limit, limit - 1, 1 - limit, 0, 1, -1];
  return Array.from({ length: n }, () =>
    next() < 0.25 ? ends[Math.floor(next() * ends.length)] : Math.round((2 * next() - 1) * limit),
  );
}

/** Reduced residues: |x| <= q/2 + 1, both ends included. */
export const residues = (n: number, q: number, seed: number) => integers(n, Math.floor(q / 2 + 1), seed);

/** Each actual value is reduced and congruent to the expected one. */
export function assertResidues(actual: ArrayLike<number>, expected: bigint[], q: number): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const x = actual[i];
    assert.ok(
      Number.isInteger(x) && Math.abs(x) <= q / 2 + 1,
      `element ${i} is ${x}, not reduced modulo ${q}`,
    );
    assert.equal(mod(BigInt(x), q), mod(expected[i], q), `element ${i} modulo ${q}`);
  }
}

/** Writes data into fresh memory; `free` gives all of it back. */
export class Memory {
  readonly kernels: Kernels;
  #ptrs: number[] = [];

  constructor(kernels: Kernels) {
    this.kernels = kernels;
  }
  room(bytes: number): number {
    const ptr = this.kernels.arena.alloc(bytes);
    this.#ptrs.push(ptr);
    return ptr;
  }
  f64(values: ArrayLike<number>): number {
    const ptr = this.room(8 * values.length);
    this.kernels.f64(ptr, values.length).set(values);
    return ptr;
  }
  i32(values: number[]): number {
    const ptr = this.room(4 * values.length);
    this.kernels.i32(ptr, values.length).set(values);
    return ptr;
  }
  u8(values: ArrayLike<number>): number {
    const ptr = this.room(values.length);
    this.kernels.u8(ptr, values.length).set(values);
    return ptr;
  }
  free(): void {
    for (const ptr of this.#ptrs) this.kernels.arena.free(ptr);
    this.#ptrs = [];
  }
}

/** Runs `body` with memory that is freed afterwards. */
export function withMemory<T>(kernels: Kernels, body: (memory: Memory) => T): T {
  const memory = new Memory(kernels);
  try {
    return body(memory);
  } finally {
    memory.free();
  }
}

/** The smallest primitive 2n-th root of unity, found without the kernels. */
export function minimalRoot(n: number, q: number): number {
  let x = 2n;
  let root = 0n;
  do root = pow(x++, (BigInt(q) - 1n) / BigInt(2 * n), q);
  while (pow(root, BigInt(n), q) !== BigInt(q) - 1n);
  let best = root;
  for (let i = 0, w = root, step = mod(root * root, q); i < n; i++, w = (w * step) % BigInt(q)) {
    if (w < best) best = w;
  }
  return Number(best);
}

export function bitReverse(i: number, bits: number): number {
  let r = 0;
  for (let b = 0; b < bits; b++) r = (r << 1) | ((i >> b) & 1);
  return r;
}

/** ChaCha20 keystream from OpenSSL, from block `counter`. */
export function keystream(key: Uint8Array, nonce: Uint8Array, counter: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(counter);
  iv.set(nonce, 4);
  return createCipheriv('chacha20', key, iv).update(Buffer.alloc(bytes));
}
