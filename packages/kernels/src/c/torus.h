/*
 * The torus R/Z as doubles in [-1/2, 1/2) that are multiples of 2^-52: an element is an integer below 2^51 in absolute
 * value times 2^-52, so sums of magnitude below 2 and their reduction modulo 1 are exact (q = 2^52 without any modular
 * product). Rows of such numbers have odd lengths: the loads here need no alignment.
 */
#ifndef VELUM_TORUS_H
#define VELUM_TORUS_H
#include "lanes.h"
#include <stddef.h>

#define GRID 0x1p-52

INLINE vd ldu(const double *p) { return *(const vdu *)p; }
INLINE void stu(double *p, vd v) { *(vdu *)p = v; }

/* x - rint(x), in [-1/2, 1/2]: both ends are the same element */
INLINE vd frac(vd x) { return x - vround(x); }
/* |x| <= 1/2 -> [-1/2, 1/2) */
INLINE vd half_open(vd x) { return x - (vd)((vi)splat(1.0) & (vi)(x >= splat(0.5))); }
INLINE double half_open1(double x) { return x - (double)(x >= 0.5); }
/* |x| <= 1/2, any double -> the nearest multiple of 2^-52, in [-1/2, 1/2): 1.5 + x lies in [1, 2], whose ulp is 2^-52 */
INLINE vd on_grid(vd x) { return half_open((x + splat(1.5)) - splat(1.5)); }

#endif
