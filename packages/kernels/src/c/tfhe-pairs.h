/*
 * Transforms of pairs of polynomials, one in each lane: a rotation by X^a is then a shift of whole vectors, nothing is
 * shuffled, and the factors of a node are broadcast.
 *   points of a pair:        M = N/2 times re (two lanes), im (two lanes)
 *   coefficients of a pair:  eight blocks of N/8 vectors (c of the first, c of the second), each followed by 64 spare
 *                            bytes: blocks 4 KB apart would let loads wait for unrelated stores (addresses are first
 *                            compared modulo 4096)
 *
 * Two habits below exist for the compilers' sake, worth a fifth of the time together: OPAQUE gives a loop a pointer of
 * its own, so that constant offsets go into the load instructions, and PIN keeps the order in which values are made, so
 * that they fit in the 15 vector registers that an engine has on x86.
 */
#ifndef VELUM_TFHE_PAIRS_H
#define VELUM_TFHE_PAIRS_H
#include "tfhe-fft.h"
#include "torus.h"
#if LANES != 2
#error "pairs of polynomials are two lanes wide"
#endif

#define OPAQUE(p) __asm__("" : "+r"(p))
#define PIN(p, q) __asm__ volatile("" : "+r"((p).re), "+r"((p).im), "+r"((q).re), "+r"((q).im) : : "memory")
#define PIN1(v) __asm__ volatile("" : "+r"(v))

/* doubles from one block of coefficients to the next, and of a pair */
#define BLOCK(N) ((N) / 4 + 8u)
#define COEFFICIENTS(N) (8 * BLOCK(N))
#define POINTS(N) (2u * (N))

INLINE Point point_at(const double *z) { return (Point){ld(z), ld(z + 2u)}; }
INLINE void put_point(double *z, Point x) { st(z, x.re), st(z + 2u, x.im); }

/* a +- c, b +- i*d: the last step of split4 */
INLINE void put_children(double *z, unsigned q, Point a, Point b, Point c, Point d) {
  put_point(z, point_add(a, c));
  put_point(z + 2u * q, point_sub(a, c));
  put_point(z + q, (Point){b.re - d.im, b.im + d.re});
  put_point(z + 3u * q, (Point){b.re + d.im, b.im - d.re});
}

/* split4 and join4 on four points that are q doubles apart */
INLINE void split_at(double *z, unsigned q, Factors w) {
  OPAQUE(z);
  const Point x1 = point_mul(point_at(z + q), w.u1), x3 = point_mul(point_at(z + 3u * q), w.u3);
  Point c = point_add(x1, x3), d = point_sub(x1, x3);
  PIN(c, d);
  const Point x2 = point_mul(point_at(z + 2u * q), w.u2), x0 = point_at(z);
  Point a = point_add(x0, x2), b = point_sub(x0, x2);
  PIN(a, b);
  put_children(z, q, a, b, c, d);
}
INLINE void join_at(double *z, unsigned q, Factors w) {
  OPAQUE(z);
  const Point x1 = point_at(z + q), x3 = point_at(z + 3u * q);
  Point c = point_add(x1, x3), d = point_sub(x1, x3);
  PIN(c, d);
  const Point x0 = point_at(z), x2 = point_at(z + 2u * q);
  Point a = point_add(x0, x2), b = point_sub(x0, x2);
  PIN(a, b);
  put_point(z, point_add(a, c));
  put_point(z + 2u * q, point_mulc(point_sub(a, c), w.u2));
  put_point(z + q, point_mulc((Point){b.re + d.im, b.im - d.re}, w.u1));
  put_point(z + 3u * q, point_mulc((Point){b.re - d.im, b.im + d.re}, w.u3));
}

/* The nodes of a level, each of 4q points */
INLINE void split_nodes(double *z, const double *w, int nodes, unsigned q) {
  for (int b = 0; b < nodes; b++, w += 6) {
    const double *v = w;
    OPAQUE(v);
    const Factors f = factors(v);
    double *end = z + 4 * q;
_Pragma("clang loop unroll(disable)")
    for (; z < end; z += 4) split_at(z, 4 * q, f);
    z += 12 * q;
  }
}
INLINE void join_nodes(double *z, const double *w, int nodes, unsigned q) {
  for (int b = 0; b < nodes; b++, w += 6) {
    const double *v = w;
    OPAQUE(v);
    const Factors f = factors(v);
    double *end = z + 4 * q;
_Pragma("clang loop unroll(disable)")
    for (; z < end; z += 4) join_at(z, 4 * q, f);
    z += 12 * q;
  }
}

/* with every distance that occurs for N = 2^9 ... 2^13 as a constant */
#define FOR_EACH_QUARTER(CASE) CASE(1) CASE(2) CASE(4) CASE(8) CASE(16) CASE(32) CASE(64) CASE(128) CASE(256)
static void split_level(double *z, const double *w, int nodes, int q) {
  switch (q) {
#define CASE(n) \
  case n:       \
    split_nodes(z, w, nodes, n); \
    break;
    FOR_EACH_QUARTER(CASE)
#undef CASE
  }
}
static void join_level(double *z, const double *w, int nodes, int q) {
  switch (q) {
#define CASE(n) \
  case n:       \
    join_nodes(z, w, nodes, n); \
    break;
    FOR_EACH_QUARTER(CASE)
#undef CASE
  }
}

/* The levels below the first of one quarter of the points, which stays in the nearest cache meanwhile */
static void forward_part(double *z, int part, int M, const double *tables) {
  int level = 1, nodes = 1, q = M / 16;
  for (; q >= 1; q >>= 2, nodes <<= 2, level++)
    split_level(z, tables + level_offset(level) + 6 * nodes * part, nodes, q);
  if (8 * nodes == M) {
    const double *w = tables + level_offset(level) + 2 * nodes * part;
    for (int b = 0; b < nodes; b++, w += 2, z += 8) {
      Point x[2] = {point_at(z), point_at(z + 4)};
      split2(x, splat_point(w));
      put_point(z, x[0]), put_point(z + 4, x[1]);
    }
  }
}
static void inverse_part(double *z, int part, int M, const double *tables) {
  const int leaves = __builtin_ctz(M) / 2, odd = __builtin_ctz(M) & 1;
  int nodes = 1 << 2 * (leaves - 1);
  if (odd) {
    const double *w = tables + level_offset(leaves) + 2 * nodes * part;
    for (int b = 0; b < nodes; b++, w += 2) {
      double *p = z + 8 * b;
      Point x[2] = {point_at(p), point_at(p + 4)};
      join2(x, splat_point(w));
      put_point(p, x[0]), put_point(p + 4, x[1]);
    }
  }
  for (int level = leaves - 1, q = 1 + odd; level >= 1; q <<= 2, level--) {
    nodes >>= 2;
    join_level(z, tables + level_offset(level) + 6 * nodes * part, nodes, q);
  }
}

INLINE void add_frac(double *p, vd y, vd one) { st(p, vfnma(vround(y), one, y)); }

/*
 * The first level of the inverse, added to acc modulo 1. The multiply-adds spare the adders, which also round; the one
 * with a factor of 1 is a subtraction for the same reason.
 */
INLINE void last_pass(double *acc, const double *z, unsigned N, const double *w) {
  const unsigned q = N / 2;
  vd one = splat(1.0);
  PIN1(one);
  for (unsigned j = 0; j < N / 8; j++, acc += 2, z += 4) {
    const double *p = z, *u = w;
    double *re = acc;
    OPAQUE(p);
    OPAQUE(u);
    OPAQUE(re);
    const Point x1 = point_at(p + q), x3 = point_at(p + 3u * q);
    Point c = point_add(x1, x3), d = point_sub(x1, x3);
    PIN(c, d);
    const Point x0 = point_at(p), x2 = point_at(p + 2u * q);
    Point a = point_add(x0, x2), b = point_sub(x0, x2);
    PIN(a, b);
#define RE(t) (re + (t) * BLOCK(N))
#define ADD(t, y, f)                                                                \
  {                                                                                 \
    const Point v = y, s = splat_point(f);                                          \
    add_frac(RE(t), vfma(v.im, s.im, vfma(v.re, s.re, ld(RE(t)))), one);            \
    add_frac(RE(t + 4u), vfnma(v.re, s.im, vfma(v.im, s.re, ld(RE(t + 4u)))), one); \
  }
    add_frac(RE(0u), ld(RE(0u)) + (a.re + c.re), one);
    add_frac(RE(4u), ld(RE(4u)) + (a.im + c.im), one);
    ADD(2u, point_sub(a, c), u + 2u)
    PIN(b, d);
    ADD(1u, ((Point){b.re + d.im, b.im - d.re}), u)
    ADD(3u, ((Point){b.re - d.im, b.im + d.re}), u + 4u)
#undef ADD
#undef RE
  }
}

#endif
