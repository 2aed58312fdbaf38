/**
 * What hides the model in a result: an encryption of zero under the client's public key makes the ciphertext independent
 * of the products that made it, and uniform noise drowns the part of the error that depends on the weights.
 * @module
 */
import { type Context, Domain, Plaintext, randomSeed } from '@velum/fhe';

/** A level-0 polynomial whose coefficients are uniform in [-2^bits, 2^bits]; undefined when bits is 0. */
export function blind(context: Context, bits: number, scale: number): Plaintext | undefined {
  if (bits <= 0) return undefined;
  const { kernels, n, moduli } = context;
  const noise = new Plaintext(context, 0, scale, 0);
  context.withStream(randomSeed(), Domain.flood, 0, 0, (key, nonce) => {
    kernels.x.sample_uniform(noise.limb(0), n, 2 ** (bits + 1) + 1, key, nonce);
  });
  moduli[0].forward(noise.limb(0));
  return noise;
}
