/*
 * ROMix of scrypt (RFC 7914 section 5) over Salsa20/8, the memory-hard middle of the key derivation that
 * protects a stored secret key. The two PBKDF2 ends run outside (WebCrypto).
 *
 * One 64-byte block is held as its four diagonals, so that a quarter-round of all four columns is four
 * vector steps and a row round needs only lane rotations. Words are put into this order once on entry and
 * back once on exit; the memory V holds them in diagonal order. The order is a bijection on the words of a
 * block, and Integerify reads word 0, which stays in place, so the result is that of the RFC.
 *
 * The vectors are always four 32-bit lanes: the width is Salsa20's, not the machine's.
 */
#include <stddef.h>
#include "lanes.h"
typedef uint32_t v4 __attribute__((vector_size(16)));

INLINE v4 rotl(v4 x, int k) { return (x << k) | (x >> (32 - k)); }

/* DIAGONAL[i]: which word of a block stands at place i: lanes of the diagonals (0,5,10,15) (4,9,14,3) ... */
static const uint8_t DIAGONAL[16] = {0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11};

/* x = Salsa20/8(x ^ block): one step of BlockMix, x the running block. */
INLINE void salsa8_xor(v4 x[4], const v4 *block) {
  const v4 s0 = x[0] ^ block[0], s1 = x[1] ^ block[1], s2 = x[2] ^ block[2], s3 = x[3] ^ block[3];
  v4 a = s0, b = s1, c = s2, d = s3;
  for (int doubleround = 0; doubleround < 4; doubleround++) {
    b ^= rotl(a + d, 7); /* columns */
    c ^= rotl(b + a, 9);
    d ^= rotl(c + b, 13);
    a ^= rotl(d + c, 18);
    b = __builtin_shufflevector(b, b, 3, 0, 1, 2); /* the rows become columns */
    c = __builtin_shufflevector(c, c, 2, 3, 0, 1);
    d = __builtin_shufflevector(d, d, 1, 2, 3, 0);
    d ^= rotl(a + b, 7);
    c ^= rotl(d + a, 9);
    b ^= rotl(c + d, 13);
    a ^= rotl(b + c, 18);
    b = __builtin_shufflevector(b, b, 1, 2, 3, 0);
    c = __builtin_shufflevector(c, c, 2, 3, 0, 1);
    d = __builtin_shufflevector(d, d, 3, 0, 1, 2);
  }
  x[0] = s0 + a;
  x[1] = s1 + b;
  x[2] = s2 + c;
  x[3] = s3 + d;
}

/* dst = BlockMix(src ^ v), v may be null; 2r blocks each; dst must not overlap src or v. */
static void block_mix(v4 *dst, const v4 *src, const v4 *v, int r) {
  v4 x[4], in[4];
  const v4 *last = src + (2 * r - 1) * 4;
  for (int j = 0; j < 4; j++) x[j] = v ? last[j] ^ v[(2 * r - 1) * 4 + j] : last[j];
  for (int i = 0; i < 2 * r; i++) {
    for (int j = 0; j < 4; j++) in[j] = v ? src[i * 4 + j] ^ v[i * 4 + j] : src[i * 4 + j];
    salsa8_xor(x, in);
    /* even blocks first, then the odd ones */
    v4 *out = dst + ((i >> 1) + (i & 1 ? r : 0)) * 4;
    for (int j = 0; j < 4; j++) out[j] = x[j];
  }
}

/*
 * b: 128*r bytes, in and out (little-endian words). v: 128*r*(n+1) bytes of working memory, left filled
 * with secret-dependent data: the caller wipes it. n a power of two >= 2, r >= 1; 16-byte aligned pointers.
 */
EXPORT void scrypt_romix(uint32_t *b, v4 *v, int r, int n) {
  const int vectors = 8 * r; /* per 128*r-byte row */
  v4 *x = (v4 *)b;
  v4 *y = v + (size_t)vectors * (size_t)n;

  for (int k = 0; k < 2 * r; k++) {
    uint32_t block[16];
    for (int i = 0; i < 16; i++) block[i] = b[k * 16 + DIAGONAL[i]];
    for (int i = 0; i < 16; i++) b[k * 16 + i] = block[i];
  }
  /* two steps at a time, so the running row goes x -> y -> x without a copy back */
  for (int i = 0; i < n; i += 2) {
    v4 *row = v + (size_t)i * vectors;
    for (int j = 0; j < vectors; j++) row[j] = x[j];
    block_mix(y, x, 0, r);
    row += vectors;
    for (int j = 0; j < vectors; j++) row[j] = y[j];
    block_mix(x, y, 0, r);
  }
  const uint32_t mask = (uint32_t)n - 1;
  for (int i = 0; i < n; i += 2) {
    uint32_t at = ((const uint32_t *)x)[(2 * r - 1) * 16] & mask;
    block_mix(y, x, v + (size_t)at * vectors, r);
    at = ((const uint32_t *)y)[(2 * r - 1) * 16] & mask;
    block_mix(x, y, v + (size_t)at * vectors, r);
  }
  for (int k = 0; k < 2 * r; k++) {
    uint32_t block[16];
    for (int i = 0; i < 16; i++) block[DIAGONAL[i]] = b[k * 16 + i];
    for (int i = 0; i < 16; i++) b[k * 16 + i] = block[i];
  }
}
