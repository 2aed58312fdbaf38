/*
 * Negacyclic number-theoretic transform modulo X^n + 1, n = 2^logn >= 16, q = 1 mod 2n.
 * Natural order in, bit-reversed order out:  out[i] = sum_j a_j * psi^(j*(2*brv(i)+1))  (Longa and Naehrig, ePrint
 * 2016/504, algorithms 1 and 2, on float lanes).
 *
 * Tables, 4n doubles, W = psi^brv(i) and V = psi^-brv(i), centered:
 *   [0, n)    W[i]          [n, 2n)   fl(W[i]/q)
 *   [2n, 3n)  V[i], but V[0] is 1/n and V[1] is psi^-brv(1)/n      [3n, 4n)  their quotients by q
 * Stage m = 1, 2, ..., n/2 uses entries m ... 2m-1; those of stage n/2 are kept in the order 0 2 1 3, 4 6 5 7, ..., in
 * which the butterflies of neighbours come out of vectors of neighbours (EVEN and ODD, lanes.h).
 *
 * Lazy ranges, forward, with the bound e of mulmod_pre (lanes.h). A stage maps |x| <= c*q to
 * c + 1/2 + e(c*q), because one operand of the butterfly is not multiplied. For q < 2^50:
 *   from c = 2:     2.63 3.34                two stages stay below 4
 *   then one that first reduces its unmultiplied inputs: 0.50 + 0.71 = 1.21
 *   from c = 1.21:  1.79 2.40 3.07 3.78      four stages
 * The bound is followed at run time by `grown` for the actual q (small q hardly grow, and are then never reduced on
 * the way), and a stage reduces when its result would exceed 4*2^50, which is what the next one may multiply. The last
 * three stages do not reduce; theirs must stay below 3.25*2^50: a reduced value less the result is again below 4*2^50.
 * range.test.ts repeats this derivation in exact arithmetic.
 */
#define WIDE
#include "lanes.h"
#include "ntt-pairs.h"

/* what may be multiplied, and all values in here */
#define LAZY_LIMIT 0x1p52
/* what is left after the last stage */
#define FINAL_LIMIT (3.25 * 0x1p50)

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
      for (int i = 0; i < m; i += LANES) st(w + m + i, center(reduce(mulmod(ld(w + i), G, Q, QI), Q, QI), Q, QI));
    }
  }
}

static void swap_middles(double *w, int n) {
  for (int i = 0; i < n; i += 4) {
    const double x = w[i + 1];
    w[i + 1] = w[i + 2], w[i + 2] = x;
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
  swap_middles(dst + n / 2, n / 2), swap_middles(v + n / 2, n / 2);
  for (int i = 0; i < n; i += LANES) {
    st(dst + n + i, ld(dst + i) / Q);
    st(v + n + i, ld(v + i) / Q);
  }
}

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
 * Butterflies of x[0 .. len) with y[0 .. len), read from sx and sy. Eight at a time, and their loads before their stores.
 */
#define STEP 8
#define VECTORS (STEP / LANES)
#define EACH_VECTOR for (int k = 0; k < VECTORS; k++)
/* and where eight are all of a block's butterflies, by halves */
#define HALVES (4 / LANES)
#define EACH_HALF_OF_8 for (int k = 0; k < HALVES; k++)


INLINE void forward_run(double *x, double *y, const double *sx, const double *sy, int len, double w, double wq, vd Q,
                        vd QI, int tight) {
  const vd g = splat(w), gc = splat(wq);
  for (int j = 0; j < len; j += STEP) {
    vd u[VECTORS], v[VECTORS];
    EACH_VECTOR u[k] = ld(sx + j + k * LANES), v[k] = ld(sy + j + k * LANES);
    EACH_VECTOR v[k] = mulmod_pre(v[k], g, gc, Q);
    if (tight) EACH_VECTOR u[k] = reduce(u[k], Q, QI);
    EACH_VECTOR st(x + j + k * LANES, u[k] + v[k]);
    EACH_VECTOR st(y + j + k * LANES, u[k] - v[k]);
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

/* The stages of distances 4, 2 and 1. */
INLINE void forward_last(double *a, const double *restrict w, const double *restrict wq, int i, int size, int n,
                         double q, vd Q, vd QI, int lazy) {
  for (int j = i; j < i + size; j += 8) {
    double *p = a + j;
    const vd g = splat(w[(n + j) >> 3]), gc = splat(wq[(n + j) >> 3]);
    vd u[HALVES], v[HALVES];
    EACH_HALF_OF_8 u[k] = ld(p + k * LANES), v[k] = ld(p + 4 + k * LANES);
    EACH_HALF_OF_8 v[k] = mulmod_pre(v[k], g, gc, Q);
    EACH_HALF_OF_8 st(p + k * LANES, u[k] + v[k]);
    EACH_HALF_OF_8 st(p + 4 + k * LANES, u[k] - v[k]);
  }
  ntt_forward_pairs(a, w, wq, i, size, n, q);
  for (int j = i; j < i + size; j += 8) {
    double *p = a + j;
    const double *g = w + ((n + j) >> 1), *gc = wq + ((n + j) >> 1);
    vd x[HALVES], y[HALVES];
    EACH_HALF_OF_8 x[k] = ld(p + k * LANES), y[k] = ld(p + 4 + k * LANES);
    EACH_HALF_OF_8 {
      const vd u = EVEN(x[k], y[k]), v = mulmod_pre(ODD(x[k], y[k]), ld(g + k * LANES), ld(gc + k * LANES), Q);
      x[k] = EVEN(u + v, u - v), y[k] = ODD(u + v, u - v);
    }
    EACH_HALF_OF_8 st(p + k * LANES, x[k]);
    EACH_HALF_OF_8 st(p + 4 + k * LANES, y[k]);
  }
  if (lazy) return;
  for (int j = i; j < i + size; j += LANES) st(a + j, reduce(ld(a + j), Q, QI));
}

static void forward(double *a, const double *src, const double *tables, int n, double q, double qi, int lazy) {
  const double *w = tables, *wq = tables + n;
  const vd Q = splat(q), QI = splat(qi);
  int logn = 0;
  while ((1 << logn) < n) logn++;
  /* the stages that reduce their unmultiplied inputs: none of the last three */
  char tight[MAX_LOGN] = {0};
  double bound = 2.0 * q;
  int s = 0;
  for (; s < logn - 3; s++) {
    const double next = grown(bound, q);
    tight[s] = next > LAZY_LIMIT;
    /* before the last three stages the bound must leave room for them */
    if (s == logn - 4) tight[s] |= grown(grown(grown(next, q), q), q) > FINAL_LIMIT;
    bound = tight[s] ? grown_reduced(bound, q) : next;
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
    if (lazy) forward_last(a, w, wq, i, size, n, q, Q, QI, 1);
    else forward_last(a, w, wq, i, size, n, q, Q, QI, 0);
  }
}

/* |a| <= 2q -> reduced */
EXPORT void ntt_forward(double *a, const double *tables, int n, double q, double qi) {
  forward(a, a, tables, n, q, qi, 0);
}

/* dst = NTT(src), which may be dst: |src| <= 2q -> |dst| <= 3.25*2^50, without the last reductions */
EXPORT void ntt_forward_lazy(double *dst, const double *src, const double *tables, int n, double q, double qi) {
  forward(dst, src, tables, n, q, qi, 1);
}

/*
 * Inverse ranges for q < 2^50 and reduced inputs, in units of q. A stage adds two values or multiplies a difference.
 * Distances 1, 2 and 4: sums grow 1, 2, 4 and are then reduced; the rest are products of at most 4, below 0.75.
 * The others go in pairs, on inputs below c = 1.5: the sum of sums, 4c, is reduced; a sum of two products of a difference
 * 2c = 3 is at most 2*0.73 < 1.5 again; products of 2c and 4c = 6 are below 1. The last one multiplies by 1/n too.
 * Where 6q may not be multiplied, q > 2^53/12, the second stage reduces all its sums: inputs below c = 0.75, 4c = 3.
 * range.test.ts repeats this in exact arithmetic.
 */
enum kind { SUM, REDUCED, LAST };

/* Of the second stage of a pair (distances 16, 64, ...), sums of sums lie in the first half of the sums. */
INLINE enum kind inverse_kind(int t, int position, int n, int large) {
  if (2 * t == n) return LAST;
  return (t & 0x55555550) && (large || !(position & (t >> 1))) ? REDUCED : SUM;
}

INLINE void inverse_run(double *x, double *y, int len, double w, double wq, vd nv, vd nvc, vd Q, vd QI,
                        enum kind kind) {
  const vd g = splat(w), gc = splat(wq);
  for (int j = 0; j < len; j += STEP) {
    vd u[VECTORS], v[VECTORS];
    EACH_VECTOR u[k] = ld(x + j + k * LANES), v[k] = ld(y + j + k * LANES);
    EACH_VECTOR {
      const vd sum = u[k] + v[k];
      v[k] = mulmod_pre(u[k] - v[k], g, gc, Q);
      u[k] = kind == REDUCED ? reduce(sum, Q, QI) : kind == LAST ? mulmod_pre(sum, nv, nvc, Q) : sum;
    }
    EACH_VECTOR st(x + j + k * LANES, u[k]);
    EACH_VECTOR st(y + j + k * LANES, v[k]);
  }
  if (kind != LAST) return;
  for (int j = 0; j < len; j += LANES) st(x + j, reduce(ld(x + j), Q, QI));
  for (int j = 0; j < len; j += LANES) st(y + j, reduce(ld(y + j), Q, QI));
}

static void inverse_any(double *x, double *y, int len, double w, double wq, vd nv, vd nvc, vd Q, vd QI,
                        enum kind kind) {
  if (kind == SUM) inverse_run(x, y, len, w, wq, nv, nvc, Q, QI, SUM);
  else if (kind == REDUCED) inverse_run(x, y, len, w, wq, nv, nvc, Q, QI, REDUCED);
  else inverse_run(x, y, len, w, wq, nv, nvc, Q, QI, LAST);
}

INLINE void inverse_first(double *a, const double *restrict w, const double *restrict wq, int i, int size, int n,
                          double q, vd Q, vd QI) {
  for (int j = i; j < i + size; j += 8) {
    double *p = a + j;
    const double *g = w + ((n + j) >> 1), *gc = wq + ((n + j) >> 1);
    vd x[HALVES], y[HALVES];
    EACH_HALF_OF_8 x[k] = ld(p + k * LANES), y[k] = ld(p + 4 + k * LANES);
    EACH_HALF_OF_8 {
      const vd u = EVEN(x[k], y[k]), v = ODD(x[k], y[k]), s = u + v;
      const vd d = mulmod_pre(u - v, ld(g + k * LANES), ld(gc + k * LANES), Q);
      x[k] = EVEN(s, d), y[k] = ODD(s, d);
    }
    EACH_HALF_OF_8 st(p + k * LANES, x[k]);
    EACH_HALF_OF_8 st(p + 4 + k * LANES, y[k]);
  }
  ntt_inverse_pairs(a, w, wq, i, size, n, q);
  for (int j = i; j < i + size; j += 8) {
    double *p = a + j;
    const vd g = splat(w[(n + j) >> 3]), gc = splat(wq[(n + j) >> 3]);
    vd u[HALVES], v[HALVES];
    EACH_HALF_OF_8 u[k] = ld(p + k * LANES), v[k] = ld(p + 4 + k * LANES);
    EACH_HALF_OF_8 st(p + k * LANES, reduce(u[k] + v[k], Q, QI));
    EACH_HALF_OF_8 st(p + 4 + k * LANES, mulmod_pre(u[k] - v[k], g, gc, Q));
  }
}

EXPORT void ntt_inverse(double *a, const double *tables, int n, double q, double qi) {
  const double *w = tables + 2 * n, *wq = tables + 3 * n;
  const vd Q = splat(q), QI = splat(qi), nv = splat(w[0]), nvc = splat(wq[0]);
  const int large = q > 0x1p53 / 12;
  int size = n;
  while (size > BLOCK) size >>= 1;
  for (int i = 0; i < n; i += size) {
    inverse_first(a, w, wq, i, size, n, q, Q, QI);
    for (int t = 8; t < size; t <<= 1) {
      for (int j = i; j < i + size; j += 2 * t) {
        const int k = (n + j) / (2 * t), h = t >> 1;
        double *p = a + j;
        switch (inverse_kind(t, 0, n, large)) {
          case SUM:
            if (t == 8) inverse_run(p, p + 8, 8, w[k], wq[k], nv, nvc, Q, QI, SUM);
            else inverse_run(p, p + t, t, w[k], wq[k], nv, nvc, Q, QI, SUM);
            break;
          case REDUCED:
            inverse_run(p, p + t, large ? t : h, w[k], wq[k], nv, nvc, Q, QI, REDUCED);
            if (!large) inverse_run(p + h, p + h + t, h, w[k], wq[k], nv, nvc, Q, QI, SUM);
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
            inverse_any(a + x, a + y, COLUMNS, w[k], wq[k], nv, nvc, Q, QI, inverse_kind(t, x, n, large));
          }
        }
      }
    }
  }
}
