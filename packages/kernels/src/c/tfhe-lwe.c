/*
 * LWE ciphertexts: linear combinations and phases on the torus grid, the key switch to the small key modulo 2^32, the
 * switch of modulus to 2N, and rows of small integers as bit streams.
 */
#include "tfhe-sample.h"
#include "torus.h"

typedef int32_t v4 __attribute__((vector_size(16)));
typedef int32_t v4u __attribute__((vector_size(16), aligned(4)));

/* one more term of an exact sum modulo 1: |acc|, |x| <= 1/2 on the grid; w*x on the grid, |w| <= 2^32 */
INLINE vd accumulate(vd acc, vd w, vd x) {
  /* the product's two halves: h may be beyond the grid's range, -rest is below 2^-21 */
  const vd h = w * x, rest = prodrest(w, x, h);
  return frac((acc + frac(h)) - rest);
}

/*
 * dst = sum of weights[j]*src_j modulo 1, exact; `constant` is added to the last of `len` values. Each weights[j] times
 * an element must be a multiple of 2^-52 (integer weights always are; fractions where the elements are small integers).
 * dst may be an operand.
 */
EXPORT void tfhe_combine(double *dst, const double *const *ptrs, const double *weights, int count, double constant,
                         int len) {
  int i = 0;
  for (; i + LANES <= len; i += LANES) {
    vd acc = splat(0.0);
    for (int j = 0; j < count; j++) acc = accumulate(acc, splat(weights[j]), ldu(ptrs[j] + i));
    stu(dst + i, half_open(acc));
  }
  for (; i < len; i++) {
    vd acc = splat(0.0);
    for (int j = 0; j < count; j++) acc = accumulate(acc, splat(weights[j]), splat(ptrs[j][i]));
    dst[i] = half_open(acc)[0];
  }
  if (len > 0) dst[len - 1] = half_open(frac(splat(dst[len - 1]) + frac(splat(constant))))[0];
}

/* <a, s> modulo 1, exact; a on the grid, s in {0, 1} */
EXPORT double tfhe_dot(const double *a, const double *s, int n) {
  vd acc = splat(0.0);
  int i = 0;
  for (; i + LANES <= n; i += LANES) acc = frac(acc + ldu(a + i) * ldu(s + i));
  for (; i < n; i++) acc[0] += a[i] * s[i], acc = frac(acc);
  return half_open(frac(splat(acc[0] + acc[1])))[0];
}

/* <a, s> modulo 2^32 */
EXPORT int32_t tfhe_dot32(const int32_t *a, const int32_t *s, int n) {
  v4 acc = {0, 0, 0, 0};
  int i = 0;
  for (; i + 4 <= n; i += 4) acc += *(const v4u *)(a + i) * *(const v4u *)(s + i);
  uint32_t sum = (uint32_t)acc[0] + (uint32_t)acc[1] + (uint32_t)acc[2] + (uint32_t)acc[3];
  for (; i < n; i++) sum += (uint32_t)a[i] * (uint32_t)s[i];
  return (int32_t)sum;
}

/* A row of the key is padded with zeros to whole vectors. */
INLINE int row_stride(int n) { return (n + 4) & ~3; }

/*
 * Bodies of the key-switching key: row (i, level) has n mask words from the stream (key, nonce), row r from the 32-bit
 * word 64*r*ceil(n/64) on, and the body <mask, small> + noise + big_i * 2^(32 - baseLog*(level+1)).
 * Rows [first, first + rows); bodies and noise (integers) point at row `first`. small: n words 0 or 1; big: doubles
 * 0 or 1; scratch: n words.
 */
EXPORT void tfhe_ksk_bodies(int32_t *bodies, const double *noise, const int32_t *small, const double *big, int n,
                            int baseLog, int levels, int first, int rows, const uint8_t *key, const uint8_t *nonce,
                            int32_t *scratch) {
  const uint32_t batches = ((uint32_t)n + 63) / 64;
  for (int r = 0; r < rows; r++) {
    const int row = first + r;
    uniform32_from(scratch, n, key, nonce, (uint32_t)row * batches);
    const int shift = 32 - baseLog * (row % levels + 1);
    bodies[r] = (int32_t)((uint32_t)tfhe_dot32(scratch, small, n) + (uint32_t)(int32_t)noise[r] +
                          ((uint32_t)big[row / levels] << shift));
  }
}

/* Rows [first, first + rows) of the key in full, for tfhe_keyswitch; dst and bodies point at row `first`. */
EXPORT void tfhe_ksk_expand(int32_t *dst, const int32_t *bodies, int n, int first, int rows, const uint8_t *key,
                            const uint8_t *nonce) {
  const uint32_t batches = ((uint32_t)n + 63) / 64;
  const int stride = row_stride(n);
  for (int r = 0; r < rows; r++, dst += stride) {
    uniform32_from(dst, n, key, nonce, (uint32_t)(first + r) * batches);
    dst[n] = bodies[r];
    for (int j = n + 1; j < stride; j++) dst[j] = 0;
  }
}

#define MAX_LEVELS 16

/*
 * Signed digits of x modulo 1, most significant first: x is rounded to base^-levels and the rounding carries upwards.
 * |digit| <= base/2.
 */
INLINE void digits_of(int32_t *d, double x, int baseLog, int levels) {
  const int half = 1 << (baseLog - 1), mask = (1 << baseLog) - 1;
  int64_t v = (int64_t)__builtin_rint(x * (double)(1ull << baseLog * levels));
  for (int l = levels - 1; l >= 0; l--) {
    const int digit = (((int)v + half) & mask) - half;
    d[l] = digit;
    v = (v - digit) >> baseLog;
  }
}

INLINE v4 all4(int32_t x) { return (v4){x, x, x, x}; }

/* out -= sum of d[r]*row[r], four rows of a key at once, for one or two ciphertexts */
INLINE void subtract_rows(int32_t *out, int32_t *out2, const int32_t *d, const int32_t *d2, const int32_t *const *row,
                          int width, int two) {
  const v4 a0 = all4(d[0]), a1 = all4(d[1]), a2 = all4(d[2]), a3 = all4(d[3]);
  const v4 b0 = all4(d2[0]), b1 = all4(d2[1]), b2 = all4(d2[2]), b3 = all4(d2[3]);
  const int32_t *k0 = row[0], *k1 = row[1], *k2 = row[2], *k3 = row[3];
  int j = 0;
  for (; j + 4 <= width; j += 4) {
    const v4 r0 = *(const v4 *)(k0 + j), r1 = *(const v4 *)(k1 + j), r2 = *(const v4 *)(k2 + j), r3 = *(const v4 *)(k3 + j);
    *(v4u *)(out + j) -= (a0 * r0 + a1 * r1) + (a2 * r2 + a3 * r3);
    if (two) *(v4u *)(out2 + j) -= (b0 * r0 + b1 * r1) + (b2 * r2 + b3 * r3);
  }
  for (; j < width; j++)
    for (int r = 0; r < 4; r++) {
      out[j] = (int32_t)((uint32_t)out[j] - (uint32_t)d[r] * (uint32_t)row[r][j]);
      if (two) out2[j] = (int32_t)((uint32_t)out2[j] - (uint32_t)d2[r] * (uint32_t)row[r][j]);
    }
}
static void subtract_one(int32_t *out, const int32_t *d, const int32_t *const *row, int width) {
  subtract_rows(out, out, d, d, row, width, 0);
}
static void subtract_two(int32_t *out, int32_t *out2, const int32_t *d, const int32_t *d2, const int32_t *const *row,
                         int width) {
  subtract_rows(out, out2, d, d2, row, width, 1);
}

/*
 * dst[c] = (0, ..., 0, body) - sum of digit * row modulo 2^32, c < count: the key is read once for all rows of src.
 * dst: rows of n + 1; src: rows of dim + 1; ksk: dim*levels rows (i, level) of n + 1, each padded to a multiple of 4.
 */
EXPORT void tfhe_keyswitch(int32_t *dst, const double *src, const int32_t *ksk, int dim, int n, int baseLog, int levels,
                           int count) {
  const int stride = row_stride(n), width = n + 1;
  for (int c = 0; c < count; c++) {
    for (int j = 0; j < n; j++) dst[(size_t)c * width + j] = 0;
    dst[(size_t)c * width + n] = (int32_t)(int64_t)__builtin_rint(src[(size_t)c * (dim + 1) + dim] * 0x1p32);
  }
  for (int i = 0; i < dim; i++, ksk += (size_t)levels * stride)
    for (int c = 0; c < count; c += 2) {
      int32_t d[2][MAX_LEVELS + 3] = {0};
      const int two = c + 1 < count;
      for (int b = 0; b <= two; b++) digits_of(d[b], src[(size_t)(c + b) * (dim + 1) + i], baseLog, levels);
      int32_t *out = dst + (size_t)c * width;
      for (int l = 0; l < levels; l += 4) {
        const int32_t *row[4];
        /* beyond the last level the digits are 0 */
        for (int r = 0; r < 4; r++) row[r] = ksk + (size_t)(l + r < levels ? l + r : 0) * stride;
        if (two)
          subtract_two(out, out + width, d[0] + l, d[1] + l, row, width);
        else
          subtract_one(out, d[0] + l, row, width);
      }
    }
}

/*
 * Modulus 2^32 -> 2^bits, with the mean of the mask's rounding errors taken out (ePrint 2024/1718): an error e_i adds
 * e_i*s_i to the phase, of mean e_i/2 for a binary key, and the e_i are public, so half their sum is subtracted from the body
 * before it is rounded. dst: values in [0, 2^bits).
 */
EXPORT void tfhe_modswitch(int32_t *dst, const int32_t *src, int n, int bits, int count) {
  const int drop = 32 - bits;
  const uint32_t half = 1u << (drop - 1), mask = (1u << bits) - 1;
  for (int c = 0; c < count; c++, src += n + 1, dst += n + 1) {
    int64_t errors = 0;
    for (int i = 0; i < n; i++) {
      const uint32_t a = ((uint32_t)src[i] + half) >> drop;
      errors += (int32_t)((uint32_t)src[i] - (a << drop));
      dst[i] = (int32_t)(a & mask);
    }
    /* errors/2 keeps its half bit: twice the body is rounded */
    const int64_t twice = 2 * (int64_t)src[n] - errors;
    dst[n] = (int32_t)((uint32_t)((twice + (1ll << drop)) >> (drop + 1)) & mask);
  }
}

/*
 * Rows of `len` integers as bit streams, `bits` (1 ... 32) each, least significant first, every row padded with zero bits
 * to whole bytes.
 */
EXPORT void tfhe_pack(uint8_t *dst, const int32_t *src, int len, int bits, int count) {
  const uint64_t mask = (1ull << bits) - 1;
  for (int c = 0; c < count; c++) {
    uint64_t acc = 0;
    int fill = 0;
    for (int i = 0; i < len; i++) {
      acc |= ((uint64_t)(uint32_t)*src++ & mask) << fill;
      for (fill += bits; fill >= 8; fill -= 8, acc >>= 8) *dst++ = (uint8_t)acc;
    }
    if (fill > 0) *dst++ = (uint8_t)acc;
  }
}

/* The inverse: values in [0, 2^bits), as signed integers when bits is 32; padding is ignored */
EXPORT void tfhe_unpack(int32_t *dst, const uint8_t *src, int len, int bits, int count) {
  const uint64_t mask = (1ull << bits) - 1;
  for (int c = 0; c < count; c++) {
    uint64_t acc = 0;
    int fill = 0;
    for (int i = 0; i < len; i++) {
      for (; fill < bits; fill += 8) acc |= (uint64_t)*src++ << fill;
      *dst++ = (int32_t)(uint32_t)(acc & mask);
      acc >>= bits, fill -= bits;
    }
  }
}

/* Torus elements rounded to `bits` (1 ... 52) bits each, a stream of `count` of them padded to whole bytes */
EXPORT void tfhe_pack_torus(uint8_t *dst, const double *src, int count, int bits) {
  const uint64_t mask = (1ull << bits) - 1;
  const double scale = (double)(1ull << bits);
  uint64_t acc = 0;
  int fill = 0;
  for (int i = 0; i < count; i++) {
    acc |= ((uint64_t)(int64_t)__builtin_rint(src[i] * scale) & mask) << fill;
    for (fill += bits; fill >= 8; fill -= 8, acc >>= 8) *dst++ = (uint8_t)acc;
  }
  if (fill > 0) *dst++ = (uint8_t)acc;
}

/* The inverse: multiples of 2^-bits in [-1/2, 1/2) */
EXPORT void tfhe_unpack_torus(double *dst, const uint8_t *src, int count, int bits) {
  const uint64_t mask = (1ull << bits) - 1;
  const double unit = 1.0 / (double)(1ull << bits);
  uint64_t acc = 0;
  int fill = 0;
  for (int i = 0; i < count; i++) {
    for (; fill < bits; fill += 8) acc |= (uint64_t)*src++ << fill;
    dst[i] = (double)((int64_t)((acc & mask) << (64 - bits)) >> (64 - bits)) * unit;
    acc >>= bits, fill -= bits;
  }
}
