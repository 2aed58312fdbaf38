#include "ntt-pairs.h"
#include "lanes.h"

#define GROUPS 4
#define EACH for (int g = 0; g < GROUPS; g++)

void ntt_forward_pairs(double *restrict a, const double *restrict w, const double *restrict wq, int from, int size,
                       int n, double q) {
  const vd Q = splat(q);
  w += (n + from) >> 2, wq += (n + from) >> 2;
  for (double *p = a + from, *end = p + size; p < end; p += 4 * GROUPS, w += GROUPS, wq += GROUPS) {
    EACH {
      const vd u = ld(p + 4 * g), v = mulmod_pre(ld(p + 4 * g + 2), splat(w[g]), splat(wq[g]), Q);
      st(p + 4 * g, u + v), st(p + 4 * g + 2, u - v);
    }
  }
}

void ntt_inverse_pairs(double *restrict a, const double *restrict w, const double *restrict wq, int from, int size,
                       int n, double q) {
  const vd Q = splat(q);
  w += (n + from) >> 2, wq += (n + from) >> 2;
  for (double *p = a + from, *end = p + size; p < end; p += 4 * GROUPS, w += GROUPS, wq += GROUPS) {
    EACH {
      const vd u = ld(p + 4 * g), v = ld(p + 4 * g + 2);
      st(p + 4 * g, u + v), st(p + 4 * g + 2, mulmod_pre(u - v, splat(w[g]), splat(wq[g]), Q));
    }
  }
}
