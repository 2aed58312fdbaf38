/**
 * A small profile for tests of this package (the compiler, which makes real ones, is above it).
 * @module
 */
import { literalFromBits } from '@velum/fhe';
import { type Profile, parseProfile, profileId } from '@velum/runtime';

/** Four features, one value; two limbs at N = 2^12. */
export async function testProfile(): Promise<Profile> {
  const content: Omit<Profile, 'id'> = {
    format: 'velum-profile',
    version: 1,
    scheme: 'ckks',
    parameters: literalFromBits({ logN: 12, logQ: [40, 30], logP: [30] }),
    keys: { public: { level: 0 }, evaluation: [] },
    input: {
      features: 4,
      packing: 'coefficients',
      level: 1,
      scale: 2 ** 30,
      period: 4,
      samplesPerRequest: 16,
    },
    output: { values: 1, activation: 'none', scale: 2 ** 30, period: 4, keep: 32 },
    batchSize: 1,
    estimate: {
      serverMilliseconds: 1,
      publicKeyBytes: 1,
      evaluationKeyBytes: 1,
      inputBytes: 1,
      resultBytes: 1,
      error: 1e-6,
    },
  };
  return parseProfile({ ...content, id: await profileId(content) });
}
