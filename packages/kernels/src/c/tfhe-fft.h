/*
 * The Fourier form of a real polynomial modulo X^N + 1, through M = N/2 complex points.
 *
 * The roots of X^N + 1 come in conjugate pairs, so it is enough to know the polynomial at the M roots of X^M = i. There
 * it equals z(X) = sum of (c_j + i*c_{j+M}) X^j, j < M, and no separate twist is needed: a node of the tree holds z
 * modulo X^m - exp(2*pi*i*f) and its four children hold it modulo X^(m/4) - u*i^t, u = exp(2*pi*i*f/4), t = 0 ... 3.
 * The root has f = 1/4, child t has f' = (f + t)/4. All points of a node share the three factors u, u^2, u^3, so vectors
 * may run along the points or across polynomials. Leaves are single points in the order of the tree; when log2(M) is
 * odd the last level splits in two, by exp(2*pi*i*f/2).
 *
 * Tables: for level 0, 1, ... and node 0, 1, ... of the level six doubles re u, im u, re u^2, ..., im u^3; then, for odd
 * log2(M), re and im of each node of the last level.
 *
 * Error: a product of two transforms comes back with a standard deviation of about 3.5 * 2^-53 times that of its
 * coefficients (tfhe-product.test.ts), and is below 1/16 for integers |a| <= 2^25, |b| <= 2^8 at the worst that
 * tfhe-fft.test.ts constructs, N = 2^13.
 */
#ifndef VELUM_TFHE_FFT_H
#define VELUM_TFHE_FFT_H
#include "lanes.h"

typedef struct {
  vd re, im;
} Point;

INLINE Point splat_point(const double *w) { return (Point){splat(w[0u]), splat(w[1u])}; }
INLINE Point point_add(Point x, Point y) { return (Point){x.re + y.re, x.im + y.im}; }
INLINE Point point_sub(Point x, Point y) { return (Point){x.re - y.re, x.im - y.im}; }
INLINE Point point_mul(Point x, Point w) {
  return (Point){vfnma(x.im, w.im, x.re * w.re), vfma(x.re, w.im, x.im * w.re)};
}
/* x * conj(w) */
INLINE Point point_mulc(Point x, Point w) {
  return (Point){vfma(x.im, w.im, x.re * w.re), vfnma(x.re, w.im, x.im * w.re)};
}

/* the three factors of a node */
typedef struct {
  Point u1, u2, u3;
} Factors;
INLINE Factors factors(const double *w) { return (Factors){splat_point(w), splat_point(w + 2u), splat_point(w + 4u)}; }

/* points at quarter distances -> the four children */
INLINE void split4(Point x[4], Factors w) {
  const Point x1 = point_mul(x[1], w.u1), x2 = point_mul(x[2], w.u2), x3 = point_mul(x[3], w.u3);
  const Point a = point_add(x[0], x2), b = point_sub(x[0], x2), c = point_add(x1, x3), d = point_sub(x1, x3);
  x[0] = point_add(a, c), x[2] = point_sub(a, c);
  x[1] = (Point){b.re - d.im, b.im + d.re}, x[3] = (Point){b.re + d.im, b.im - d.re};
}
/* the inverse, times 4 */
INLINE void join4(Point x[4], Factors w) {
  const Point a = point_add(x[0], x[2]), b = point_sub(x[0], x[2]), c = point_add(x[1], x[3]), d = point_sub(x[1], x[3]);
  x[0] = point_add(a, c), x[2] = point_mulc(point_sub(a, c), w.u2);
  x[1] = point_mulc((Point){b.re + d.im, b.im - d.re}, w.u1);
  x[3] = point_mulc((Point){b.re - d.im, b.im + d.re}, w.u3);
}
INLINE void split2(Point x[2], Point u) {
  const Point y = point_mul(x[1], u);
  x[1] = point_sub(x[0], y), x[0] = point_add(x[0], y);
}
INLINE void join2(Point x[2], Point u) {
  const Point y = point_sub(x[0], x[1]);
  x[0] = point_add(x[0], x[1]), x[1] = point_mulc(y, u);
}

/* doubles before the factors of `level` (the number of nodes above is (4^level - 1)/3) */
INLINE int level_offset(int level) { return 2 * ((1 << 2 * level) - 1); }

void tfhe_fourier(double *dst, const double *src, int N, const double *tables);

#endif
