/*
 * Samplers, each a deterministic function of (key, nonce): they read the ChaCha20 keystream from block 0 as
 * little-endian 64-bit words w_0, w_1, ... (8 per block).
 *
 * Wire format (both ends expand the same seed, never change it):
 *   uniform  word w gives u = w mod 2^bitlen(q), taken if u < q, else the next word; output u - q if u > q/2, else u.
 *   ternary  word w gives 32 two-bit fields, lowest first: 0, 1, 2 -> -1, 0, 1; 3 is skipped.
 *   cbd      word w gives popcount(bits 0-20) - popcount(bits 21-41).
 */
#include "chacha.h"

/* uniform modulo q, reduced */
EXPORT void sample_uniform(double *dst, int n, double q, const uint8_t *key, const uint8_t *nonce) {
  Stream s;
  stream_start(&s, key, nonce);
  const uint64_t m = (uint64_t)q, half = m >> 1, mask = ~0ull >> __builtin_clzll(m);
  for (int i = 0; i < n;) {
    stream_next(&s);
    for (int k = 0; k < WORDS && i < n; k++) {
      const uint64_t u = s.words[k] & mask;
      dst[i] = (double)((int64_t)u - (int64_t)(u > half ? m : 0));
      i += u < m;
    }
  }
  stream_end(&s);
}

/*
 * Uniform in {-1, 0, 1}. No branch or address depends on an accepted value: the rejected field (3) only decides how
 * many fields are read, and where the next one goes; rejections are independent of the values that are kept.
 */
EXPORT void sample_ternary(double *dst, int n, const uint8_t *key, const uint8_t *nonce) {
  Stream s;
  stream_start(&s, key, nonce);
  for (int i = 0; i < n;) {
    stream_next(&s);
    for (int k = 0; k < WORDS && i < n; k++) {
      uint64_t w = s.words[k];
      for (int f = 0; f < 32 && i < n; f++, w >>= 2) {
        const int v = (int)(w & 3);
        dst[i] = (double)(v - 1);
        /* (v & (v >> 1)) is 1 only for 3 */
        i += 1 - (v & v >> 1);
      }
    }
  }
  stream_end(&s);
}

/* centred binomial, 21 + 21 bits: variance 10.5, |x| <= 21; no branch or address depends on the values */
EXPORT void sample_cbd(double *dst, int n, const uint8_t *key, const uint8_t *nonce) {
  Stream s;
  stream_start(&s, key, nonce);
  for (int i = 0; i < n; i += WORDS) {
    stream_next(&s);
    const int len = n - i < WORDS ? n - i : WORDS;
    for (int k = 0; k < len; k++) {
      const uint64_t w = s.words[k];
      dst[i + k] = (double)(__builtin_popcountll(w & 0x1fffff) - __builtin_popcountll(w >> 21 & 0x1fffff));
    }
  }
  stream_end(&s);
}
