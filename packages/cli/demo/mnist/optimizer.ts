/**
 * Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) with the gradient's length bounded: squares make it leap.
 * @module
 */

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;
const LONGEST_GRADIENT = 1;

export class Adam {
  readonly #parameters: Float64Array[];
  readonly #first: Float64Array[];
  readonly #second: Float64Array[];
  #steps = 0;

  constructor(parameters: Float64Array[]) {
    this.#parameters = parameters;
    this.#first = parameters.map((p) => new Float64Array(p.length));
    this.#second = parameters.map((p) => new Float64Array(p.length));
  }

  /** One step against `gradients`, which it clears. */
  step(gradients: Float64Array[], rate: number, decay: number): void {
    this.#steps++;
    const length = Math.sqrt(gradients.reduce((sum, g) => sum + g.reduce((s, v) => s + v * v, 0), 0));
    const shorten = Math.min(1, LONGEST_GRADIENT / length);
    const unbias1 = 1 - BETA1 ** this.#steps;
    const unbias2 = 1 - BETA2 ** this.#steps;
    this.#parameters.forEach((parameter, k) => {
      const [gradient, first, second] = [gradients[k], this.#first[k], this.#second[k]];
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i] * shorten;
        first[i] = BETA1 * first[i] + (1 - BETA1) * g;
        second[i] = BETA2 * second[i] + (1 - BETA2) * g * g;
        const move = first[i] / unbias1 / (Math.sqrt(second[i] / unbias2) + EPSILON);
        parameter[i] -= rate * (move + decay * parameter[i]);
      }
      gradient.fill(0);
    });
  }
}
