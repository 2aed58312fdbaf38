/*
 * Signed digits of acc - X^a acc, and the first level of their transform.
 *
 * With r_levels = d rounded to base^-levels and r_j = r_{j+1} rounded to base^-j, digit j = 1 ... levels of d modulo 1 is
 * r_j - r_{j-1}: a multiple of base^-j, |digit| <= base^-(j-1)/2. It is kept as that fraction; the key has the power.
 *
 * With one level, e = 52 - baseLog: t = d + (2^e + 1.5) is rounded to multiples of base^-1 and lies in [2^e, 2^e + 3);
 * clearing its integer bits except the leading one and subtracting 2^e + 1/2 leaves d modulo 1 in [-1/2, 1/2).
 */
#ifndef VELUM_TFHE_DECOMPOSE_H
#define VELUM_TFHE_DECOMPOSE_H
#include "tfhe-pairs.h"

#define MAX_LEVELS 16

typedef struct {
  /* for several levels: adding and subtracting magic[j] = 1.5 * 2^(52 - j*baseLog) rounds to multiples of base^-j */
  double magic[MAX_LEVELS + 1];
  int level, levels;
  /* for one level */
  double shift, offset;
  int64_t mask;
} Digits;

static void digits_init(Digits *g, int baseLog, int levels) {
  const double top = (double)(1ull << (52 - baseLog));
  g->level = 1, g->levels = levels;
  for (int j = 0; j <= levels; j++) g->magic[j] = 1.5 * (double)(1ull << (52 - baseLog * j));
  g->shift = top + 1.5, g->offset = top + 0.5;
  g->mask = (int64_t)(0xfff0000000000000ull | ((1ull << baseLog) - 1));
}

INLINE vd round_to(vd x, double magic) { return (x + splat(magic)) - splat(magic); }

INLINE vd digit(vd d, const Digits *g) {
  vd r = round_to(d, g->magic[g->levels]);
  for (int j = g->levels - 1; j >= g->level; j--) r = round_to(r, g->magic[j]);
  return r - round_to(r, g->magic[g->level - 1]);
}

/* the constants of one level in registers; sign is that of the rotated polynomial */
typedef struct {
  vd shift, offset, mask, sign;
} Cut;

/* the digit of x - r (plus r when it has wrapped around) */
INLINE vd cut(const double *x, const double *r, int wrapped, const Cut *c, const Digits *g, int single) {
  const vd d = wrapped ? vfma(ld(r), c->sign, ld(x)) : vfnma(ld(r), c->sign, ld(x));
  if (!single) return digit(d, g);
  return (vd)((vi)(d + c->shift) & (vi)c->mask) - c->offset;
}

/*
 * Coefficients j, from <= j < to, of all eight blocks: the rotated block t starts at hi + t*BLOCK, or for t < wrapped, where
 * it has come around with the other sign, at eight blocks more.
 */
INLINE void first_run(double *z, const double *acc, const double *hi, int from, int to, double sign, unsigned wrapped,
                      unsigned N, const double *w, const Digits *g, int single) {
  const unsigned q = N / 2;
  Cut c = {splat(g->shift), splat(g->offset), (vd)(vi){g->mask, g->mask}, splat(sign)};
  PIN1(c.shift);
  PIN1(c.offset);
  PIN1(c.mask);
  PIN1(c.sign);
  const double *lo = hi + COEFFICIENTS(N);
  acc += 2 * from, z += 4 * from;
  for (int j = from; j < to; j++, acc += 2, hi += 2, lo += 2, z += 4) {
    const double *x = acc, *rh = hi, *rl = lo, *u = w;
    double *p = z;
    OPAQUE(x);
    OPAQUE(rh);
    OPAQUE(rl);
    OPAQUE(u);
    OPAQUE(p);
#define CUT(t) cut(x + (t) * BLOCK(N), ((t) < wrapped ? rl : rh) + (t) * BLOCK(N), (t) < wrapped, &c, g, single)
#define COMPLEX(t) ((Point){CUT(t), CUT((t) + 4u)})
    const Point x1 = point_mul(COMPLEX(1u), splat_point(u)), x3 = point_mul(COMPLEX(3u), splat_point(u + 4u));
    Point cc = point_add(x1, x3), dd = point_sub(x1, x3);
    PIN(cc, dd);
    const Point x2 = point_mul(COMPLEX(2u), splat_point(u + 2u)), x0 = COMPLEX(0u);
    Point aa = point_add(x0, x2), bb = point_sub(x0, x2);
    PIN(aa, bb);
    put_children(p, q, aa, bb, cc, dd);
#undef COMPLEX
#undef CUT
  }
}

/* one digit of acc - X^a acc through the first level, to z; 0 < a < 2N */
static void first_pass(double *z, const double *acc, int a, int N, const double *tables, const Digits *g) {
  const int block = N / 8, shift = a & (N - 1), edge = shift & (block - 1);
  const double sign = a & N ? -1.0 : 1.0;
  /* on both sides of the edge within a block, each rotated block is contiguous and has one sign */
  for (int side = 0; side < 2; side++) {
    const int from = side ? edge : 0, to = side ? block : edge, wrapped = shift / block + 1 - side;
    const double *hi = acc - wrapped * (int)BLOCK(N) + 2 * (side ? 0 : block - edge);
    if (N != 2048 || g->levels != 1) {
      first_run(z, acc, hi, from, to, sign, (unsigned)wrapped, (unsigned)N, tables, g, 0);
      continue;
    }
    switch (wrapped) {
#define CASE(n)                                                    \
  case n:                                                          \
    first_run(z, acc, hi, from, to, sign, n, 2048, tables, g, 1);  \
    break;
      CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
    }
  }
}

#endif
