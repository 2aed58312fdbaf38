/*
 * TFHE's samplers: deterministic functions of (key, nonce) over the ChaCha20 keystream from block 0, read as
 * little-endian words. Formats that never change:
 *   uniform    64-bit word w gives its low 52 bits as a signed integer, times 2^-52.
 *   uniform32  32-bit word w gives w as a signed integer.
 *   binary     64-bit word w gives 64 bits, lowest first.
 *   tuniform   32-bit word w gives ((w mod 2^(bits + 2)) + 1 >> 1) - 2^bits: 2^-(bits + 1) for each integer inside
 *              (-2^bits, 2^bits) and half of that for both ends; variance (2^(2*bits + 1) + 1)/6.
 * One word a value, no rejection: no branch or address depends on a value.
 */
#include "chacha.h"
#include "tfhe-sample.h"
#include "torus.h"

#define HALF_WORDS (2 * WORDS)

/* multiples of 2^-52 in [-1/2, 1/2) */
EXPORT void tfhe_uniform(double *dst, int count, const uint8_t *key, const uint8_t *nonce) {
  Stream s;
  stream_start(&s, key, nonce);
  for (int i = 0; i < count; i += WORDS) {
    stream_next(&s);
    const int len = count - i < WORDS ? count - i : WORDS;
    for (int j = 0; j < len; j++) dst[i + j] = (double)((int64_t)(s.words[j] << 12) >> 12) * GRID;
  }
  stream_end(&s);
}

/* words [64*first, 64*first + count) of the 32-bit words of the stream */
void uniform32_from(int32_t *dst, int count, const uint8_t *key, const uint8_t *nonce, uint32_t first) {
  Stream s;
  stream_start(&s, key, nonce);
  s.counter = 4 * first;
  for (int i = 0; i < count; i += HALF_WORDS) {
    stream_next(&s);
    const int len = count - i < HALF_WORDS ? count - i : HALF_WORDS;
    for (int j = 0; j < len; j++) dst[i + j] = (int32_t)(uint32_t)(s.words[j / 2] >> 32 * (j & 1));
  }
  stream_end(&s);
}

EXPORT void tfhe_uniform32(int32_t *dst, int count, const uint8_t *key, const uint8_t *nonce) {
  uniform32_from(dst, count, key, nonce, 0);
}

/* 0 or 1 */
EXPORT void tfhe_binary(double *dst, int count, const uint8_t *key, const uint8_t *nonce) {
  Stream s;
  stream_start(&s, key, nonce);
  for (int i = 0; i < count; i += 64 * WORDS) {
    stream_next(&s);
    const int len = count - i < 64 * WORDS ? count - i : 64 * WORDS;
    for (int j = 0; j < len; j++) dst[i + j] = (double)(s.words[j / 64] >> (j & 63) & 1);
  }
  stream_end(&s);
}

/* integers |x| <= 2^bits, bits <= 30 */
EXPORT void tfhe_tuniform(double *dst, int count, int bits, const uint8_t *key, const uint8_t *nonce) {
  Stream s;
  stream_start(&s, key, nonce);
  const int64_t mask = (1ll << (bits + 2)) - 1, middle = 1ll << bits;
  for (int i = 0; i < count; i += HALF_WORDS) {
    stream_next(&s);
    const int len = count - i < HALF_WORDS ? count - i : HALF_WORDS;
    for (int j = 0; j < len; j++) {
      const int64_t w = (int64_t)(s.words[j / 2] >> 32 * (j & 1)) & mask;
      dst[i + j] = (double)(((w + 1) >> 1) - middle);
    }
  }
  stream_end(&s);
}
