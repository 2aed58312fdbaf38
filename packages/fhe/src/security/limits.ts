/**
 * The largest log2(QP) that keeps 128-bit classical security for ternary secrets and sigma >= 3.19.
 * Source: Bossuat et al., "Security Guidelines for Implementing Homomorphic Encryption", ePrint 2024/463, table 5.2.
 * @module
 */

const LIMITS: Readonly<Record<number, number>> = {
  10: 26,
  11: 53,
  12: 106,
  13: 214,
  14: 430,
  15: 868,
  16: 1747,
};

/** Largest log2(QP) allowed at ring degree 2^logN for 128-bit security; 0 where no standard value exists. */
export function maxLogQP(logN: number): number {
  return LIMITS[logN] ?? 0;
}

/** Smallest logN of the table whose limit holds `logQP` bits, or undefined. */
export function smallestLogN(logQP: number): number | undefined {
  for (let logN = 10; logN <= 16; logN++) if (maxLogQP(logN) >= logQP) return logN;
  return undefined;
}
