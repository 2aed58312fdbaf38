/**
 * Seeds from the platform's CSPRNG. Everything secret or noisy is expanded from such a seed by ChaCha20 in the kernel;
 * a nonce names what is drawn, so that one seed never gives the same stream twice.
 * @module
 */

export const SEED_BYTES = 32;

export function randomSeed(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SEED_BYTES));
}

/** What a stream is drawn for: the first four bytes of the ChaCha20 nonce. Part of the wire format for `mask`. */
export const Domain = {
  secret: 1,
  error: 2,
  mask: 3,
  ephemeral: 4,
  flood: 5,
  /** TFHE, from the client's seed: the two secret keys and the public name of the pair. */
  torusGlweSecret: 16,
  torusLweSecret: 17,
  torusKeyId: 18,
  /** TFHE, from public seeds. */
  torusBootstrapMask: 19,
  torusKeySwitchMask: 20,
  torusListMask: 21,
  torusPublicMask: 22,
} as const;
export type Domain = (typeof Domain)[keyof typeof Domain];

/** 12-byte nonce: domain (u32 LE), index (u32 LE), limb (u32 LE). */
export function nonce(domain: Domain, index: number, limb: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, domain, true);
  view.setUint32(4, index, true);
  view.setUint32(8, limb, true);
  return bytes;
}
