/*
 * Vectors of doubles with a compile-time lane count, and the exact modular product on them.
 *
 * Residues modulo an odd prime 2^16 <= q < 2^50 are integers held in doubles. Ranges used throughout:
 *   canonical  0 <= x < q
 *   reduced    |x| <= q/2 + 1
 *   lazy       |x| <= c*q with c*q <= 7*2^50 (an integer below 2^53, so every sum is exact)
 *
 * Product of x and y modulo q:  h = fl(x*y), l = x*y - h (exact), k = rint(h/q or x*(y/q)), r = (h - k*q) + l.
 * h - k*q = r - l is an integer: |l| <= ulp(h)/2 <= 2^49 while |x*y| < 2^103, and |r| <= q*(1/2 + e) with e
 * the error of the real number that is rounded to k. Both are below 2^53, so the fused h - k*q and the last
 * addition are exact, whatever e is; e decides only how far r is from being reduced:
 *   mulmod_pre (wq = fl(w/q), |w| <= q/2):  e <= |x|*2^-55 + ulp(|x|/2)/2
 *       (|w/q| < 1/2 is rounded by at most 2^-55; the product is below |x|/2)
 *       so for q < 2^50:  |x| <= q/2: 1/32,  <= 2q: 1/8,  <= 4q: 1/4,  <= 8q: 1/2.
 *   mulmod (k = rint(h*qi)):  e <= 3 * 2^-53 * |x*y|/q   (three roundings)
 *       so for q < 2^50 and reduced inputs: 3/32;  |x| <= 2q, y reduced: 3/8.
 *
 * reduce(x) for integers |x| <= 7*2^50: the quotient x*qi is wrong by at most 2 * 2^-53 * |x|/q, so the result r
 * has |r| <= q/2 + |x|*2^-52. For |x| <= 6*2^50 that is q/2 + 1.5; q is odd and r an integer, hence
 * |r| <= (q-1)/2 + 1 < q/2 + 1: reduced. k*q <= |x| + q/2 + 2 < 2^53 is exact, so no fused operation is needed.
 */
#ifndef VELUM_LANES_H
#define VELUM_LANES_H
#include <stdint.h>

#ifndef LANES
#define LANES 2
#endif

#if !defined(__wasm_simd128__)
#error "only the WebAssembly lanes are written so far: add vround and vfma for this target"
#endif
#include <wasm_simd128.h>

#define EXPORT __attribute__((used, visibility("default")))
#define INLINE static inline __attribute__((always_inline))

typedef double vd __attribute__((vector_size(LANES * 8)));
typedef int64_t vi __attribute__((vector_size(LANES * 8)));
typedef double vdu __attribute__((vector_size(LANES * 8), aligned(8)));

INLINE vd ld(const double *p) { return *(const vd *)p; }
INLINE void st(double *p, vd v) { *(vd *)p = v; }
INLINE vd splat(double x) {
#if LANES == 2
  return (vd)wasm_f64x2_splat(x);
#else
  vd r;
  for (int i = 0; i < LANES; i++) r[i] = x;
  return r;
#endif
}
INLINE vd vround(vd a) { return (vd)wasm_f64x2_nearest((v128_t)a); }

/* mask ? a : b, lane by lane (mask lanes are all ones or all zeros) */
INLINE vd vselect(vi mask, vd a, vd b) { return (vd)(((vi)a & mask) | ((vi)b & ~mask)); }

#ifdef __wasm_relaxed_simd__
/* The loader has checked that relaxed madd is fused on this engine. */
INLINE vd vfma(vd a, vd b, vd c) { return (vd)wasm_f64x2_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c); }
INLINE vd vfnma(vd a, vd b, vd c) { return (vd)wasm_f64x2_relaxed_nmadd((v128_t)a, (v128_t)b, (v128_t)c); }

/* h - a*b, exact for h = fl(a*b): minus the low half (WebAssembly negates in three instructions, so nothing does here) */
INLINE vd prodrest(vd a, vd b, vd h) { return vfnma(a, b, h); }
/* c - k*q, exact when it is an integer below 2^53 */
INLINE vd subprod(vd c, vd k, vd q) { return vfnma(k, q, c); }
#else
/* Unfused: only for the FFT, where the last bit may differ between builds. */
INLINE vd vfma(vd a, vd b, vd c) { return a * b + c; }
INLINE vd vfnma(vd a, vd b, vd c) { return c - a * b; }

/* Dekker's exact product: split both factors into 26-bit halves (Veltkamp). */
INLINE vd prodrest(vd a, vd b, vd h) {
  const vd s = splat(134217729.0);
  vd t = s * a, ah = t - (t - a), al = a - ah;
  t = s * b;
  vd bh = t - (t - b), bl = b - bh;
  return ((h - ah * bh) - ah * bl - al * bh) - al * bl;
}
INLINE vd subprod(vd c, vd k, vd q) {
  vd h = k * q;
  return (c - h) + prodrest(k, q, h);
}
#endif

/* |x| <= 6*2^50 -> reduced; |x| <= 7*2^50 -> |r| <= q/2 + 2 (see the top) */
INLINE vd reduce(vd x, vd q, vd qi) {
  vd k = vround(x * qi);
#ifdef __wasm_relaxed_simd__
  return vfnma(k, q, x);
#else
  return x - k * q;
#endif
}

/* x*w mod q for a constant w, |w| <= q/2, wq = fl(w/q): |r| <= q*(1/2 + e), e above */
INLINE vd mulmod_pre(vd x, vd w, vd wq, vd q) {
  vd h = x * w, k = vround(x * wq);
  return subprod(h, k, q) - prodrest(x, w, h);
}

/* x*y mod q: |r| <= q*(1/2 + e), e above */
INLINE vd mulmod(vd x, vd y, vd q, vd qi) {
  vd h = x * y, k = vround(h * qi);
  return subprod(h, k, q) - prodrest(x, y, h);
}

/* |x| <= q/2 + 2 -> the representative in [-(q-1)/2, (q-1)/2] */
INLINE vd center(vd x, vd q) {
  const vd half = q * splat(0.5);
  x = x - (vd)((vi)q & (vi)(x > half));
  return x + (vd)((vi)q & (vi)(x < -half));
}

/* one lane of work with the vector code, so that both builds agree */
INLINE double mulmod1(double x, double y, double q, double qi) {
  return reduce(mulmod(splat(x), splat(y), splat(q), splat(qi)), splat(q), splat(qi))[0];
}
INLINE double center1(double x, double q) { return center(splat(x), splat(q))[0]; }

#endif
