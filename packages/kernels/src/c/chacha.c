/*
 * ChaCha20 (RFC 8439, section 2.3). Lane b of a vector belongs to block counter + b; the words are transposed at the end.
 */
#include "chacha.h"

typedef uint32_t word __attribute__((aligned(1), may_alias));
typedef u4 u4u __attribute__((aligned(1), may_alias));

void chacha_key(ChachaKey *k, const uint8_t *key, const uint8_t *nonce) {
  for (int i = 0; i < 8; i++) k->key[i] = ((const word *)key)[i];
  for (int i = 0; i < 3; i++) k->nonce[i] = ((const word *)nonce)[i];
}

/* shifts also for 16 and 8: engines rebuild a byte shuffle's mask each time, which costs more */
INLINE u4 rot(u4 x, int r) { return x << r | x >> (32 - r); }
INLINE u4 all(uint32_t x) { return (u4){x, x, x, x}; }

#define QUARTER(a, b, c, d)     \
  a += b, d = rot(d ^ a, 16); \
  c += d, b = rot(b ^ c, 12); \
  a += b, d = rot(d ^ a, 8);  \
  c += d, b = rot(b ^ c, 7)

void chacha_batch(uint8_t *dst, const ChachaKey *k, uint32_t counter) {
  u4 s[16], x[16];
  s[0] = all(0x61707865), s[1] = all(0x3320646e), s[2] = all(0x79622d32), s[3] = all(0x6b206574);
  for (int i = 0; i < 8; i++) s[4 + i] = all(k->key[i]);
  s[12] = all(counter) + (u4){0, 1, 2, 3};
  for (int i = 0; i < 3; i++) s[13 + i] = all(k->nonce[i]);
  for (int i = 0; i < 16; i++) x[i] = s[i];
  for (int round = 0; round < 10; round++) {
    QUARTER(x[0], x[4], x[8], x[12]);
    QUARTER(x[1], x[5], x[9], x[13]);
    QUARTER(x[2], x[6], x[10], x[14]);
    QUARTER(x[3], x[7], x[11], x[15]);
    QUARTER(x[0], x[5], x[10], x[15]);
    QUARTER(x[1], x[6], x[11], x[12]);
    QUARTER(x[2], x[7], x[8], x[13]);
    QUARTER(x[3], x[4], x[9], x[14]);
  }
  for (int i = 0; i < 16; i += 4) {
    const u4 a = x[i] + s[i], b = x[i + 1] + s[i + 1], c = x[i + 2] + s[i + 2], d = x[i + 3] + s[i + 3];
    const u4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const u4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(u4u *)(dst + 4 * i) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(u4u *)(dst + 4 * i + 64) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(u4u *)(dst + 4 * i + 128) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
    *(u4u *)(dst + 4 * i + 192) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
  }
}

/* nblocks 64-byte keystream blocks from block `counter` on; key 32 bytes, nonce 12 bytes, any alignment */
EXPORT void chacha20(uint8_t *dst, const uint8_t *key, const uint8_t *nonce, uint32_t counter, int nblocks) {
  ChachaKey k;
  chacha_key(&k, key, nonce);
  for (; nblocks >= 4; nblocks -= 4, counter += 4, dst += CHACHA_BATCH) chacha_batch(dst, &k, counter);
  if (nblocks > 0) {
    uint8_t rest[CHACHA_BATCH];
    chacha_batch(rest, &k, counter);
    for (int i = 0; i < 64 * nblocks; i++) dst[i] = rest[i];
    for (int i = 0; i < CHACHA_BATCH; i++) ((volatile uint8_t *)rest)[i] = 0;
  }
  for (int i = 0; i < 8; i++) ((volatile uint32_t *)k.key)[i] = 0;
}
