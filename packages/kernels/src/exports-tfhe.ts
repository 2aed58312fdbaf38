/**
 * The TFHE functions of the wasm modules. Torus elements are doubles in [-1/2, 1/2) that are multiples of 2^-52; small
 * LWE ciphertexts are i32 modulo 2^32. N = 2^9 ... 2^13 coefficients modulo X^N + 1. Pointers are byte offsets,
 * 64-byte aligned except rows inside a matrix. Ciphertexts and keys: phase = body - <mask, s>, the body last. @module
 */

/** The functions that {@link KernelExports} adds for TFHE. */
export interface TfheExports {
  /** Factors of the transforms, `tfheTableBytes(N)` bytes */
  tfhe_tables(dst: number, N: number): void;
  /** Fourier form (N/2 real parts, N/2 imaginary parts, internal order) of N doubles; dst may be src */
  tfhe_fourier(dst: number, src: number, N: number, tables: number): void;
  /** The inverse including its factor; dst may be src */
  tfhe_fourier_inverse(dst: number, src: number, N: number, tables: number): void;
  /** dst = a*b in Fourier form; dst may be an operand */
  tfhe_fourier_mul(dst: number, a: number, b: number, N: number): void;
  /** dst += a*b in Fourier form */
  tfhe_fourier_muladd(dst: number, a: number, b: number, N: number): void;
  /** dst = a*s mod X^N + 1 and 1, exact; a torus, s integers |s| <= 2^8; scratch: 3N doubles, made of a and s */
  tfhe_mul_small(dst: number, a: number, s: number, N: number, tables: number, scratch: number): void;
  /**
   * dst[i] = sum of weights[j]*src_j[i] mod 1, exact, plus `constant` in dst[len - 1]; ptrs: `count` i32 pointers; each
   * product must be a multiple of 2^-52, |weights[j]| <= 2^32; dst may be an operand
   */
  tfhe_combine(
    dst: number,
    ptrs: number,
    weights: number,
    count: number,
    constant: number,
    len: number,
  ): void;
  /** <a, s> mod 1, exact; a torus, s doubles 0 or 1 */
  tfhe_dot(a: number, s: number, n: number): number;
  /** <a, s> mod 2^32 of i32 vectors */
  tfhe_dot32(a: number, s: number, n: number): number;
  /** Bodies (i32) of rows [first, first + rows) of the key-switching key; see tfhe-lwe.c. scratch: n i32 */
  tfhe_ksk_bodies(
    bodies: number,
    noise: number,
    small: number,
    big: number,
    n: number,
    baseLog: number,
    levels: number,
    first: number,
    rows: number,
    key: number,
    nonce: number,
    scratch: number,
  ): void;
  /** The same rows in full, `tfheRowStride(n)` i32 each, from their bodies and the seed of the masks */
  tfhe_ksk_expand(
    dst: number,
    bodies: number,
    n: number,
    first: number,
    rows: number,
    key: number,
    nonce: number,
  ): void;
  /** dst i32 [count][n + 1] from src f64 [count][dim + 1]; ksk: dim*levels rows of `tfheRowStride(n)` i32 */
  tfhe_keyswitch(
    dst: number,
    src: number,
    ksk: number,
    dim: number,
    n: number,
    baseLog: number,
    levels: number,
    count: number,
  ): void;
  /** dst i32 [count][n + 1] in [0, 2^bits) from i32 mod 2^32, with the mean of the errors taken out; dst may be src */
  tfhe_modswitch(dst: number, src: number, n: number, bits: number, count: number): void;
  /** i32 [count][len] as rows of ceil(len*bits/8) bytes, 1 <= bits <= 32 */
  tfhe_pack(dst: number, src: number, len: number, bits: number, count: number): void;
  /** The inverse: values in [0, 2^bits) */
  tfhe_unpack(dst: number, src: number, len: number, bits: number, count: number): void;
  /** `count` torus elements rounded to `bits` (1 ... 52) bits each, ceil(count*bits/8) bytes */
  tfhe_pack_torus(dst: number, src: number, count: number, bits: number): void;
  /** The inverse: multiples of 2^-bits */
  tfhe_unpack_torus(dst: number, src: number, count: number, bits: number): void;
  /**
   * acc f64 [count][(k + 1)N] = lut * X^-phase; luts: `count` i32 pointers to N doubles; switched: i32 [count][n + 1] mod
   * 2N; bsk: n entries of `tfheBskEntryBytes`; scratch: `tfheRotateScratchBytes`
   */
  tfhe_blind_rotate(
    acc: number,
    luts: number,
    switched: number,
    bsk: number,
    n: number,
    N: number,
    k: number,
    levels: number,
    baseLog: number,
    tables: number,
    scratch: number,
    count: number,
  ): void;
  /** One bsk entry from its GGSW: rows r*levels + level of k + 1 polynomials (see tfhe-rotate.c); scratch: N doubles */
  tfhe_bsk_row(
    dst: number,
    ggsw: number,
    N: number,
    k: number,
    levels: number,
    baseLog: number,
    tables: number,
    scratch: number,
  ): void;
  /** The LWE ciphertext (kN + 1 doubles) of coefficient `index` of a GLWE ciphertext */
  tfhe_extract(dst: number, acc: number, index: number, N: number, k: number): void;
  /** `count` uniform torus elements from (key, nonce); a wire format, see tfhe-sample.c */
  tfhe_uniform(dst: number, count: number, key: number, nonce: number): void;
  /** `count` uniform i32; a wire format */
  tfhe_uniform32(dst: number, count: number, key: number, nonce: number): void;
  /** `count` doubles 0 or 1 */
  tfhe_binary(dst: number, count: number, key: number, nonce: number): void;
  /** `count` integers (doubles) of TUniform(2^bits), bits <= 30 */
  tfhe_tuniform(dst: number, count: number, bits: number, key: number, nonce: number): void;
}

/** Bytes of `tfhe_tables` for N coefficients. */
export function tfheTableBytes(N: number): number {
  const log = Math.log2(N / 2);
  const leaves = 4 ** Math.floor(log / 2);
  return 8 * (2 * (leaves - 1) + (log % 2 === 1 ? 2 * leaves : 0));
}

/** 32-bit words of a row of the key-switching key: n + 1, padded to whole vectors. */
export const tfheRowStride = (n: number): number => (n + 4) & ~3;

const pairs = (k: number) => Math.floor((k + 2) / 2);

/** Bytes of one entry of the bootstrapping key in the layout of `tfhe_bsk_row`; entries follow each other. */
export const tfheBskEntryBytes = (N: number, k: number, levels: number): number =>
  32 * N * levels * pairs(k) ** 2;

/** Bytes of `scratch` of `tfhe_blind_rotate` for `count` ciphertexts. */
export const tfheRotateScratchBytes = (N: number, k: number, count: number): number =>
  pairs(k) * (32 * N + (16 * N + 512) * count);
