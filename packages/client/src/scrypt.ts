/**
 * scrypt (RFC 7914): PBKDF2 at both ends by WebCrypto, the memory-hard ROMix by a kernel (WebCrypto has no
 * scrypt, and JavaScript integers would make the waiting time the user's and not the attacker's).
 * @module
 */
import type { Kernels } from '@velum/kernels';

export interface ScryptParameters {
  /** log2 of the cost N. */
  logN: number;
  /** Block size: 128 r bytes per row. */
  r: number;
  /** Lanes, computed one after the other. */
  p: number;
}

/** 128 MiB and about 0.7 s on one core of a 2020s server; the recommendation for stored secrets. */
export const SCRYPT_DEFAULT: ScryptParameters = { logN: 17, r: 8, p: 1 };

/**
 * `length` bytes from `password` (bytes as given: normalise before) and `salt`. Takes 128 r (N + 2) bytes of
 * kernel memory, wiped and freed afterwards; KernelError OUT_OF_MEMORY when there is not so much.
 */
export async function scrypt(
  kernels: Kernels,
  password: Uint8Array,
  salt: Uint8Array,
  { logN, r, p }: ScryptParameters,
  length: number,
): Promise<Uint8Array> {
  const rowBytes = 128 * r;
  const cost = 2 ** logN;
  const blocks = await pbkdf2(password, salt, p * rowBytes);
  const { arena } = kernels;
  const row = arena.alloc(rowBytes);
  try {
    const memory = arena.alloc(rowBytes * (cost + 1));
    try {
      for (let lane = 0; lane < p; lane++) {
        const block = blocks.subarray(lane * rowBytes, (lane + 1) * rowBytes);
        kernels.u8(row, rowBytes).set(block);
        kernels.x.scrypt_romix(row, memory, r, cost);
        block.set(kernels.u8(row, rowBytes));
      }
    } finally {
      arena.freeZeroed(memory);
    }
  } finally {
    arena.freeZeroed(row);
  }
  const key = await pbkdf2(password, blocks, length);
  blocks.fill(0);
  return key;
}

/** One iteration, as RFC 7914 section 6 asks. */
async function pbkdf2(password: Uint8Array, salt: Uint8Array, length: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', password as Uint8Array<ArrayBuffer>, 'PBKDF2', false, [
    'deriveBits',
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt: salt as Uint8Array<ArrayBuffer>, iterations: 1 },
    key,
    length * 8,
  );
  return new Uint8Array(bits);
}
