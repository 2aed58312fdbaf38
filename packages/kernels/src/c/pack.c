/*
 * Residues as bit streams: value i occupies bits [i*bits, (i+1)*bits), least significant first, of a little-endian
 * byte string of n*bits/8 bytes (n is a multiple of 8). bits 1 ... 52, and 2^bits > the largest value. Buffers of
 * bytes need no alignment.
 * A non-negative integer below 2^52 is the mantissa of its sum with 2^52: that converts both ways without branches.
 */
#include "lanes.h"

typedef uint64_t u64u __attribute__((aligned(1), may_alias));
#define MAGIC 4503599627370496.0
#define MANTISSA 0xfffffffffffffull

typedef struct {
  uint8_t *out;
  uint64_t acc;
  int fill;
} Writer;

/* v < 2^bits, fill < 64 */
INLINE void put(Writer *w, uint64_t v, int bits) {
  w->acc |= v << w->fill;
  const int fill = w->fill + bits;
  if (fill >= 64) {
    *(u64u *)w->out = w->acc;
    w->out += 8;
    /* the bits of v that did not fit: 64 - w->fill of them did, 1 ... 64 */
    w->acc = v >> 1 >> (63 - w->fill);
    w->fill = fill - 64;
  } else {
    w->fill = fill;
  }
}
static void flush(Writer *w) {
  for (; w->fill > 0; w->fill -= 8, w->acc >>= 8) *w->out++ = (uint8_t)w->acc;
}

typedef struct {
  const uint8_t *in, *end;
  uint64_t acc;
  int fill;
} Reader;

/* never reads past the end of the stream */
INLINE uint64_t take(Reader *r, int bits, uint64_t mask) {
  uint64_t v = r->acc;
  if (r->fill >= bits) {
    r->acc >>= bits;
    r->fill -= bits;
    return v & mask;
  }
  uint64_t next = 0;
  int got = 64;
  if (r->end - r->in >= 8) {
    next = *(const u64u *)r->in;
    r->in += 8;
  } else {
    got = 0;
    while (r->in < r->end) next |= (uint64_t)*r->in++ << got, got += 8;
  }
  v |= next << r->fill;
  const int used = bits - r->fill;
  r->acc = next >> used;
  r->fill = got - used;
  return v & mask;
}

INLINE uint64_t integer(double canonical) {
  union {
    double d;
    uint64_t u;
  } b = {.d = canonical + MAGIC};
  return b.u & MANTISSA;
}
INLINE double number(uint64_t v) {
  union {
    uint64_t u;
    double d;
  } b = {.u = v | 0x4330000000000000ull};
  return b.d - MAGIC;
}

/* canonical representative of a reduced value (q/2 + 1 and -q/2 - 1 included) */
INLINE double canonical(double x, double q) { return x < 0.0 ? x + q : x; }

/* reduced -> stream */
EXPORT void pack_bits(uint8_t *dst, const double *src, int n, double q, int bits) {
  Writer w = {dst, 0, 0};
  for (int i = 0; i < n; i++) put(&w, integer(canonical(src[i], q)), bits);
  flush(&w);
}

/* stream -> centered; returns how many values are >= q (they make the stream invalid; their outputs are unspecified) */
EXPORT int unpack_bits(double *dst, const uint8_t *src, int n, double q, int bits) {
  Reader r = {src, src + (n / 8) * bits, 0, 0};
  const uint64_t mask = (1ull << bits) - 1, m = (uint64_t)q, half = m >> 1;
  int invalid = 0;
  for (int i = 0; i < n; i++) {
    const uint64_t v = take(&r, bits, mask);
    invalid += v >= m;
    dst[i] = number(v) - (v > half ? q : 0.0);
  }
  return invalid;
}

/* unpack_bits for a task of a fork, which cannot return: the count goes to *invalid */
EXPORT void unpack_check(double *dst, const uint8_t *src, int n, double q, int bits, int32_t *invalid) {
  *invalid = unpack_bits(dst, src, n, q, bits);
}

/*
 * Keep the top: round(canonical * 2^keep / q) mod 2^keep, keep <= 50, in `keep` bits each. `bits` is the length of q
 * in bits and unused by the format. The product by 2^keep is exact and the quotient correctly rounded, so the stream
 * is the same on every build; for q < 2^50 it is within one unit of the exact quotient's rounding.
 */
EXPORT void pack_low(uint8_t *dst, const double *src, int n, double q, int bits, int keep) {
  (void)bits;
  Writer w = {dst, 0, 0};
  const double scale = (double)(1ull << keep);
  const uint64_t mask = (1ull << keep) - 1;
  for (int i = 0; i < n; i++) {
    const double v = __builtin_rint(canonical(src[i], q) * scale / q);
    put(&w, integer(v) & mask, keep);
  }
  flush(&w);
}

/* rint(v*q/2^keep), centered: |error| <= q/2^(keep+1) + 1 against what pack_low was given */
EXPORT void unpack_low(double *dst, const uint8_t *src, int n, int keep, double q) {
  Reader r = {src, src + (n / 8) * keep, 0, 0};
  const uint64_t mask = (1ull << keep) - 1;
  const double scale = 1.0 / (double)(1ull << keep), half = q * 0.5;
  for (int i = 0; i < n; i++) {
    const double v = __builtin_rint(number(take(&r, keep, mask)) * scale * q);
    dst[i] = v > half ? v - q : v;
  }
}
