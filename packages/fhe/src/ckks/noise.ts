/**
 * The analytic noise model: standard deviation of the error in a slot, in units of the message (already divided by the
 * scale). Errors are taken as independent; heuristic of Costache et al., ePrint 2022/162, for ternary secrets.
 * @module
 */
import type { Parameters } from '../rlwe/parameters.ts';
import { ERROR_SIGMA } from '../rlwe/sampling.ts';

export class NoiseModel {
  readonly #parameters: Parameters;

  constructor(parameters: Parameters) {
    this.#parameters = parameters;
  }

  /** Embeds a coefficient error of standard deviation `sigma` into the slots. */
  slots(sigma: number, scale: number): number {
    return (sigma * Math.sqrt(this.#parameters.n)) / scale;
  }

  /** A fresh encryption under the secret key. */
  fresh(scale: number): number {
    return this.slots(ERROR_SIGMA, scale);
  }

  /** A fresh encryption under the public key: e_0 + e u + e_1 s. */
  freshPublic(scale: number): number {
    return this.slots(ERROR_SIGMA * Math.sqrt(1 + 2 * this.#weight), scale);
  }

  /** Rounding c_0 and c_1 at a division: (1 + |s|) uniform errors of variance 1/12. */
  roundingSigma(): number {
    return Math.sqrt((1 + this.#weight) / 12);
  }

  /** Rescaling to `scaleAfter`. */
  rescale(scaleAfter: number): number {
    return this.slots(this.roundingSigma(), scaleAfter);
  }

  /** A key switch at `level` with `special` special primes. */
  keySwitch(level: number, special: number, scale: number): number {
    const { q, p, n } = this.#parameters;
    let logP = 0;
    for (let k = 0; k < special; k++) logP += Math.log2(p[k]);
    let variance = 0;
    for (let start = 0; start <= level; start += special) {
      let logDigit = 0;
      for (let i = start; i < Math.min(start + special, level + 1); i++) logDigit += Math.log2(q[i]);
      variance += (n * 4 ** (logDigit - logP) * ERROR_SIGMA ** 2) / 12;
    }
    return this.slots(Math.sqrt(variance + this.roundingSigma() ** 2), scale);
  }

  /** Rounding of a plaintext with `coefficients` non-zero coefficients, encoded at `scale`. */
  encoding(coefficients: number, scale: number): number {
    return Math.sqrt(coefficients / 12) / scale;
  }

  get #weight(): number {
    return (2 * this.#parameters.n) / 3;
  }
}
