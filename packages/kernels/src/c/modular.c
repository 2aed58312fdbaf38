/*
 * Element-wise arithmetic on vectors of residues. n is a multiple of 8, pointers are 64-byte aligned, inputs and
 * outputs are reduced (lanes.h) unless a function says otherwise, and dst may be one of the inputs.
 * Products of reduced residues leave |r| <= 0.6 q (lanes.h), one more reduce makes them reduced.
 */
#include "lanes.h"

#define EACH(i) for (int i = 0; i < n; i += LANES)
#define CONSTANTS const vd Q = splat(q), QI = splat(qi)

EXPORT void v_add(double *dst, const double *a, const double *b, int n, double q, double qi) {
  CONSTANTS;
  EACH(i) st(dst + i, reduce(ld(a + i) + ld(b + i), Q, QI));
}

EXPORT void v_sub(double *dst, const double *a, const double *b, int n, double q, double qi) {
  CONSTANTS;
  EACH(i) st(dst + i, reduce(ld(a + i) - ld(b + i), Q, QI));
}

/* dst = src: any values; the vectors do not overlap */
EXPORT void v_copy(double *restrict dst, const double *restrict src, int n) {
  EACH(i) st(dst + i, ld(src + i));
}

/* 0 - x, so that zero stays +0 */
EXPORT void v_neg(double *dst, const double *a, int n) {
  EACH(i) st(dst + i, splat(0.0) - ld(a + i));
}

/* |src| < 2^52, integers */
EXPORT void v_reduce(double *dst, const double *src, int n, double q, double qi) {
  CONSTANTS;
  EACH(i) st(dst + i, reduce(ld(src + i), Q, QI));
}

EXPORT void v_mul(double *dst, const double *a, const double *b, int n, double q, double qi) {
  CONSTANTS;
  EACH(i) st(dst + i, reduce(mulmod(ld(a + i), ld(b + i), Q, QI), Q, QI));
}

/* dst + a*b: |.| <= 1.1 q before the reduction */
EXPORT void v_muladd(double *dst, const double *a, const double *b, int n, double q, double qi) {
  CONSTANTS;
  EACH(i) st(dst + i, reduce(ld(dst + i) + mulmod(ld(a + i), ld(b + i), Q, QI), Q, QI));
}

EXPORT void v_mulscalar(double *dst, const double *a, double s, int n, double q, double qi) {
  CONSTANTS;
  const vd S = splat(center1(s, q)), SQ = S / Q;
  EACH(i) st(dst + i, reduce(mulmod_pre(ld(a + i), S, SQ, Q), Q, QI));
}

EXPORT void v_muladdscalar(double *dst, const double *a, double s, int n, double q, double qi) {
  CONSTANTS;
  const vd S = splat(center1(s, q)), SQ = S / Q;
  EACH(i) st(dst + i, reduce(ld(dst + i) + mulmod_pre(ld(a + i), S, SQ, Q), Q, QI));
}

EXPORT void v_addscalar(double *dst, const double *a, double s, int n, double q, double qi) {
  CONSTANTS;
  const vd S = splat(s);
  EACH(i) st(dst + i, reduce(ld(a + i) + S, Q, QI));
}

/* dst = (a - b)*s for integers |a|, |b| with |a| + |b| <= 7*2^50: e <= 1/2, so |r| <= q */
EXPORT void v_submulscalar(double *dst, const double *a, const double *b, double s, int n, double q, double qi) {
  CONSTANTS;
  const vd S = splat(center1(s, q)), SQ = S / Q;
  EACH(i) st(dst + i, reduce(mulmod_pre(ld(a + i) - ld(b + i), S, SQ, Q), Q, QI));
}

INLINE void submul_scatter(double *restrict dst, const double *a, const double *b, const double *c, double s,
                           const int32_t *idx, int n, double q, double qi, int add) {
  CONSTANTS;
  const vd S = splat(center1(s, q)), SQ = S / Q;
  EACH(i) {
    vd r = mulmod_pre(ld(a + i) - ld(b + i), S, SQ, Q);
    if (add) r += ld(c + i);
    r = reduce(r, Q, QI);
    dst[idx[i]] = r[0], dst[idx[i + 1]] = r[1];
  }
}

/* dst[idx[i]] = (a[i] - b[i])*s + c[i], without c where that is 0; dst is none of the operands */
EXPORT void v_submulscatter(double *dst, const double *a, const double *b, const double *c, double s,
                            const int32_t *idx, int n, double q, double qi) {
  if (c) submul_scatter(dst, a, b, c, s, idx, n, q, qi, 1);
  else submul_scatter(dst, a, b, c, s, idx, n, q, qi, 0);
}

/* dst = a * small[i >> runlog]: runlog = 0 is v_mul; n >> runlog values in small */
EXPORT void v_mulrun(double *dst, const double *a, const double *small, int runlog, int n, double q, double qi) {
  CONSTANTS;
  if ((1 << runlog) < LANES) {
    v_mul(dst, a, small, n, q, qi);
    return;
  }
  const int run = 1 << runlog;
  for (int b = 0; b < n; b += run) {
    const vd S = splat(small[b >> runlog]);
    for (int i = b; i < b + run; i += LANES) st(dst + i, reduce(mulmod(ld(a + i), S, Q, QI), Q, QI));
  }
}

EXPORT void v_muladdrun(double *dst, const double *a, const double *small, int runlog, int n, double q, double qi) {
  CONSTANTS;
  if ((1 << runlog) < LANES) {
    v_muladd(dst, a, small, n, q, qi);
    return;
  }
  const int run = 1 << runlog;
  for (int b = 0; b < n; b += run) {
    const vd S = splat(small[b >> runlog]);
    for (int i = b; i < b + run; i += LANES)
      st(dst + i, reduce(ld(dst + i) + mulmod(ld(a + i), S, Q, QI), Q, QI));
  }
}
