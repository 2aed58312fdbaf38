/**
 * The ring of ad targeting and what its noise allows.
 *
 * A profile x in {0, 1}^62 travels as 16 RLWE ciphertexts of P = 4 features each, x_g(X) = sum_i x_(4g+i) X^i. The
 * weights of N / P = 256 advertisements make w_g(X) = sum_j sum_i w_(j,4g+i) X^(4j+3-i), and the coefficient 4j + 3 of
 * sum_g x_g w_g is the score of advertisement j: other products of these two land at other coefficients, as both i lie
 * in 0..3. Products with clear polynomials need no evaluation key.
 *
 * Bytes: up (62/P) N log q, down ads (P + 1) keep: P = 4 makes their sum least for some 5000 advertisements.
 * @module
 */
import { createParameters, ERROR_SIGMA, type Parameters, seededBytes } from '@velum/fhe';
import { FEATURES } from './features.ts';

/** Advertisements in one catalogue at most. */
export const MAX_ADS = 2 ** 16;
/** Scores are taken modulo T. */
export const T = 256;
export const MAX_SCORE = T - 1;
/** Features in one ciphertext. */
export const PACK = 4;
/** Ciphertexts of a profile. */
export const GROUPS = Math.ceil(FEATURES / PACK);
/** Bits of a result's coefficient on the wire. */
export const KEEP = 17;

/** N = 1024, ternary secret: 128 bits of security up to log2 q = 26 (ePrint 2024/463). q is the largest such prime. */
export const RING: Parameters = createParameters({ logN: 10, q: [67104769], p: [] });
export const Q = RING.q[0];
/** What a score of 1 is multiplied by. */
export const DELTA = Math.floor(Q / T);
/** Advertisements in one ciphertext of the result. */
export const ADS_A_CIPHERTEXT = RING.n / PACK;

/** Bytes of an encrypted profile, without its envelope. */
export const PROFILE_BYTES = GROUPS * seededBytes(RING, 0);

/** log2 of the probability that any score of a result is wrong is at most -NEEDED_BITS. */
export const NEEDED_BITS = 128;

/**
 * log2 of 1 / (an upper bound of the probability that any score of a result is decrypted wrongly).
 *
 * The error of a score is sum_g e_g w_g, whose coefficients are sums of w e with centred binomial e, plus the rounding of
 * mask and body to `keep` bits, uniform in +-step/2, that of the mask times the ternary secret. All terms are
 * sub-Gaussian: e with its own variance 10.5 as a sum of 42 fair signs of 1/2, the roundings (taken as independent of
 * the secret) with (step/2)^2 (Hoeffding). Hence P(|error| >= x) <= 2 exp(-x^2 / 2v), over all scores by the union
 * bound, with x = Delta/2 less what rounding Delta costs at the largest score.
 */
export function failureBits(weights: Uint8Array, keep: number = KEEP): number {
  const rows = weights.length / FEATURES;
  let largest = 0;
  for (let from = 0; from < weights.length; from += ADS_A_CIPHERTEXT * FEATURES) {
    const block = weights.subarray(from, from + ADS_A_CIPHERTEXT * FEATURES);
    largest = Math.max(
      largest,
      block.reduce((sum, w) => sum + w * w, 0),
    );
  }
  // unpack_low rounds to an integer again, by at most 1.
  const half = Q / 2 ** keep / 2 + 1;
  const proxy = ERROR_SIGMA ** 2 * largest + half ** 2 * (RING.n + 1);
  const x = DELTA / 2 - 1;
  return (x * x) / (2 * proxy * Math.LN2) - 1 - Math.log2(rows);
}
