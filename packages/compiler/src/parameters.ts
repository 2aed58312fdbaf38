/**
 * Small facts about parameters that the planners of all packings share.
 * @module
 */

/**
 * Bits of a coefficient on the wire and of flooding, each within a small part of the wanted error.
 * @param base bits of the last modulus
 * @param slots period of the result: errors of that many coefficients meet in a slot
 */
export function transportBits(
  wanted: number,
  logN: number,
  base: number,
  scale: number,
  slots: number,
): { keep: number; floodBits: number } {
  const rounding = Math.sqrt((1 + (2 * 2 ** logN) / 3) / 12);
  const spread = slots === 1 ? 1 : Math.sqrt(2 * slots);
  const keep = Math.ceil(base - Math.log2((wanted * scale) / (16 * 6 * rounding * spread)));
  return {
    keep: Math.min(base, Math.max(16, keep)),
    floodBits: Math.max(0, Math.floor(Math.log2((wanted * scale) / (16 * spread)))),
  };
}
