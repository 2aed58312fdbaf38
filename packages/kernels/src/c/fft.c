/*
 * The special transform of CKKS (Cheon, Kim, Kim and Song, ePrint 2016/421): polynomial coefficients c_k + i*c_{k+m}
 * to and from the values at zeta^(5^j), zeta = exp(i*pi/(2m)), j < m, in slot order.
 * One stage with half-size h joins transforms of size h into size 2h with twiddles exp(i*pi*(5^j mod 8h)/(4h)), j < h:
 * 5^h = 1 + 4h mod 8h, so slots j and j + h see opposite twiddles.
 * Tables (from TypeScript): cos[m], sin[m] with stage h at [h, 2h), then i32: a count and that many
 * pairs (i, brv(i)) with i < brv(i).
 * The builds differ in the last bits, because one fuses and the other rounds twice. Either is within
 * 1e-14 * max(1, log2 m) of the exact transform, relative to the largest |value| (fft.test.ts).
 */
#include "lanes.h"

typedef struct {
  vd re, im;
} Complex;

INLINE Complex get(const double *re, const double *im, int i) { return (Complex){ld(re + i), ld(im + i)}; }
INLINE void put(double *re, double *im, int i, Complex x) { st(re + i, x.re), st(im + i, x.im); }
INLINE Complex plus(Complex x, Complex y) { return (Complex){x.re + y.re, x.im + y.im}; }
INLINE Complex minus(Complex x, Complex y) { return (Complex){x.re - y.re, x.im - y.im}; }
INLINE Complex times(Complex x, Complex w) {
  return (Complex){vfnma(x.im, w.im, x.re * w.re), vfma(x.re, w.im, x.im * w.re)};
}
INLINE Complex times_conj(Complex x, Complex w) {
  return (Complex){vfma(x.im, w.im, x.re * w.re), vfnma(x.re, w.im, x.im * w.re)};
}

/* pairs: their number, then the two positions of each; a list, because a branch on i < brv(i) is mispredicted half the time */
static void bit_reverse(double *re, double *im, const int32_t *pairs) {
  const int32_t *p = pairs + 1, *end = p + 2 * pairs[0];
  for (; p < end; p += 2) {
    const int i = p[0], j = p[1];
    const double x = re[i], y = re[j], u = im[i], v = im[j];
    re[i] = y, re[j] = x, im[i] = v, im[j] = u;
  }
}

/* m = 2, the only size with a stage but without a full vector pair */
static void two(double *re, double *im, double wr, double wi, int inverse) {
  if (inverse) {
    const double dr = re[0] - re[1], di = im[0] - im[1];
    re[0] = (re[0] + re[1]) * 0.5, im[0] = (im[0] + im[1]) * 0.5;
    re[1] = (dr * wr + di * wi) * 0.5, im[1] = (di * wr - dr * wi) * 0.5;
  } else {
    const double tr = re[1] * wr - im[1] * wi, ti = re[1] * wi + im[1] * wr;
    re[1] = re[0] - tr, im[1] = im[0] - ti;
    re[0] += tr, im[0] += ti;
  }
}

/* coefficients -> slots */
EXPORT void fft_forward(double *re, double *im, const double *tables, int m) {
  const double *c = tables, *s = tables + m;
  if (m == 1) return;
  if (m == 2) {
    two(re, im, c[1], s[1], 0);
    return;
  }
  bit_reverse(re, im, (const int32_t *)(tables + 2 * m));
  const Complex w1 = {splat(c[1]), splat(s[1])};
  for (int i = 0; i < m; i += 4) {
    const Complex x = get(re, im, i), y = get(re, im, i + 2);
    const Complex a = {EVEN(x.re, y.re), EVEN(x.im, y.im)};
    const Complex b = times((Complex){ODD(x.re, y.re), ODD(x.im, y.im)}, w1);
    const Complex u = plus(a, b), v = minus(a, b);
    put(re, im, i, (Complex){EVEN(u.re, v.re), EVEN(u.im, v.im)});
    put(re, im, i + 2, (Complex){ODD(u.re, v.re), ODD(u.im, v.im)});
  }
  int h = 2;
  /* stages h and 2h together */
  for (; 2 * h < m; h *= 4)
    for (int b = 0; b < m; b += 4 * h)
      for (int j = 0; j < h; j += LANES) {
        const int i = b + j;
        const Complex w = get(c, s, h + j);
        const Complex x1 = times(get(re, im, i + h), w), x3 = times(get(re, im, i + 3 * h), w);
        const Complex x0 = get(re, im, i), x2 = get(re, im, i + 2 * h);
        const Complex y0 = plus(x0, x1), y1 = minus(x0, x1);
        const Complex y2 = times(plus(x2, x3), get(c, s, 2 * h + j));
        const Complex y3 = times(minus(x2, x3), get(c, s, 3 * h + j));
        put(re, im, i, plus(y0, y2)), put(re, im, i + 2 * h, minus(y0, y2));
        put(re, im, i + h, plus(y1, y3)), put(re, im, i + 3 * h, minus(y1, y3));
      }
  if (h < m)
    for (int j = 0; j < h; j += LANES) {
      const Complex x = get(re, im, j), y = times(get(re, im, j + h), get(c, s, h + j));
      put(re, im, j, plus(x, y)), put(re, im, j + h, minus(x, y));
    }
}

/* slots -> coefficients, including 1/m */
EXPORT void fft_inverse(double *re, double *im, const double *tables, int m) {
  const double *c = tables, *s = tables + m;
  if (m == 1) return;
  if (m == 2) {
    two(re, im, c[1], s[1], 1);
    return;
  }
  int h = m >> 1;
  /* stages h and h/2 together */
  for (; h > 2; h >>= 2) {
    const int t = h >> 1;
    for (int b = 0; b < m; b += 2 * h)
      for (int j = 0; j < t; j += LANES) {
        const int i = b + j;
        const Complex x0 = get(re, im, i), x1 = get(re, im, i + t);
        const Complex x2 = get(re, im, i + h), x3 = get(re, im, i + h + t);
        const Complex y0 = plus(x0, x2), y1 = plus(x1, x3);
        const Complex y2 = times_conj(minus(x0, x2), get(c, s, h + j));
        const Complex y3 = times_conj(minus(x1, x3), get(c, s, h + t + j));
        const Complex w = get(c, s, t + j);
        put(re, im, i, plus(y0, y1)), put(re, im, i + t, times_conj(minus(y0, y1), w));
        put(re, im, i + h, plus(y2, y3)), put(re, im, i + h + t, times_conj(minus(y2, y3), w));
      }
  }
  if (h == 2)
    for (int b = 0; b < m; b += 4)
      for (int j = 0; j < 2; j += LANES) {
        const Complex x = get(re, im, b + j), y = get(re, im, b + j + 2);
        put(re, im, b + j, plus(x, y)), put(re, im, b + j + 2, times_conj(minus(x, y), get(c, s, 2 + j)));
      }
  const vd scale = splat(1.0 / m);
  const Complex w1 = {splat(c[1]) * scale, splat(s[1]) * scale};
  for (int i = 0; i < m; i += 4) {
    const Complex x = get(re, im, i), y = get(re, im, i + 2);
    const Complex a = {EVEN(x.re, y.re), EVEN(x.im, y.im)}, b = {ODD(x.re, y.re), ODD(x.im, y.im)};
    Complex u = plus(a, b);
    const Complex v = times_conj(minus(a, b), w1);
    u.re *= scale, u.im *= scale;
    put(re, im, i, (Complex){EVEN(u.re, v.re), EVEN(u.im, v.im)});
    put(re, im, i + 2, (Complex){ODD(u.re, v.re), ODD(u.im, v.im)});
  }
  bit_reverse(re, im, (const int32_t *)(tables + 2 * m));
}
