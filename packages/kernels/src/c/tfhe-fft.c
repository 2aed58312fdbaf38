/*
 * Transforms and products of single polynomials (real and imaginary parts in separate halves, vectors along the points).
 */
#include "tfhe-fft.h"
#include "torus.h"

/* exp(2*pi*i*f) for a dyadic f in [0, 1): reduced to an eighth of a turn exactly, then Taylor series to 1 ulp */
static void turn(double f, double *re, double *im) {
  const int octant = (int)(8 * f);
  double r = 8 * f - octant;
  if (octant & 1) r = 1 - r;
  const double a = r * 0.78539816339744830962, a2 = a * a;
  double c = 0, s = 0;
  for (int k = 18; k >= 2; k -= 2) c = (1 - c) * a2 / (double)(k * (k - 1)), s = (1 - s) * a2 / (double)(k * (k + 1));
  c = 1 - c, s = a - a * s;
  const int swap = ((octant + 1) >> 1) & 1;
  const double x = swap ? s : c, y = swap ? c : s;
  *re = octant >= 2 && octant < 6 ? -x : x;
  *im = octant >= 4 ? -y : y;
}

/* the angle of a node in turns, from the base-4 digits of its number, the first split first */
static double angle(int node, int level) {
  double f = 0.25;
  for (int d = level - 1; d >= 0; d--) f = (f + (double)(node >> 2 * d & 3)) * 0.25;
  return f;
}

EXPORT void tfhe_tables(double *dst, int N) {
  int level = 0, m = N / 2;
  for (; m >= 4; m >>= 2, level++)
    for (int node = 0; node < 1 << 2 * level; node++) {
      const double f = angle(node, level) * 0.25;
      for (int power = 1; power <= 3; power++, dst += 2) turn(power * f, dst, dst + 1);
    }
  if (m == 2)
    for (int node = 0; node < 1 << 2 * level; node++, dst += 2) turn(angle(node, level) * 0.5, dst, dst + 1);
}

INLINE Point get(const double *re, const double *im, int i) { return (Point){ld(re + i), ld(im + i)}; }
INLINE void put(double *re, double *im, int i, Point x) { st(re + i, x.re), st(im + i, x.im); }
/* a single point in both lanes */
INLINE Point get1(const double *re, const double *im, int i) { return (Point){splat(re[i]), splat(im[i])}; }
INLINE void put1(double *re, double *im, int i, Point x) { re[i] = x.re[0], im[i] = x.im[0]; }

/* dst may be src */
EXPORT void tfhe_fourier(double *dst, const double *src, int N, const double *tables) {
  const int M = N / 2;
  const double *w = tables;
  int nodes = 1, q = M / 4;
  for (; q >= 2; q >>= 2, nodes <<= 2, src = dst)
    for (int b = 0; b < nodes; b++, w += 6) {
      const double *sr = src + 4 * q * b, *si = sr + M;
      double *dr = dst + 4 * q * b, *di = dr + M;
      const Factors f = factors(w);
      for (int j = 0; j < q; j += LANES) {
        Point x[4] = {get(sr, si, j), get(sr, si, j + q), get(sr, si, j + 2 * q), get(sr, si, j + 3 * q)};
        split4(x, f);
        for (int t = 0; t < 4; t++) put(dr, di, j + t * q, x[t]);
      }
    }
  for (int b = 0; b < nodes; b++) {
    if (q == 1) {
      double *r = dst + 4 * b, *i = r + M;
      Point x[4] = {get1(r, i, 0), get1(r, i, 1), get1(r, i, 2), get1(r, i, 3)};
      split4(x, factors(w));
      for (int t = 0; t < 4; t++) put1(r, i, t, x[t]);
      w += 6;
    } else {
      double *r = dst + 2 * b, *i = r + M;
      Point x[2] = {get1(r, i, 0), get1(r, i, 1)};
      split2(x, splat_point(w));
      for (int t = 0; t < 2; t++) put1(r, i, t, x[t]);
      w += 2;
    }
  }
}

/* dst may be src */
EXPORT void tfhe_fourier_inverse(double *dst, const double *src, int N, const double *tables) {
  const int M = N / 2;
  int level = 0;
  while (M >> 2 * (level + 1) >= 1) level++;
  const double *w = tables + level_offset(level);
  int q;
  if (M >> 2 * level == 2) {
    for (int b = 0; b < M / 2; b++) {
      const double *sr = src + 2 * b, *si = sr + M;
      double *r = dst + 2 * b, *i = r + M;
      Point x[2] = {get1(sr, si, 0), get1(sr, si, 1)};
      join2(x, splat_point(w + 2 * b));
      for (int t = 0; t < 2; t++) put1(r, i, t, x[t]);
    }
    q = 2;
  } else {
    w = tables + level_offset(--level);
    for (int b = 0; b < M / 4; b++) {
      const double *sr = src + 4 * b, *si = sr + M;
      double *r = dst + 4 * b, *i = r + M;
      Point x[4] = {get1(sr, si, 0), get1(sr, si, 1), get1(sr, si, 2), get1(sr, si, 3)};
      join4(x, factors(w + 6 * b));
      for (int t = 0; t < 4; t++) put1(r, i, t, x[t]);
    }
    q = 4;
  }
  for (level--; level >= 0; level--, q <<= 2) {
    w = tables + level_offset(level);
    const vd scale = splat(level == 0 ? 1.0 / M : 1.0);
    for (int b = 0; b < 1 << 2 * level; b++, w += 6) {
      double *r = dst + 4 * q * b, *i = r + M;
      const Factors f = factors(w);
      for (int j = 0; j < q; j += LANES) {
        Point x[4] = {get(r, i, j), get(r, i, j + q), get(r, i, j + 2 * q), get(r, i, j + 3 * q)};
        join4(x, f);
        for (int t = 0; t < 4; t++) {
          st(r + j + t * q, x[t].re * scale);
          st(i + j + t * q, x[t].im * scale);
        }
      }
    }
  }
}

/* dst = a*b in Fourier form; dst may be either */
EXPORT void tfhe_fourier_mul(double *dst, const double *a, const double *b, int N) {
  const int M = N / 2;
  for (int j = 0; j < M; j += LANES) {
    const Point x = point_mul(get(a, (a + M), j), get(b, (b + M), j));
    put(dst, (dst + M), j, x);
  }
}

/* dst += a*b in Fourier form */
EXPORT void tfhe_fourier_muladd(double *dst, const double *a, const double *b, int N) {
  const int M = N / 2;
  for (int j = 0; j < M; j += LANES) {
    const Point x = point_mul(get(a, (a + M), j), get(b, (b + M), j));
    const Point y = point_add(get(dst, (dst + M), j), x);
    put(dst, (dst + M), j, y);
  }
}

/*
 * dst = a*s modulo X^N + 1 and 1, exact: a on the torus grid, s integers |s| <= 2^8; scratch: 3N doubles (they hold
 * what s is made of: wipe them). With A = 2^52 a = 2^26 A1 + A0, |A0|, |A1| <= 2^25, the coefficients of A1*s and
 * A0*s are integers below 2^33 N, and the transforms give them with an error far below 1/2 (tfhe-fft.test.ts), so
 * rounding makes them exact.
 */
EXPORT void tfhe_mul_small(double *dst, const double *a, const double *s, int N, const double *tables, double *scratch) {
  double *hi = scratch, *lo = scratch + N, *fs = scratch + 2 * N;
  for (int j = 0; j < N; j += LANES) {
    const vd A = ld(a + j) * splat(0x1p52), h = vround(A * splat(0x1p-26));
    st(hi + j, h), st(lo + j, A - h * splat(0x1p26));
  }
  tfhe_fourier(fs, s, N, tables);
  tfhe_fourier(hi, hi, N, tables);
  tfhe_fourier(lo, lo, N, tables);
  tfhe_fourier_mul(hi, hi, fs, N);
  tfhe_fourier_mul(lo, lo, fs, N);
  tfhe_fourier_inverse(hi, hi, N, tables);
  tfhe_fourier_inverse(lo, lo, N, tables);
  for (int j = 0; j < N; j += LANES) {
    /* |frac| <= 1/2 and the low part is below 2^-19 N */
    const vd h = frac(vround(ld(hi + j)) * splat(0x1p-26)), l = vround(ld(lo + j)) * splat(GRID);
    st(dst + j, half_open(frac(h + l)));
  }
}
