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
/* p[0 .. 4) = u0 v0 u1 v1 */
INLINE void store_pairs(double *p, vd u, vd v) { st(p, EVEN(u, v)), st(p + 2, ODD(u, v)); }

/* doubles of a block that stays in the L1 cache while the stages inside of it are done */
#define BLOCK 2048
/* stages done at a time on blocks that do not, in columns, and how many doubles wide these are */
#define DEEP 3
#define COLUMNS 128
#define MAX_LOGN 17

/*
 * Every stage stores its butterflies and the next one loads them again. Keeping values in registers over two or three
 * stages saves loads and stores but makes chains of dependent operations so long that the processor does not see far
 * enough ahead to fill its pipes (Zen 5: 2.5 cycles a butterfly this way, 3.0 for two stages at once, 3.4 for three).
 *
 * Butterflies of x[0 .. len) with y[0 .. len), read from sx and sy.
 */
INLINE void forward_run(double *x, double *y, const double *sx, const double *sy, int len, double w, double wq, vd Q,
                        vd QI, int tight) {
  const vd g = splat(w), gc = splat(wq);
  for (int j = 0; j < len; j += 4 * LANES) {
    for (int k = j; k < j + 4 * LANES; k += LANES) {
      const vd v = mulmod_pre(ld(sy + k), g, gc, Q);
      vd u = ld(sx + k);
      if (tight) u = reduce(u, Q, QI);
      st(x + k, u + v), st(y + k, u - v);
    }
  }
}

static void forward_columns(double *x, double *y, const double *sx, const double *sy, double w, double wq, vd Q, vd QI,
                            int tight) {
  if (tight) forward_run(x, y, sx, sy, COLUMNS, w, wq, Q, QI, 1);
  else forward_run(x, y, sx, sy, COLUMNS, w, wq, Q, QI, 0);
}

/* The stage of distance t on the block of `size` doubles at position i. */
INLINE void forward_stage(double *a, const double *restrict w, const double *restrict wq, int i, int size, int n, int t,
                          vd Q, vd QI, int tight) {
  for (int j = i; j < i + size; j += 2 * t) {
    const int k = (n + j) / (2 * t);
    forward_run(a + j, a + j + t, a + j, a + j + t, t, w[k], wq[k], Q, QI, tight);
  }
}

/* The stages of distances 4, 2 and 1, where the butterflies of a vector differ in their factors. */
INLINE void forward_last(double *a, const double *restrict w, const double *restrict wq, int i, int size, int n, vd Q,
                         vd QI, int lazy) {
  for (int j = i; j < i + size; j += 8) {
    double *p = a + j;
    const vd g = splat(w[(n + j) >> 3]), gc = splat(wq[(n + j) >> 3]);
    for (int k = 0; k < 4; k += LANES) {
      const vd u = ld(p + k), v = mulmod_pre(ld(p + k + 4), g, gc, Q);
      st(p + k, u + v), st(p + k + 4, u - v);
    }
  }
  for (int j = i; j < i + size; j += 4) {
    double *p = a + j;
    const vd u = ld(p), v = mulmod_pre(ld(p + 2), splat(w[(n + j) >> 2]), splat(wq[(n + j) >> 2]), Q);
    st(p, u + v), st(p + 2, u - v);
  }
  for (int j = i; j < i + size; j += 4) {
    double *p = a + j;
    const vd x = ld(p), y = ld(p + 2), g = ld(w + ((n + j) >> 1)), gc = ld(wq + ((n + j) >> 1));
    const vd u = EVEN(x, y), v = mulmod_pre(ODD(x, y), g, gc, Q);
    store_pairs(p, u + v, u - v);
  }
  if (lazy) return;
  for (int j = i; j < i + size; j += LANES) st(a + j, reduce(ld(a + j), Q, QI));
}

static void forward(double *a, const double *src, const double *tables, int n, double q, double qi, int lazy) {
  const double *w = tables, *wq = tables + n;
  const vd Q = splat(q), QI = splat(qi);
  int logn = 0;
  while ((1 << logn) < n) logn++;
  /* the stages that reduce their unmultiplied inputs: decided for two at a time, none of the last three */
  char tight[MAX_LOGN] = {0};
  double bound = 2.0 * q;
  int s = 0;
  if ((logn - 3) & 1) bound = grown(bound, q), s = 1;
  for (; s < logn - 3; s += 2) {
    double next = grown(grown(bound, q), q);
    tight[s] = next > LAZY_LIMIT;
    /* before the last three stages the bound must leave room for them */
    if (s == logn - 5) tight[s] |= grown(grown(grown(next, q), q), q) > FINAL_LIMIT;
    if (tight[s]) next = grown(grown_reduced(bound, q), q);
    bound = next;
  }
  int size = n;
  if (size <= BLOCK && src != a) {
    for (int j = 0; j < n; j += LANES) st(a + j, ld(src + j));
  }
  for (s = 0; size > BLOCK; src = a) {
    int depth = 0;
    while (depth < DEEP && size >> depth > BLOCK) depth++;
    const int stride = size >> depth;
    for (int i = 0; i < n; i += size) {
      for (int c = i; c < i + stride; c += COLUMNS) {
        for (int d = 0; d < depth; d++) {
          const int t = size >> (d + 1);
          const double *from = d == 0 ? src : a;
          for (int p = 0; p < size; p += stride) {
            if (p & t) continue;
            const int x = c + p, y = x + t, k = (n + i + p) / (2 * t);
            forward_columns(a + x, a + y, from + x, from + y, w[k], wq[k], Q, QI, tight[s + d]);
          }
        }
      }
    }
    s += depth, size = stride;
  }
  for (int i = 0; i < n; i += size) {
    for (int d = s, t = size >> 1; t > 4; d++, t >>= 1) {
      if (tight[d]) forward_stage(a, w, wq, i, size, n, t, Q, QI, 1);
      else if (t == 8) forward_stage(a, w, wq, i, size, n, 8, Q, QI, 0);
      else forward_stage(a, w, wq, i, size, n, t, Q, QI, 0);
    }
    if (lazy) forward_last(a, w, wq, i, size, n, Q, QI, 1);
    else forward_last(a, w, wq, i, size, n, Q, QI, 0);
  }
}

/* |a| <= 2q -> reduced */
EXPORT void ntt_forward(double *a, const double *tables, int n, double q, double qi) {
  forward(a, a, tables, n, q, qi, 0);
}

/* dst = NTT(src), which may be dst: |src| <= 2q -> |dst| <= 6*2^50, without the last reductions */
EXPORT void ntt_forward_lazy(double *dst, const double *src, const double *tables, int n, double q, double qi) {
  forward(dst, src, tables, n, q, qi, 1);
}

/*
 * Inverse ranges for q < 2^50 and reduced inputs, in units of q. A stage adds two values or multiplies a difference.
 * Distances 1, 2 and 4: sums grow 1, 2, 4 and are then reduced, with what shares their vector (sums of four first
 * products, 2.5); the others are products (at most 0.9) or sums of two second-stage products, 1.3.
 * The others go in pairs, on inputs below c = 1.5: the sum of sums, 4c, is reduced; a sum of two products of a difference
 * 2c = 3 is at most 2*0.73 < 1.5 again; products of 2c and 4c = 6 are below 1. The last one multiplies by 1/n too.
 * range.test.ts repeats this in exact arithmetic.
 */
enum kind { SUM, REDUCED, LAST };

/* Of the second stage of a pair (distances 16, 64, ...), sums of sums lie in the first half of the sums. */
INLINE enum kind inverse_kind(int t, int position, int n) {
  if (2 * t == n) return LAST;
  return (t & 0x55555550) && !(position & (t >> 1)) ? REDUCED : SUM;
}

INLINE void inverse_run(double *x, double *y, int len, double w, double wq, vd nv, vd nvc, vd Q, vd QI,
                        enum kind kind) {
  const vd g = splat(w), gc = splat(wq);
  for (int j = 0; j < len; j += 4 * LANES) {
    for (int k = j; k < j + 4 * LANES; k += LANES) {
      const vd u = ld(x + k), v = ld(y + k), product = mulmod_pre(u - v, g, gc, Q);
      vd sum = u + v;
      if (kind == REDUCED) sum = reduce(sum, Q, QI);
      if (kind == LAST) sum = mulmod_pre(sum, nv, nvc, Q);
      st(x + k, sum), st(y + k, product);
    }
  }
  if (kind != LAST) return;
  for (int j = 0; j < len; j += 4 * LANES) {
    for (int k = j; k < j + 4 * LANES; k += LANES) {
      st(x + k, reduce(ld(x + k), Q, QI)), st(y + k, reduce(ld(y + k), Q, QI));
    }
  }
}

static void inverse_any(double *x, double *y, int len, double w, double wq, vd nv, vd nvc, vd Q, vd QI,
                        enum kind kind) {
  if (kind == SUM) inverse_run(x, y, len, w, wq, nv, nvc, Q, QI, SUM);
  else if (kind == REDUCED) inverse_run(x, y, len, w, wq, nv, nvc, Q, QI, REDUCED);
  else inverse_run(x, y, len, w, wq, nv, nvc, Q, QI, LAST);
}

INLINE void inverse_first(double *a, const double *restrict w, const double *restrict wq, int i, int size, int n, vd Q,
                          vd QI) {
  for (int j = i; j < i + size; j += 4) {
    double *p = a + j;
    const vd x = ld(p), y = ld(p + 2), u = EVEN(x, y), v = ODD(x, y);
    store_pairs(p, u + v, mulmod_pre(u - v, ld(w + ((n + j) >> 1)), ld(wq + ((n + j) >> 1)), Q));
  }
  for (int j = i; j < i + size; j += 4) {
    double *p = a + j;
    const vd u = ld(p), v = ld(p + 2);
    st(p, u + v), st(p + 2, mulmod_pre(u - v, splat(w[(n + j) >> 2]), splat(wq[(n + j) >> 2]), Q));
  }
  for (int j = i; j < i + size; j += 8) {
    double *p = a + j;
    const vd g = splat(w[(n + j) >> 3]), gc = splat(wq[(n + j) >> 3]);
    const vd x0 = ld(p), x1 = ld(p + 2), x2 = ld(p + 4), x3 = ld(p + 6);
    st(p, reduce(x0 + x2, Q, QI)), st(p + 4, mulmod_pre(x0 - x2, g, gc, Q));
    st(p + 2, x1 + x3), st(p + 6, mulmod_pre(x1 - x3, g, gc, Q));
  }
}

EXPORT void ntt_inverse(double *a, const double *tables, int n, double q, double qi) {
  const double *w = tables + 2 * n, *wq = tables + 3 * n;
  const vd Q = splat(q), QI = splat(qi), nv = splat(w[0]), nvc = splat(wq[0]);
  int size = n;
  while (size > BLOCK) size >>= 1;
  for (int i = 0; i < n; i += size) {
    inverse_first(a, w, wq, i, size, n, Q, QI);
    for (int t = 8; t < size; t <<= 1) {
      for (int j = i; j < i + size; j += 2 * t) {
        const int k = (n + j) / (2 * t), h = t >> 1;
        double *p = a + j;
        switch (inverse_kind(t, 0, n)) {
          case SUM:
            if (t == 8) inverse_run(p, p + 8, 8, w[k], wq[k], nv, nvc, Q, QI, SUM);
            else inverse_run(p, p + t, t, w[k], wq[k], nv, nvc, Q, QI, SUM);
            break;
          case REDUCED:
            inverse_run(p, p + t, h, w[k], wq[k], nv, nvc, Q, QI, REDUCED);
            inverse_run(p + h, p + h + t, h, w[k], wq[k], nv, nvc, Q, QI, SUM);
            break;
          case LAST:
            inverse_any(p, p + t, t, w[k], wq[k], nv, nvc, Q, QI, LAST);
        }
      }
    }
  }
  while (size < n) {
    const int stride = size;
    for (int depth = 0; depth < DEEP && size < n; depth++) size <<= 1;
    for (int i = 0; i < n; i += size) {
      for (int c = i; c < i + stride; c += COLUMNS) {
        for (int t = stride; t < size; t <<= 1) {
          for (int p = 0; p < size; p += stride) {
            if (p & t) continue;
            const int x = c + p, y = x + t, k = (n + i + p) / (2 * t);
            inverse_any(a + x, a + y, COLUMNS, w[k], wq[k], nv, nvc, Q, QI, inverse_kind(t, x, n));
          }
        }
      }
    }
  }
}
