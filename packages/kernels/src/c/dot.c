/*
 * Inner products of vectors of residues: many operands are read once, the result is written once.
 * Pointer lists are i32 arrays of byte offsets. A product of reduced residues has |r| <= 0.6 q (lanes.h), so a reduced
 * accumulator plus 6 products stays below 6 q < 6*2^50: reduce then.
 */
#define WIDE
#include "lanes.h"
#include "runs.h"

#define CONSTANTS const vd Q = splat(q), QI = splat(qi)
#define TERMS 6

/* elements worked on at a time: the accumulators live in registers */
#define BLOCK 8
#define VECTORS (BLOCK / LANES)
#define EACH_VECTOR for (int v = 0; v < VECTORS; v++)

/* dst = sum over k of a_k times factor(k, i), a vector for the positions i ... i + LANES - 1 */
#define DOT(factor)                                                                       \
  for (int i = 0; i < n; i += BLOCK) {                                                    \
    vd s[VECTORS];                                                                        \
    EACH_VECTOR s[v] = splat(0);                                                          \
    for (int k = 0; k < count;) {                                                         \
      const int end = k + TERMS < count ? k + TERMS : count;                              \
      for (; k < end; k++) {                                                              \
        const double *a = (const double *)aptrs[k];                                       \
        EACH_VECTOR s[v] += mulmod(ld(a + i + v * LANES), factor(k, i + v * LANES), Q, QI); \
      }                                                                                   \
      EACH_VECTOR s[v] = reduce(s[v], Q, QI);                                             \
    }                                                                                     \
    EACH_VECTOR st(dst + i + v * LANES, s[v]);                                            \
  }

EXPORT void v_dot(double *dst, const int32_t *aptrs, const int32_t *bptrs, int count, int n, double q, double qi) {
  CONSTANTS;
#define VECTOR(k, i) ld((const double *)bptrs[k] + (i))
  DOT(VECTOR)
}

EXPORT void v_dotrun(double *dst, const int32_t *aptrs, const int32_t *bptrs, int runlog, int count, int n, double q,
                     double qi) {
  CONSTANTS;
#define SHORT(k, i) short_runs((const double *)bptrs[k], i, runlog)
#define LONG(k, i) splat(((const double *)bptrs[k])[(i) >> runlog])
  if ((1 << runlog) < LANES) DOT(SHORT)
  else DOT(LONG)
}

EXPORT void v_dotscalar(double *dst, const int32_t *aptrs, const double *w, int count, int n, double q, double qi) {
  CONSTANTS;
#define SCALAR(k, i) splat(w[k])
  DOT(SCALAR)
}

/*
 * Key switching: each digit d_k (|d_k| <= 3.25*2^50) is read once and meets both halves of the key. The products of up to
 * FUSED digits are independent of each other in straight code, which takes three quarters of the time of a loop over
 * digits; each has |r| <= 1.11 q (mulmod, with e <= 39/64), so a reduced accumulator takes three of them. count >= 1.
 */
#define FUSED 3
INLINE void ks_fused(double *dst0, double *dst1, const int32_t *dptrs, const int32_t *k0ptrs, const int32_t *k1ptrs,
                     int count, int first, int n, double q, double qi) {
  CONSTANTS;
  const double *d[FUSED], *a[FUSED], *b[FUSED];
  for (int k = 0; k < count; k++) {
    d[k] = (const double *)dptrs[k], a[k] = (const double *)k0ptrs[k], b[k] = (const double *)k1ptrs[k];
  }
  for (int i = 0; i < n; i += LANES) {
    vd x = ld(d[0] + i), s = mulmod(x, ld(a[0] + i), Q, QI), t = mulmod(x, ld(b[0] + i), Q, QI);
    if (!first) s += ld(dst0 + i), t += ld(dst1 + i);
    for (int k = 1; k < count; k++) {
      x = ld(d[k] + i);
      s += mulmod(x, ld(a[k] + i), Q, QI);
      t += mulmod(x, ld(b[k] + i), Q, QI);
    }
    st(dst0 + i, reduce(s, Q, QI)), st(dst1 + i, reduce(t, Q, QI));
  }
}

EXPORT void ks_dot(double *dst0, double *dst1, const int32_t *dptrs, const int32_t *k0ptrs, const int32_t *k1ptrs,
                   int count, int n, double q, double qi) {
  if (count == 2) return ks_fused(dst0, dst1, dptrs, k0ptrs, k1ptrs, 2, 1, n, q, qi);
  if (count == 1) return ks_fused(dst0, dst1, dptrs, k0ptrs, k1ptrs, 1, 1, n, q, qi);
  ks_fused(dst0, dst1, dptrs, k0ptrs, k1ptrs, FUSED, 1, n, q, qi);
  int k = FUSED;
  for (; k + FUSED <= count; k += FUSED) ks_fused(dst0, dst1, dptrs + k, k0ptrs + k, k1ptrs + k, FUSED, 0, n, q, qi);
  if (k + 2 == count) ks_fused(dst0, dst1, dptrs + k, k0ptrs + k, k1ptrs + k, 2, 0, n, q, qi);
  if (k + 1 == count) ks_fused(dst0, dst1, dptrs + k, k0ptrs + k, k1ptrs + k, 1, 0, n, q, qi);
}
