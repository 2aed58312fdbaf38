/*
 * Vectors of doubles, and the exact modular product on them.
 *
 * There are two lanes, but four in a file that defines WIDE when the build does WIDE_LANES. WebAssembly's vectors have
 * two: four are two of them side by side, in an order (see `st`) in which V8 can merge them into one of 256 bits. Wide
 * code loads, stores, adds, subtracts, multiplies and uses EVEN and ODD, nothing else: V8 13.6 leaves roundings and
 * divisions in two parts, which only costs time, but merges comparisons into wrong code.
 *
 * Residues modulo an odd prime 2^16 <= q < 2^50 are integers held in doubles. Ranges used throughout:
 *   canonical  0 <= x < q
 *   reduced    |x| <= q/2 + 1
 *   lazy       |x| <= c*q with c*q <= 2^52 (an integer, and so is every sum of two)
 *
 * Product of x and y modulo q:  h = fl(x*y), l = x*y - h (exact), k = rint(h/q or x*(y/q)), r = (h - k*q) + l.
 * The number that is rounded must not exceed 2^51 (quotient): |x| <= 2^52, because |y/q| < 1/2 when y is centered, and
 * |x| < 2^52 - 8 when it is reduced.
 * h - k*q = r - l is an integer: |l| <= ulp(h)/2 <= 2^49 while |x*y| < 2^103, and |r| <= q*(1/2 + e) with e
 * the error of the real number that is rounded to k. Both are below 2^53, so the fused h - k*q and the last
 * addition are exact, whatever e is; e decides only how far r is from being reduced:
 *   mulmod_pre (wq = fl(w/q), |w| <= q/2):  e <= |x|*2^-55 + ulp(|x|/2)/2
 *       (|w/q| < 1/2 is rounded by at most 2^-55; the product is below |x|/2)
 *       so for q < 2^50:  |x| <= q/2: 1/32,  <= 2q: 1/8,  <= 4q: 1/4.
 *   mulmod (k = rint(h*qi)):  e <= 3 * 2^-53 * |x*y|/q   (three roundings)
 *       so for q < 2^50 and reduced inputs: 3/32;  |x| <= 2q, y reduced: 3/8.
 *
 * reduce(x) for integers |x| <= 6*2^50: the quotient x*qi is wrong by at most 2 * 2^-53 * |x|/q, so the result r
 * has |r| <= q/2 + |x|*2^-52, which is q/2 + 1.5; q is odd and r an integer, hence
 * |r| <= (q-1)/2 + 1 < q/2 + 1: reduced. k*q <= |x| + q/2 + 2 < 2^53 is exact, so no fused operation is needed.
 */
#ifndef VELUM_LANES_H
#define VELUM_LANES_H
#include <stdint.h>

#if !defined(__wasm_simd128__)
#error "only the WebAssembly lanes are written so far: add vround and vfma for this target"
#endif
#if defined(WIDE) && defined(WIDE_LANES)
#define LANES 4
#else
#define LANES 2
#endif
#include <wasm_simd128.h>

#define EXPORT __attribute__((used, visibility("default")))
#define INLINE static inline __attribute__((always_inline))

typedef double vd __attribute__((vector_size(LANES * 8)));
typedef int64_t vi __attribute__((vector_size(LANES * 8)));
typedef double vdu __attribute__((vector_size(LANES * 8), aligned(8)));

INLINE vd ld(const double *p) { return *(const vd *)p; }

#if LANES == 2
/* of each two lanes of a and the same two of b, the first ones and the second ones */
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3)

INLINE void st(double *p, vd v) { *(vd *)p = v; }
INLINE vd splat(double x) { return (vd)wasm_f64x2_splat(x); }
INLINE vd vround(vd a) { return (vd)wasm_f64x2_nearest((v128_t)a); }
#else
typedef double vh __attribute__((vector_size(16)));
#define LOW(v) __builtin_shufflevector(v, v, 0, 1)
#define HIGH(v) __builtin_shufflevector(v, v, 2, 3)
#define JOIN(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3)
#define EACH_HALF(f, a) JOIN((vh)f((v128_t)LOW(a)), (vh)f((v128_t)HIGH(a)))
#define EACH_HALF3(f, a, b, c)                                              \
  JOIN((vh)f((v128_t)LOW(a), (v128_t)LOW(b), (v128_t)LOW(c)),             \
       (vh)f((v128_t)HIGH(a), (v128_t)HIGH(b), (v128_t)HIGH(c)))
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 4, 2, 6)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 5, 3, 7)

/* No access to memory may come between those of the two halves, or V8 does not merge them: nothing moves across this. */
#define APART __asm__ volatile("" ::: "memory")
INLINE void st(double *p, vd v) {
  APART;
  *(vd *)p = v;
  APART;
}
INLINE vd splat(double x) {
  const vh h = (vh)wasm_f64x2_splat(x);
  return JOIN(h, h);
}
INLINE vd vround(vd a) { return EACH_HALF(wasm_f64x2_nearest, a); }
#endif

/* rint(a) for |a| <= 2^51 */
#if LANES == 2
INLINE vd quotient(vd a) { return vround(a); }
#else
/*
 * Between 2^52 and 2^53 doubles are the integers, and V8 merges sums but not roundings. Hidden from the compilers, which
 * would otherwise make the constant anew in every turn of a loop.
 */
INLINE vd magic(void) {
  double x = 0x1.8p52;
  __asm__("" : "+r"(x));
  return splat(x);
}
INLINE vd quotient(vd a) { return (a + magic()) - magic(); }
#endif

#ifdef __wasm_relaxed_simd__
/* The loader has checked that relaxed madd is fused on this engine. */
#if LANES == 2
INLINE vd vfma(vd a, vd b, vd c) { return (vd)wasm_f64x2_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c); }
INLINE vd vfnma(vd a, vd b, vd c) { return (vd)wasm_f64x2_relaxed_nmadd((v128_t)a, (v128_t)b, (v128_t)c); }
#else
INLINE vd vfma(vd a, vd b, vd c) { return EACH_HALF3(wasm_f64x2_relaxed_madd, a, b, c); }
INLINE vd vfnma(vd a, vd b, vd c) { return EACH_HALF3(wasm_f64x2_relaxed_nmadd, a, b, c); }
#endif

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

/* |x| <= 6*2^50 -> reduced (see the top); zero is +0, because the quotient is -0 for -0 or used negatively */
INLINE vd reduce(vd x, vd q, vd qi) {
#if LANES == 4
  return vfma(magic() - (x * qi + magic()), q, x);
#elif defined(__wasm_relaxed_simd__)
  return vfnma(quotient(x * qi), q, x);
#else
  return x - quotient(x * qi) * q;
#endif
}

/* x*w mod q for a constant w, |w| <= q/2, wq = fl(w/q): |r| <= q*(1/2 + e), e above */
INLINE vd mulmod_pre(vd x, vd w, vd wq, vd q) {
  vd h = x * w, k = quotient(x * wq);
  return subprod(h, k, q) - prodrest(x, w, h);
}

/* x*y mod q: |r| <= q*(1/2 + e), e above */
INLINE vd mulmod(vd x, vd y, vd q, vd qi) {
  vd h = x * y, k = quotient(h * qi);
  return subprod(h, k, q) - prodrest(x, y, h);
}

/*
 * |x| <= q/2 + 2 -> the representative in [-(q-1)/2, (q-1)/2]. For such x the quotient is wrong by at most 2^-53, and that
 * of (q-1)/2 lies 1/(2q) > 2^-51 from 1/2, on the right side.
 */
INLINE vd center(vd x, vd q, vd qi) { return reduce(x, q, qi); }

/* one lane of work with the vector code, so that both builds agree */
INLINE double mulmod1(double x, double y, double q, double qi) {
  return reduce(mulmod(splat(x), splat(y), splat(q), splat(qi)), splat(q), splat(qi))[0];
}
INLINE double center1(double x, double q) { return center(splat(x), splat(q), splat(1.0 / q))[0]; }

#endif
