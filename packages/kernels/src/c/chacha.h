/* ChaCha20 keystream, four blocks at a time. */
#ifndef VELUM_CHACHA_H
#define VELUM_CHACHA_H
#include "lanes.h"

#define CHACHA_BATCH 256

typedef uint32_t u4 __attribute__((vector_size(16)));
typedef struct {
  uint32_t key[8], nonce[3];
} ChachaKey;

void chacha_key(ChachaKey *k, const uint8_t *key, const uint8_t *nonce);
/* keystream blocks counter ... counter + 3 (mod 2^32): 256 bytes to dst, which need not be aligned */
void chacha_batch(uint8_t *dst, const ChachaKey *k, uint32_t counter);

/* the keystream as 64-bit words, 32 at a time; wiped by stream_end */
#define WORDS (CHACHA_BATCH / 8)
typedef struct {
  uint64_t words[WORDS];
  ChachaKey key;
  uint32_t counter;
} Stream;

INLINE void stream_start(Stream *s, const uint8_t *key, const uint8_t *nonce) {
  chacha_key(&s->key, key, nonce);
  s->counter = 0;
}
INLINE void stream_next(Stream *s) {
  chacha_batch((uint8_t *)s->words, &s->key, s->counter);
  s->counter += 4;
}
INLINE void stream_end(Stream *s) {
  for (unsigned i = 0; i < sizeof *s / 8; i++) ((volatile uint64_t *)s)[i] = 0;
}

#endif
