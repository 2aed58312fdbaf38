/*
 * Inner products of vectors of residues: many operands are read once, the result is written once.
 * Pointer lists are i32 arrays of byte offsets. A product of reduced residues has |r| <= 0.6 q, one with a factor of
 * up to 2q has |r| <= 0.875 q (lanes.h), so a reduced accumulator plus 6 products stays below 6 q < 6*2^50: reduce then.
 */
#include "lanes.h"

#define CONSTANTS const vd Q = splat(q), QI = splat(qi)
#define TERMS 6

/* elements worked on at a time: the accumulators live in registers */
#define BLOCK (4 * LANES)

EXPORT void v_dot(double *dst, const int32_t *aptrs, const int32_t *bptrs, int count, int n, double q, double qi) {
  CONSTANTS;
  for (int i = 0; i < n; i += BLOCK) {
    vd s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (int k = 0; k < count;) {
      const int end = k + TERMS < count ? k + TERMS : count;
      for (; k < end; k++) {
        const double *a = (const double *)aptrs[k] + i, *b = (const double *)bptrs[k] + i;
        s0 += mulmod(ld(a), ld(b), Q, QI);
        s1 += mulmod(ld(a + LANES), ld(b + LANES), Q, QI);
        s2 += mulmod(ld(a + 2 * LANES), ld(b + 2 * LANES), Q, QI);
        s3 += mulmod(ld(a + 3 * LANES), ld(b + 3 * LANES), Q, QI);
      }
      s0 = reduce(s0, Q, QI), s1 = reduce(s1, Q, QI), s2 = reduce(s2, Q, QI), s3 = reduce(s3, Q, QI);
    }
    st(dst + i, s0), st(dst + i + LANES, s1), st(dst + i + 2 * LANES, s2), st(dst + i + 3 * LANES, s3);
  }
}

EXPORT void v_dotrun(double *dst, const int32_t *aptrs, const int32_t *bptrs, int runlog, int count, int n, double q,
                     double qi) {
  if (runlog == 0) {
    v_dot(dst, aptrs, bptrs, count, n, q, qi);
    return;
  }
  CONSTANTS;
  for (int i = 0; i < n; i += BLOCK) {
    vd s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (int k = 0; k < count;) {
      const int end = k + TERMS < count ? k + TERMS : count;
      for (; k < end; k++) {
        const double *a = (const double *)aptrs[k] + i, *b = (const double *)bptrs[k];
        s0 += mulmod(ld(a), splat(b[i >> runlog]), Q, QI);
        s1 += mulmod(ld(a + LANES), splat(b[(i + LANES) >> runlog]), Q, QI);
        s2 += mulmod(ld(a + 2 * LANES), splat(b[(i + 2 * LANES) >> runlog]), Q, QI);
        s3 += mulmod(ld(a + 3 * LANES), splat(b[(i + 3 * LANES) >> runlog]), Q, QI);
      }
      s0 = reduce(s0, Q, QI), s1 = reduce(s1, Q, QI), s2 = reduce(s2, Q, QI), s3 = reduce(s3, Q, QI);
    }
    st(dst + i, s0), st(dst + i + LANES, s1), st(dst + i + 2 * LANES, s2), st(dst + i + 3 * LANES, s3);
  }
}

EXPORT void v_dotscalar(double *dst, const int32_t *aptrs, const double *w, int count, int n, double q, double qi) {
  CONSTANTS;
  for (int i = 0; i < n; i += BLOCK) {
    vd s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (int k = 0; k < count;) {
      const int end = k + TERMS < count ? k + TERMS : count;
      for (; k < end; k++) {
        const double *a = (const double *)aptrs[k] + i;
        const vd W = splat(w[k]);
        s0 += mulmod(ld(a), W, Q, QI);
        s1 += mulmod(ld(a + LANES), W, Q, QI);
        s2 += mulmod(ld(a + 2 * LANES), W, Q, QI);
        s3 += mulmod(ld(a + 3 * LANES), W, Q, QI);
      }
      s0 = reduce(s0, Q, QI), s1 = reduce(s1, Q, QI), s2 = reduce(s2, Q, QI), s3 = reduce(s3, Q, QI);
    }
    st(dst + i, s0), st(dst + i + LANES, s1), st(dst + i + 2 * LANES, s2), st(dst + i + 3 * LANES, s3);
  }
}

/* Key switching: each digit d_k (|d_k| <= 2q) is read once and meets both halves of the key. */
EXPORT void ks_dot(double *dst0, double *dst1, const int32_t *dptrs, const int32_t *k0ptrs, const int32_t *k1ptrs,
                   int count, int n, double q, double qi) {
  CONSTANTS;
  for (int i = 0; i < n; i += 2 * LANES) {
    vd s0 = splat(0), s1 = s0, t0 = s0, t1 = s0;
    for (int k = 0; k < count;) {
      const int end = k + TERMS < count ? k + TERMS : count;
      for (; k < end; k++) {
        const double *d = (const double *)dptrs[k] + i;
        const double *a = (const double *)k0ptrs[k] + i, *b = (const double *)k1ptrs[k] + i;
        const vd d0 = ld(d), d1 = ld(d + LANES);
        s0 += mulmod(d0, ld(a), Q, QI);
        s1 += mulmod(d1, ld(a + LANES), Q, QI);
        t0 += mulmod(d0, ld(b), Q, QI);
        t1 += mulmod(d1, ld(b + LANES), Q, QI);
      }
      s0 = reduce(s0, Q, QI), s1 = reduce(s1, Q, QI), t0 = reduce(t0, Q, QI), t1 = reduce(t1, Q, QI);
    }
    st(dst0 + i, s0), st(dst0 + i + LANES, s1), st(dst1 + i, t0), st(dst1 + i + LANES, t1);
  }
}
