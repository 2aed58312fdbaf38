/**
 * The noise model: the variance of a phase's error after each operation, as part of the torus squared, and the failure
 * probability that follows. Errors are taken as independent (Chillotti et al., "TFHE", J. Cryptology 2020, section 4, for
 * binary keys; centred-mean modulus switch: ePrint 2024/1718). noise.test.ts measures each of them.
 * @module
 */
import type { TfheParameters } from './parameters.ts';

/** Variance of TUniform(2^bits): the integers from -2^bits to 2^bits, the ends half as likely. */
export const tuniformVariance = (bits: number): number => (2 ** (2 * bits + 1) + 1) / 6;

/** Mean square of a balanced digit in base 2^baseLog: uniform on the integers from -B/2 to B/2, the ends half as likely. */
const digitSquare = (baseLog: number): number => (4 ** baseLog + 2) / 12;

/** Variance of rounding to multiples of `step`. */
const roundingVariance = (step: number): number => step ** 2 / 12;

/** Measured: 2.7 to 4.4 for N = 512 and N = 2048 and both builds (reference.test.ts, noise.test.ts). */
const ROUNDINGS = 3.5;

export class NoiseModel {
  readonly parameters: TfheParameters;

  constructor(parameters: TfheParameters) {
    this.parameters = parameters;
  }

  /** Of one GLWE noise coefficient. */
  get glwe(): number {
    return tuniformVariance(this.parameters.glweNoiseBits) / 4 ** 52;
  }

  /** Of one small LWE's noise. */
  get lwe(): number {
    return tuniformVariance(this.parameters.lweNoiseBits) / 4 ** 32;
  }

  /** A block encrypted under the secret key: its body is rounded to 32 bits. */
  fresh(): number {
    return this.glwe + roundingVariance(2 ** -32);
  }

  /** A block encrypted under the compact public key: e r + e_2 - e_1 s, and mask and body rounded to 32 bits. */
  freshCompact(): number {
    const { bigDimension } = this.parameters;
    // r and s are binary: mean square 1/2. The key's ring has as many coefficients as r, its power of two.
    const ring = 2 ** Math.ceil(Math.log2(bigDimension));
    return (
      this.glwe * (ring / 2 + 1 + bigDimension / 2) + roundingVariance(2 ** -32) * (1 + bigDimension / 2)
    );
  }

  /** sum w_i c_i of independent ciphertexts. */
  linear(weights: readonly number[], variances: readonly number[]): number {
    return weights.reduce((sum, w, i) => sum + w * w * variances[i], 0);
  }

  /** What a key switch from the big to the small key adds. */
  keySwitch(): number {
    const { bigDimension, ksBaseLog, ksLevels } = this.parameters;
    const noise = bigDimension * ksLevels * digitSquare(ksBaseLog) * this.lwe;
    return noise + (bigDimension / 2) * roundingVariance(2 ** -(ksBaseLog * ksLevels));
  }

  /** What the modulus switch to 2N adds: each mask rounding counts by s_i - 1/2 once its mean is subtracted. */
  modSwitch(): number {
    const { lweDimension, polynomialSize } = this.parameters;
    return (1 + lweDimension / 4) * roundingVariance(1 / (2 * polynomialSize));
  }

  /** The output of a bootstrap, whatever goes in. */
  bootstrap(): number {
    const { lweDimension, glweDimension, polynomialSize, bigDimension, pbsBaseLog, pbsLevels } =
      this.parameters;
    const noise = pbsLevels * (glweDimension + 1) * polynomialSize * digitSquare(pbsBaseLog) * this.glwe;
    const rounding = (1 + bigDimension / 2) * roundingVariance(2 ** -(pbsBaseLog * pbsLevels));
    // The rounding counts where the key bit is 1.
    return lweDimension * (noise + rounding / 2 + this.transform());
  }

  /**
   * What the rounding of doubles in the Fourier transforms adds to the phase in one step of a blind rotation: each
   * coefficient is wrong by ROUNDINGS half units in the last place of a typical sum, and masks count by the key's bits.
   */
  transform(): number {
    const { glweDimension, polynomialSize, bigDimension, pbsBaseLog, pbsLevels } = this.parameters;
    const terms = pbsLevels * (glweDimension + 1) * polynomialSize;
    const square = (terms * digitSquare(pbsBaseLog)) / 12;
    return square * (ROUNDINGS * 2 ** -53) ** 2 * (1 + bigDimension / 2);
  }

  /** What decides a bootstrap's box, when the sum of squared weights of bootstrap outputs that enter it is `norm`. */
  decision(norm: number = this.parameters.maxNoise): number {
    return norm * this.bootstrap() + this.keySwitch() + this.modSwitch();
  }

  /** log2 of the probability that a bootstrap, or the reading of a result, takes a wrong box. */
  logFailure(norm: number = this.parameters.maxNoise): number {
    return logTwoSidedTail(this.parameters.delta / 2 / Math.sqrt(this.decision(norm)));
  }
}

/** log2 P(|X| > z) for a standard normal X: erfc by its continued fraction (Abramowitz and Stegun 7.1.14), z >= 2. */
export function logTwoSidedTail(z: number): number {
  let fraction = z;
  for (let k = 60; k >= 1; k--) fraction = z + k / fraction;
  return Math.log2(2 / Math.sqrt(2 * Math.PI) / fraction) - (z * z) / 2 / Math.LN2;
}
