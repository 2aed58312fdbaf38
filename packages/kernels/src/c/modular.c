/*
 * Element-wise arithmetic on vectors of residues. n is a multiple of 8, pointers are 64-byte aligned, inputs and
 * outputs are reduced (lanes.h) unless a function says otherwise, and dst may be one of the inputs.
 * Products of reduced residues leave |r| <= 0.6 q (lanes.h), one more reduce makes them reduced.
 */
#define WIDE
#include "lanes.h"
#include "runs.h"

#define EACH(i) for (int i = 0; i < n; i += LANES)
#define CONSTANTS const vd Q = splat(q), QI = splat(qi)
/* a factor for mulmod_pre, divided before it fills a vector: wide quotients are not merged (lanes.h) */
#define SCALAR(s)                          \
  const double centered = center1(s, q);   \
  const vd S = splat(centered), SQ = splat(centered / q)

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
  SCALAR(s);
  EACH(i) st(dst + i, reduce(mulmod_pre(ld(a + i), S, SQ, Q), Q, QI));
}

EXPORT void v_muladdscalar(double *dst, const double *a, double s, int n, double q, double qi) {
  CONSTANTS;
  SCALAR(s);
  EACH(i) st(dst + i, reduce(ld(dst + i) + mulmod_pre(ld(a + i), S, SQ, Q), Q, QI));
}

EXPORT void v_addscalar(double *dst, const double *a, double s, int n, double q, double qi) {
  CONSTANTS;
  const vd S = splat(s);
  EACH(i) st(dst + i, reduce(ld(a + i) + S, Q, QI));
}

/* dst = (a - b)*s for integers |a|, |b| with |a| + |b| <= 2^52: e <= 1/4, so |r| <= 3/4 q */
EXPORT void v_submulscalar(double *dst, const double *a, const double *b, double s, int n, double q, double qi) {
  CONSTANTS;
  SCALAR(s);
  EACH(i) st(dst + i, reduce(mulmod_pre(ld(a + i) - ld(b + i), S, SQ, Q), Q, QI));
}

/* dst = (a - b)*s + c, the same with c reduced */
EXPORT void v_submuladd(double *dst, const double *a, const double *b, const double *c, double s, int n, double q,
                        double qi) {
  CONSTANTS;
  SCALAR(s);
  EACH(i) st(dst + i, reduce(mulmod_pre(ld(a + i) - ld(b + i), S, SQ, Q) + ld(c + i), Q, QI));
}

/* dst = a * small[i >> runlog]: runlog = 0 is v_mul; n >> runlog values in small */
EXPORT void v_mulrun(double *dst, const double *a, const double *small, int runlog, int n, double q, double qi) {
  CONSTANTS;
  if ((1 << runlog) < LANES) {
    EACH(i) st(dst + i, reduce(mulmod(ld(a + i), short_runs(small, i, runlog), Q, QI), Q, QI));
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
    EACH(i) st(dst + i, reduce(ld(dst + i) + mulmod(ld(a + i), short_runs(small, i, runlog), Q, QI), Q, QI));
    return;
  }
  const int run = 1 << runlog;
  for (int b = 0; b < n; b += run) {
    const vd S = splat(small[b >> runlog]);
    for (int i = b; i < b + run; i += LANES)
      st(dst + i, reduce(ld(dst + i) + mulmod(ld(a + i), S, Q, QI), Q, QI));
  }
}
