/*
 * Residue number system: exact base conversion, reconstruction, and the way in from doubles.
 */
#define WIDE
#include "lanes.h"

#define MAX_SOURCES 8
#define MAX_TARGETS 32
/* elements per block: the y_i of one block stay in the L1 cache */
#define BLOCK 128

/*
 * Exact centered base conversion in the coefficient domain: k <= 8 source limbs x_i mod q_i, Q = prod q_i, to m <= 32
 * target limbs mod p_j (Halevi, Polyakov and Shoup, ePrint 2018/117, section 2.2, with the rounding done in doubles):
 *   y_i = [x_i * (Q/q_i)^-1]_{q_i},  v = rint(sum y_i/q_i),  out_j = sum_i y_i*(Q/q_i mod p_j) - v*(Q mod p_j).
 * sum y_i/q_i is wrong by less than k*2^-51, so the result is the centered representative unless that lies within
 * k*2^-51*Q of +-Q/2 (then it may be the other neighbour, which is as good).
 * Targets: |y_i| <= 2^49 + 1 and |hat| <= p/2 give |r| <= 0.6 p each, |v| <= 5, so |out| <= 8*0.6 p + 2.5 p: two
 * reduces (after the first half and at the end) keep it below 6 p.
 * consts: per source q_i, 1/q_i, hatinv_i (reduced); then per target p_j, 1/p_j, Q mod p_j, then (Q/q_i mod p_j) i < k.
 */
EXPORT void bconv(const int32_t *dptrs, const int32_t *sptrs, const double *consts, int k, int m, int n) {
  if (k < 1 || k > MAX_SOURCES || m > MAX_TARGETS) __builtin_trap();
  const double *targets = consts + 3 * k;
  if (k == 1) {
    const double *x = (const double *)sptrs[0];
    const vd Q = splat(consts[0]);
    for (int i = 0; i < n; i += LANES) {
      const vd y = center(ld(x + i), Q, splat(consts[1]));
      for (int j = 0; j < m; j++) {
        const double *t = targets + 4 * j;
        st((double *)dptrs[j] + i, reduce(y, splat(t[0]), splat(t[1])));
      }
    }
    return;
  }
  double y[MAX_SOURCES * BLOCK] __attribute__((aligned(64)));
  double v[BLOCK] __attribute__((aligned(64)));
  for (int b = 0; b < n; b += BLOCK) {
    const int len = n - b < BLOCK ? n - b : BLOCK;
    for (int i = 0; i < len; i += LANES) st(v + i, splat(0));
    for (int s = 0; s < k; s++) {
      const double *x = (const double *)sptrs[s] + b;
      const vd Q = splat(consts[3 * s]), QI = splat(consts[3 * s + 1]), H = splat(consts[3 * s + 2]);
      for (int i = 0; i < len; i += LANES) {
        const vd r = reduce(mulmod(ld(x + i), H, Q, QI), Q, QI);
        st(y + s * BLOCK + i, r);
        st(v + i, ld(v + i) + r * QI);
      }
    }
    for (int i = 0; i < len; i += LANES) st(v + i, quotient(ld(v + i)));
    for (int j = 0; j < m; j++) {
      const double *t = targets + (3 + k) * j;
      double *out = (double *)dptrs[j] + b;
      const vd P = splat(t[0]), PI = splat(t[1]), QP = splat(t[2]);
      for (int i = 0; i < len; i += LANES) {
        vd s = splat(0) - ld(v + i) * QP;
        for (int u = 0; u < k; u++) {
          if (u == 4) s = reduce(s, P, PI);
          s += mulmod(ld(y + u * BLOCK + i), splat(t[3 + u]), P, PI);
        }
        st(out + i, reduce(s, P, PI));
      }
    }
  }
}

/*
 * The centered integer with residues x_i mod q_i, k <= 8, as a double. Mixed radix digits d_i, |d_i| <= q_i/2:
 *   value = d_0 + q_0*(d_1 + q_1*(d_2 + ...)),  d_i = ((x_i - d_0)/q_0 - d_1)/q_1 ... mod q_i.
 * Small values have zero digits at the top, so every partial sum is an integer no larger than the value: exact when
 * |value| < 2^53, otherwise within k ulp. Both builds give the same bits.
 * consts: per i: q_i, 1/q_i, then (q_a^-1 mod q_i) for a < i (reduced).
 */
EXPORT void crt_to_f64(double *dst, const int32_t *sptrs, const double *consts, int k, int n) {
  if (k < 1 || k > MAX_SOURCES) __builtin_trap();
  for (int i = 0; i < n; i += LANES) {
    vd d[MAX_SOURCES];
    const double *c = consts;
    for (int s = 0; s < k; s++) {
      const vd Q = splat(c[0]), QI = splat(c[1]);
      vd x = center(ld((const double *)sptrs[s] + i), Q, QI);
      /* |x - d_a| < 2^50 and |inverse| <= q/2: |r| <= 0.75 q, |r - d_a| < 2^51 */
      for (int a = 0; a < s; a++) x = mulmod(x - d[a], splat(c[2 + a]), Q, QI);
      d[s] = center(reduce(x, Q, QI), Q, QI);
      c += 2 + s;
    }
    vd value = d[k - 1];
    for (int s = k - 2; s >= 0; s--) {
      /* consts of source s start at 2s + s(s-1)/2 */
      const vd Q = splat(consts[2 * s + s * (s - 1) / 2]);
      const vd h = value * Q;
      value = h + (d[s] - prodrest(value, Q, h));
    }
    st(dst + i, value);
  }
}

/* dst = rint(src*scale) mod q, reduced, for |src*scale| < q*2^51 */
EXPORT void f_quantize(double *dst, const double *src, double scale, int n, double q, double qi) {
  const vd Q = splat(q), QI = splat(qi), S = splat(scale);
  for (int i = 0; i < n; i += LANES) {
    const vd y = vround(ld(src + i) * S);
    /* |k| < 2^51, wrong by at most 3/4: y - k*q is an integer below 1.25 q, exact */
    st(dst + i, reduce(subprod(y, quotient(y * QI), Q), Q, QI));
  }
}
