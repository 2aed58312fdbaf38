/**
 * The C functions as they are exported from the wasm modules. Pointers are byte offsets into the memory; vectors hold
 * n doubles, n a multiple of 8, 64-byte aligned. Residues are reduced (integers |x| <= q/2 + 1, q an odd prime,
 * 2^16 <= q < 2^50) in and out unless said otherwise, `qi` is 1/q, and `dst` may be one of the operands. @module
 */
import type { TfheExports } from './exports-tfhe.ts';

type Unary = (dst: number, a: number, n: number, q: number, qi: number) => void;
type Binary = (dst: number, a: number, b: number, n: number, q: number, qi: number) => void;
type Scalar = (dst: number, a: number, s: number, n: number, q: number, qi: number) => void;
type Run = (dst: number, a: number, small: number, runlog: number, n: number, q: number, qi: number) => void;

/** Every function of the wasm modules. */
export interface KernelExports extends TfheExports {
  /** dst = a + b */
  v_add: Binary;
  /** dst = a - b */
  v_sub: Binary;
  /** dst = src, any values; the vectors do not overlap */
  v_copy(dst: number, src: number, n: number): void;
  /** dst = -a */
  v_neg(dst: number, a: number, n: number): void;
  /** dst = src mod q, integers |src| < 2^52 */
  v_reduce: Unary;
  /** dst = a*b */
  v_mul: Binary;
  /** dst += a*b */
  v_muladd: Binary;
  /** dst = a*s */
  v_mulscalar: Scalar;
  /** dst += a*s */
  v_muladdscalar: Scalar;
  /** dst = a + s */
  v_addscalar: Scalar;
  /** dst = (a - b)*s, integers |a| + |b| <= 2^52 */
  v_submulscalar(dst: number, a: number, b: number, s: number, n: number, q: number, qi: number): void;
  /** dst = (a - b)*s + c, integers |a| + |b| <= 2^52, c reduced */
  v_submuladd(
    dst: number,
    a: number,
    b: number,
    c: number,
    s: number,
    n: number,
    q: number,
    qi: number,
  ): void;
  /** dst[i] = a[i]*small[i >> runlog] */
  v_mulrun: Run;
  /** dst[i] += a[i]*small[i >> runlog] */
  v_muladdrun: Run;
  /** dst = sum of a_k*b_k; aptrs, bptrs: `count` i32 pointers each */
  v_dot(dst: number, aptrs: number, bptrs: number, count: number, n: number, q: number, qi: number): void;
  /** dst[i] = sum of a_k[i]*b_k[i >> runlog] */
  v_dotrun(
    dst: number,
    aptrs: number,
    bptrs: number,
    runlog: number,
    count: number,
    n: number,
    q: number,
    qi: number,
  ): void;
  /** dst = sum of a_k*w[k]; w: `count` doubles */
  v_dotscalar(dst: number, aptrs: number, w: number, count: number, n: number, q: number, qi: number): void;
  /** dst0 = sum of d_k*k0_k, dst1 = sum of d_k*k1_k, |d_k| <= 3.25*2^50, count >= 1; dst0 != dst1 */
  ks_dot(
    dst0: number,
    dst1: number,
    dptrs: number,
    k0ptrs: number,
    k1ptrs: number,
    count: number,
    n: number,
    q: number,
    qi: number,
  ): void;
  /** Fills 4n doubles for the two transforms; root: primitive 2n-th root of unity, canonical. n = 2^k >= 16. */
  ntt_tables(dst: number, n: number, q: number, root: number): void;
  /** Negacyclic NTT in place, natural order in (|a| <= 2q), bit-reversed order out. */
  ntt_forward(a: number, tables: number, n: number, q: number, qi: number): void;
  /** dst = NTT(src), |src| <= 2q and |dst| <= 3.25*2^50: saves a copy and the last reductions. dst may be src. */
  ntt_forward_lazy(dst: number, src: number, tables: number, n: number, q: number, qi: number): void;
  /** The inverse, including 1/n. */
  ntt_inverse(a: number, tables: number, n: number, q: number, qi: number): void;
  /** The smallest canonical primitive 2n-th root of unity, from any of them. */
  ntt_min_root(n: number, q: number, root: number): number;
  /** a*b mod q, reduced */
  mod_mul(a: number, b: number, q: number, qi: number): number;
  /** a^e mod q, canonical; 0 <= e < 2^53 */
  mod_pow(a: number, e: number, q: number): number;
  /** Exact centered base conversion of k <= 8 source limbs to m <= 32 target limbs; see rns.c for `consts`. */
  bconv(dptrs: number, sptrs: number, consts: number, k: number, m: number, n: number): void;
  /** The centered integer of k <= 8 limbs as doubles; see rns.c for `consts`. */
  crt_to_f64(dst: number, sptrs: number, consts: number, k: number, n: number): void;
  /** dst = rint(src*scale) mod q, |src*scale| < q*2^51 */
  f_quantize(dst: number, src: number, scale: number, n: number, q: number, qi: number): void;
  /** n i32 for v_permute: the automorphism X -> X^g (g odd) on the NTT order */
  galois_index(idx: number, n: number, g: number): void;
  /** dst[i] = src[idx[i]], dst != src */
  v_permute(dst: number, src: number, idx: number, n: number): void;
  /** Coefficients to CKKS slots, in place, m slots; tables from `fftTables` */
  fft_forward(re: number, im: number, tables: number, m: number): void;
  /** Slots to coefficients, including 1/m */
  fft_inverse(re: number, im: number, tables: number, m: number): void;
  /** nblocks*64 bytes of RFC 8439 keystream; key 32 bytes, nonce 12 bytes */
  chacha20(dst: number, key: number, nonce: number, counter: number, nblocks: number): void;
  /** n residues uniform modulo q from (key, nonce); a wire format, see sample.c */
  sample_uniform(dst: number, n: number, q: number, key: number, nonce: number): void;
  /** n values uniform in {-1, 0, 1} */
  sample_ternary(dst: number, n: number, key: number, nonce: number): void;
  /** n centred binomial values, 21 + 21 bits: standard deviation 3.24 */
  sample_cbd(dst: number, n: number, key: number, nonce: number): void;
  /** n*bits/8 bytes of canonical values, little-endian bit stream, 1 <= bits <= 52 */
  pack_bits(dst: number, src: number, n: number, q: number, bits: number): void;
  /** The inverse, centered; returns how many values were >= q (not zero: reject the stream) */
  unpack_bits(dst: number, src: number, n: number, q: number, bits: number): number;
  /** `unpack_bits` with its result in the i32 at `invalid` */
  unpack_check(dst: number, src: number, n: number, q: number, bits: number, invalid: number): void;
  /** n*keep/8 bytes of round(canonical*2^keep/q) mod 2^keep, keep <= 50 */
  pack_low(dst: number, src: number, n: number, q: number, bits: number, keep: number): void;
  /** rint(v*q/2^keep), centered */
  unpack_low(dst: number, src: number, n: number, keep: number, q: number): void;
  /** scrypt's ROMix in place on b (128*r bytes); v: 128*r*(n + 1) bytes of work, to be wiped; n = 2^k >= 2 */
  scrypt_romix(b: number, v: number, r: number, n: number): void;
}

/** The functions that return nothing: what a task of a fork may call, because its calls are carried out later. */
export type RecordableExports = {
  [K in keyof KernelExports as ReturnType<KernelExports[K]> extends void ? K : never]: KernelExports[K];
};

/** The others, by name. */
export const RETURNING: readonly Exclude<keyof KernelExports, keyof RecordableExports>[] = [
  'ntt_min_root',
  'mod_mul',
  'mod_pow',
  'unpack_bits',
  'tfhe_dot',
  'tfhe_dot32',
];
