/**
 * Client: a profile to 16 seeded RLWE ciphertexts under a key of its own, which no server key belongs to.
 * @module
 */
import { ByteWriter, encrypt, Plaintext, SecretKey, writeSeeded } from '@velum/fhe';
import type { ProgramKeys } from '../keys.ts';
import { ringContext } from './context.ts';
import { featuresOf } from './features.ts';
import { DELTA, GROUPS, PACK, PROFILE_BYTES } from './parameters.ts';

export const secretOf = (keys: ProgramKeys): SecretKey =>
  SecretKey.fromSeed(ringContext(keys.kernels), keys.subseed('ad_targeting'));

/** @throws ProgramError INPUT_INVALID, VALUE_RANGE, TOO_MANY_VALUES */
export function encryptProfile(keys: ProgramKeys, input: unknown): Uint8Array {
  const message = new Float64Array(GROUPS * PACK);
  for (const one of featuresOf(input)) message[one] = DELTA;
  const { kernels } = keys;
  const context = ringContext(kernels);
  const secret = secretOf(keys);
  const plaintext = new Plaintext(context, 0, 1, 0);
  const writer = new ByteWriter(PROFILE_BYTES);
  try {
    for (let group = 0; group < GROUPS; group++) {
      const coefficients = kernels.f64(plaintext.limb(0), context.n).fill(0);
      coefficients.set(message.subarray(group * PACK, (group + 1) * PACK));
      context.moduli[0].forward(plaintext.limb(0));
      const seeded = encrypt(secret, plaintext);
      writeSeeded(writer, seeded);
      seeded.ciphertext.dispose();
    }
  } finally {
    kernels.f64(plaintext.limb(0), context.n).fill(0);
    plaintext.dispose();
    secret.dispose();
  }
  return writer.bytes;
}
