/*
 * The Galois automorphism X -> X^g (g odd) on polynomials in the bit-reversed NTT order of ntt.c: position i holds the
 * value at psi^(2*brv(i)+1), so the automorphism only permutes positions.
 */
#include "lanes.h"

static uint32_t reversed(uint32_t x, int bits) {
  uint32_t r = 0;
  for (int b = 0; b < bits; b++, x >>= 1) r = r << 1 | (x & 1);
  return r;
}

/* idx: n i32 positions for v_permute; g is taken modulo 2n */
EXPORT void galois_index(int32_t *idx, int n, int g) {
  int logn = 0;
  while ((1 << logn) < n) logn++;
  for (int i = 0; i < n; i++) {
    const uint32_t e = 2 * reversed((uint32_t)i, logn) + 1;
    const uint32_t f = (e * (uint32_t)g) & (2 * (uint32_t)n - 1);
    idx[i] = (int32_t)reversed(f >> 1, logn);
  }
}

/* dst[i] = src[idx[i]], dst != src; any values */
EXPORT void v_permute(double *restrict dst, const double *restrict src, const int32_t *restrict idx, int n) {
  for (int i = 0; i < n; i += 4) {
    const double x0 = src[idx[i]], x1 = src[idx[i + 1]], x2 = src[idx[i + 2]], x3 = src[idx[i + 3]];
    dst[i] = x0, dst[i + 1] = x1, dst[i + 2] = x2, dst[i + 3] = x3;
  }
}
