/*
 * Negacyclic number-theoretic transform modulo X^n + 1, n = 2^logn >= 16, q = 1 mod 2n.
 * Natural order in, bit-reversed order out:  out[i] = sum_j a_j * psi^(j*(2*brv(i)+1))  (Longa and Naehrig, ePrint
 * 2016/504, algorithms 1 and 2, on float lanes).
 *
 * Tables, 4n doubles, W = psi^brv(i) and V = psi^-brv(i), centered:
 *   [0, n)    W[i]          [n, 2n)   fl(W[i]/q)
 *   [2n, 3n)  V[i], but V[0] is 1/n and V[1] is psi^-brv(1)/n      [3n, 4n)  their quotients by q
 * Stage m = 1, 2, ..., n/2 uses entries m ... 2m-1.
 *
 * Lazy ranges, forward, with the bound e of mulmod_pre (lanes.h). A stage maps |x| <= c*q to
 * c + 1/2 + e(c*q), because one operand of the butterfly is not multiplied. For q < 2^50:
 *   from c = 2:     2.63 3.34 4.07 4.95 5.85 6.78      six stages stay below 7
 *   then a radix-4 pass that first reduces its two unmultiplied inputs: 0.51 + 0.97 = 1.48, then 2.10
 *   from c = 2.10:  2.73 3.44 4.19 5.07 5.98 6.91      six stages again
 * The bound is followed at run time by `grown` for the actual q (small q hardly grow, and are then never reduced on
 * the way), a pass reduces when its result would exceed 7*2^50, and the last one must stay below 6*2^50, which
 * `reduce` brings to |x| <= q/2 + 1. range.test.ts repeats this derivation in exact arithmetic.
 */
#include "lanes.h"

/* all values in here stay below this */
#define LAZY_LIMIT (7.0 * 1125899906842624.0)
/* and below this before a final reduce */
#define FINAL_LIMIT (6.0 * 1125899906842624.0)

/* bound after one forward stage, in absolute terms: b + q*(1/2 + e) */
static double grown(double b, double q) {
  /* half an ulp of the largest double below the power of two that is >= b/2 */
  double p = 1.0;
  while (p < b * 0.5) p *= 2.0;
  return b + q * (0.5 + b * 0x1p-55 + p * 0x1p-54);
}

/* bound after the unmultiplied inputs were reduced: q/2 + 2 + q*(1/2 + e) */
static double grown_reduced(double b, double q) { return grown(b, q) - b + q * 0.5 + 2.0; }

EXPORT double mod_mul(double a, double b, double q, double qi) { return mulmod1(a, b, q, qi); }

/* a^e mod q, canonical, for a reduced and an integer 0 <= e < 2^53; not constant time */
EXPORT double mod_pow(double a, double e, double q) {
  const double qi = 1.0 / q;
  double r = 1.0, b = a;
  for (uint64_t k = (uint64_t)e; k; k >>= 1) {
    if (k & 1) r = mulmod1(r, b, q, qi);
    b = mulmod1(b, b, q, qi);
  }
  r = center1(r, q);
  return r < 0.0 ? r + q : r;
}

/* smallest canonical value among the odd powers of a primitive 2n-th root of unity: the roots with the same order */
EXPORT double ntt_min_root(int n, double q, double root) {
  const double qi = 1.0 / q;
  const double step = mulmod1(root, root, q, qi);
  double best = q, w = root;
  for (int i = 0; i < n; i++) {
    const double c = center1(w, q), p = c < 0.0 ? c + q : c;
    if (p < best) best = p;
    w = mulmod1(w, step, q, qi);
  }
  return best;
}

/* dst[i] = root^brv(i): w[m + i] = w[i] * root^(n/2m) */
static void powers(double *w, int n, double q, double root) {
  const vd Q = splat(q), QI = splat(1.0 / q);
  int logn = 0;
  while ((1 << logn) < n) logn++;
  w[0] = 1.0;
  for (int s = 0; s < logn; s++) {
    const int m = 1 << s;
    double g = root;
    for (int k = s + 1; k < logn; k++) g = mulmod1(g, g, q, 1.0 / q);
    const vd G = splat(g);
    if (m < LANES) {
      for (int i = 0; i < m; i++) w[m + i] = center1(mulmod1(w[i], g, q, 1.0 / q), q);
    } else {
      for (int i = 0; i < m; i += LANES) st(w + m + i, center(reduce(mulmod(ld(w + i), G, Q, QI), Q, QI), Q));
    }
  }
}

/* root: a primitive 2n-th root of unity mod q, canonical */
EXPORT void ntt_tables(double *dst, int n, double q, double root) {
  const double qi = 1.0 / q;
  const vd Q = splat(q);
  const double psi = center1(root, q);
  double *v = dst + 2 * n;
  powers(dst, n, q, psi);
  powers(v, n, q, center1(mod_pow(psi, 2.0 * n - 1.0, q), q));
  const double ninv = center1(mod_pow(center1(n, q), q - 2.0, q), q);
  v[0] = ninv;
  v[1] = center1(mulmod1(v[1], ninv, q, qi), q);
  for (int i = 0; i < n; i += LANES) {
    st(dst + n + i, ld(dst + i) / Q);
    st(v + n + i, ld(v + i) / Q);
  }
}

#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3)

/* Stages with blocks of 8, 4 and 2 in registers, and the final reduce. */
static void forward_last(double *a, const double *restrict w, const double *restrict wq, int n, vd Q, vd QI) {
  const double *w4 = w + n / 8, *c4 = wq + n / 8, *w2 = w + n / 4, *c2 = wq + n / 4, *w1 = w + n / 2, *c1 = wq + n / 2;
  for (int i = 0; i < n; i += 8) {
    double *p = a + i;
    vd x0 = ld(p), x1 = ld(p + 2), x2 = ld(p + 4), x3 = ld(p + 6);
    const vd g = splat(w4[i >> 3]), gc = splat(c4[i >> 3]);
    vd u = mulmod_pre(x2, g, gc, Q), v = mulmod_pre(x3, g, gc, Q);
    x2 = x0 - u, x0 = x0 + u, x3 = x1 - v, x1 = x1 + v;
    u = mulmod_pre(x1, splat(w2[i >> 2]), splat(c2[i >> 2]), Q);
    v = mulmod_pre(x3, splat(w2[(i >> 2) + 1]), splat(c2[(i >> 2) + 1]), Q);
    x1 = x0 - u, x0 = x0 + u, x3 = x2 - v, x2 = x2 + v;
    const int k = i >> 1;
    u = EVEN(x0, x1), v = mulmod_pre(ODD(x0, x1), ld(w1 + k), ld(c1 + k), Q);
    vd s = reduce(u + v, Q, QI), d = reduce(u - v, Q, QI);
    st(p, EVEN(s, d)), st(p + 2, ODD(s, d));
    u = EVEN(x2, x3), v = mulmod_pre(ODD(x2, x3), ld(w1 + k + 2), ld(c1 + k + 2), Q);
    s = reduce(u + v, Q, QI), d = reduce(u - v, Q, QI);
    st(p + 4, EVEN(s, d)), st(p + 6, ODD(s, d));
  }
}

/* |a| <= 2q -> reduced */
EXPORT void ntt_forward(double *a, const double *tables, int n, double q, double qi) {
  const double *w = tables, *wq = tables + n;
  const vd Q = splat(q), QI = splat(qi);
  double bound = 2.0 * q;
  int t = n >> 1, m = 1, logn = 0;
  while ((1 << logn) < n) logn++;
  if ((logn - 3) & 1) {
    const vd g = splat(w[1]), gc = splat(wq[1]);
    for (int j = 0; j < t; j += LANES) {
      const vd x = ld(a + j), u = mulmod_pre(ld(a + j + t), g, gc, Q);
      st(a + j, x + u), st(a + j + t, x - u);
    }
    bound = grown(bound, q);
    m <<= 1, t >>= 1;
  }
  for (; t > 4; m <<= 2, t >>= 2) {
    const int h = t >> 1;
    /* before the last three stages the bound must leave room for them */
    double next = grown(grown(bound, q), q);
    int tight = next > LAZY_LIMIT;
    if (t >> 2 == 4) tight |= grown(grown(grown(next, q), q), q) > FINAL_LIMIT;
    if (tight) next = grown(grown_reduced(bound, q), q);
    bound = next;
    for (int i = 0; i < m; i++) {
      double *p = a + 2 * i * t;
      const vd w1 = splat(w[m + i]), c1 = splat(wq[m + i]);
      const vd w2 = splat(w[2 * (m + i)]), c2 = splat(wq[2 * (m + i)]);
      const vd w3 = splat(w[2 * (m + i) + 1]), c3 = splat(wq[2 * (m + i) + 1]);
      for (int j = 0; j < h; j += LANES) {
        vd x0 = ld(p + j), x1 = ld(p + j + h), x2 = ld(p + j + t), x3 = ld(p + j + t + h);
        if (tight) x0 = reduce(x0, Q, QI), x1 = reduce(x1, Q, QI);
        vd u = mulmod_pre(x2, w1, c1, Q), v = mulmod_pre(x3, w1, c1, Q);
        x2 = x0 - u, x0 = x0 + u, x3 = x1 - v, x1 = x1 + v;
        u = mulmod_pre(x1, w2, c2, Q), v = mulmod_pre(x3, w3, c3, Q);
        st(p + j, x0 + u), st(p + j + h, x0 - u), st(p + j + t, x2 + v), st(p + j + t + h, x2 - v);
      }
    }
  }
  forward_last(a, w, wq, n, Q, QI);
}

/*
 * Inverse ranges for q < 2^50 and reduced inputs, in units of q. A stage adds two values or multiplies a difference.
 * Stages with blocks of 2, 4 and 8 in registers: sums grow 1, 2, 4 and are then reduced, with what shares their vector
 * (sums of four first products, 2.5); the others are products (at most 0.9) or sums of two second-stage products, 1.3.
 * Radix-4 passes on inputs below c = 1.5: the sum of all four, 4c, is reduced; a sum of two products of a difference
 * 2c = 3 is at most 2*0.73 < 1.5 again; products of 2c and 4c = 6 are below 1.
 * range.test.ts repeats this in exact arithmetic.
 */
static void inverse_first(double *a, const double *restrict w, const double *restrict wq, int n, vd Q, vd QI) {
  const double *w4 = w + n / 8, *c4 = wq + n / 8, *w2 = w + n / 4, *c2 = wq + n / 4, *w1 = w + n / 2, *c1 = wq + n / 2;
  for (int i = 0; i < n; i += 8) {
    double *p = a + i;
    const int k = i >> 1;
    vd x0 = ld(p), x1 = ld(p + 2), x2 = ld(p + 4), x3 = ld(p + 6);
    vd s = EVEN(x0, x1), d = ODD(x0, x1), u = s + d, v = mulmod_pre(s - d, ld(w1 + k), ld(c1 + k), Q);
    x0 = EVEN(u, v), x1 = ODD(u, v);
    s = EVEN(x2, x3), d = ODD(x2, x3), u = s + d, v = mulmod_pre(s - d, ld(w1 + k + 2), ld(c1 + k + 2), Q);
    x2 = EVEN(u, v), x3 = ODD(u, v);
    u = x0 + x1, x1 = mulmod_pre(x0 - x1, splat(w2[i >> 2]), splat(c2[i >> 2]), Q), x0 = u;
    v = x2 + x3, x3 = mulmod_pre(x2 - x3, splat(w2[(i >> 2) + 1]), splat(c2[(i >> 2) + 1]), Q), x2 = v;
    const vd g = splat(w4[i >> 3]), gc = splat(c4[i >> 3]);
    st(p, reduce(x0 + x2, Q, QI)), st(p + 2, x1 + x3);
    st(p + 4, mulmod_pre(x0 - x2, g, gc, Q)), st(p + 6, mulmod_pre(x1 - x3, g, gc, Q));
  }
}

EXPORT void ntt_inverse(double *a, const double *tables, int n, double q, double qi) {
  const double *w = tables + 2 * n, *wq = tables + 3 * n;
  const vd Q = splat(q), QI = splat(qi);
  const vd ninv = splat(w[0]), ninvc = splat(wq[0]), g1 = splat(w[1]), gc1 = splat(wq[1]);
  inverse_first(a, w, wq, n, Q, QI);
  int h = 8, m = n >> 4;
  /* passes over stages m and m/2; h is the distance of the first */
  for (; m > 2; m >>= 2, h <<= 2) {
    const int t = 2 * h, k = m >> 1;
    for (int i = 0; i < k; i++) {
      double *p = a + 2 * i * t;
      const vd w1 = splat(w[k + i]), c1 = splat(wq[k + i]);
      const vd w2 = splat(w[2 * (k + i)]), c2 = splat(wq[2 * (k + i)]);
      const vd w3 = splat(w[2 * (k + i) + 1]), c3 = splat(wq[2 * (k + i) + 1]);
      for (int j = 0; j < h; j += LANES) {
        vd x0 = ld(p + j), x1 = ld(p + j + h), x2 = ld(p + j + t), x3 = ld(p + j + t + h);
        vd u = x0 + x1, v = x2 + x3;
        x1 = mulmod_pre(x0 - x1, w2, c2, Q), x3 = mulmod_pre(x2 - x3, w3, c3, Q);
        st(p + j, reduce(u + v, Q, QI)), st(p + j + h, x1 + x3);
        st(p + j + t, mulmod_pre(u - v, w1, c1, Q)), st(p + j + t + h, mulmod_pre(x1 - x3, w1, c1, Q));
      }
    }
  }
  if (m == 2) {
    const int t = 2 * h;
    const vd w2 = splat(w[2]), c2 = splat(wq[2]), w3 = splat(w[3]), c3 = splat(wq[3]);
    for (int j = 0; j < h; j += LANES) {
      double *p = a + j;
      vd x0 = ld(p), x1 = ld(p + h), x2 = ld(p + t), x3 = ld(p + t + h);
      vd u = x0 + x1, v = x2 + x3;
      x1 = mulmod_pre(x0 - x1, w2, c2, Q), x3 = mulmod_pre(x2 - x3, w3, c3, Q);
      st(p, reduce(mulmod_pre(u + v, ninv, ninvc, Q), Q, QI));
      st(p + h, reduce(mulmod_pre(x1 + x3, ninv, ninvc, Q), Q, QI));
      st(p + t, reduce(mulmod_pre(u - v, g1, gc1, Q), Q, QI));
      st(p + t + h, reduce(mulmod_pre(x1 - x3, g1, gc1, Q), Q, QI));
    }
  } else {
    for (int j = 0; j < h; j += LANES) {
      const vd x = ld(a + j), y = ld(a + j + h);
      st(a + j, reduce(mulmod_pre(x + y, ninv, ninvc, Q), Q, QI));
      st(a + j + h, reduce(mulmod_pre(x - y, g1, gc1, Q), Q, QI));
    }
  }
}
