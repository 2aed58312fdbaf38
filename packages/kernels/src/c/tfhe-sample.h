/* The stream of uniform 32-bit words from a later batch on. */
#ifndef VELUM_TFHE_SAMPLE_H
#define VELUM_TFHE_SAMPLE_H
#include <stdint.h>

void uniform32_from(int32_t *dst, int count, const uint8_t *key, const uint8_t *nonce, uint32_t first);

#endif
