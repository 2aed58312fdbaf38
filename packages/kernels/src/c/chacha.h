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

#endif
