/**
 * Evaluation of a polynomial on every slot by Paterson-Stockmeyer in the power or the Chebyshev basis, of depth
 * ceil(log2(degree + 1)). Constants are encoded so that every sum meets at exactly one scale (Bossuat, Mouchet,
 * Troncoso-Pastoriza, Hubaux, ePrint 2020/1203, section 5).
 * @module
 */
import type { Evaluator } from '../ckks/evaluator.ts';
import { FheError } from '../errors.ts';
import type { Ciphertext } from '../rlwe/ciphertext.ts';

export interface Polynomial {
  basis: 'power' | 'chebyshev';
  /** Lowest degree first. */
  coefficients: readonly number[];
  /** Chebyshev only: the interval that is mapped to [-1, 1]; default [-1, 1]. */
  domain?: readonly [number, number];
}

export function polynomialDegree(p: Polynomial): number {
  let d = p.coefficients.length - 1;
  while (d > 0 && p.coefficients[d] === 0) d--;
  return d;
}

/** c_0 + c_1 x + c_2 x^2 in the power basis takes one level: c_2 goes into the scale. */
function isQuadratic(p: Polynomial): boolean {
  return p.basis === 'power' && polynomialDegree(p) === 2;
}

/** Levels that `evaluatePolynomial` consumes: ceil(log2(degree + 1)), and 1 for a quadratic in the power basis. */
export function polynomialDepth(p: Polynomial): number {
  return isQuadratic(p) ? 1 : Math.ceil(Math.log2(polynomialDegree(p) + 1));
}

/**
 * The scale that the input must have for the result to have scale `target`, when the polynomial fixes it (a quadratic:
 * target = scale^2 / (|c_2| q)); undefined when any input scale will do.
 * @param q modulus of the input's level
 */
export function polynomialInputScale(p: Polynomial, target: number, q: number): number | undefined {
  return isQuadratic(p) ? Math.sqrt(target * q * Math.abs(p.coefficients[2])) : undefined;
}

/** Value at x on floats. */
export function evaluateClear(p: Polynomial, x: number): number {
  if (p.basis === 'power') return p.coefficients.reduceRight((acc, c) => acc * x + c, 0);
  const [a, b] = p.domain ?? [-1, 1];
  const u = (2 * x - a - b) / (b - a);
  let next = 0;
  let current = 0;
  for (let k = p.coefficients.length - 1; k >= 1; k--)
    [current, next] = [2 * u * current - next + p.coefficients[k], current];
  return u * current - next + p.coefficients[0];
}

/** The same polynomial in the Chebyshev basis of `domain`. Powers of large arguments would need headroom; these do not. */
export function toChebyshev(power: readonly number[], domain: readonly [number, number]): Polynomial {
  const degree = power.length - 1;
  const [a, b] = domain;
  const count = degree + 1;
  const samples = Array.from({ length: count }, (_, k) => {
    const u = Math.cos((Math.PI * (k + 0.5)) / count);
    return power.reduceRight((acc, c) => acc * ((u * (b - a) + a + b) / 2) + c, 0);
  });
  const coefficients = Array.from({ length: count }, (_, j) => {
    const sum = samples.reduce((s, v, k) => s + v * Math.cos((Math.PI * j * (k + 0.5)) / count), 0);
    return ((j === 0 ? 1 : 2) * sum) / count;
  });
  return { basis: 'chebyshev', coefficients, domain };
}

/**
 * p(x) at level x.level - depth. Best with an input whose scale on the mapped domain, x.scale * (b - a) / 2, is about q:
 * a larger one is squared with every doubling of the degree, and the factors of the high powers get what is left.
 * @param targetScale scale of the result, default x.scale. A quadratic in the power basis has the scale
 *   x.scale^2 / (|c_2| q_level) instead; see `polynomialInputScale`
 * @throws FheError LEVEL_EXHAUSTED, VALUE_RANGE (degree 0)
 */
export function evaluatePolynomial(
  evaluator: Evaluator,
  x: Ciphertext,
  p: Polynomial,
  targetScale: number = x.scale,
): Ciphertext {
  const degree = polynomialDegree(p);
  if (degree < 1) throw new FheError('VALUE_RANGE', 'a constant polynomial has nothing to evaluate', 'p');
  const level = x.level - polynomialDepth(p);
  const [a, b] = p.domain ?? [-1, 1];
  if (!(Number.isFinite(a) && Number.isFinite(b) && a < b))
    throw new FheError('VALUE_RANGE', `[${a}, ${b}] is not an interval`, 'p');
  for (const c of p.coefficients) {
    if (!Number.isFinite(c)) throw new FheError('VALUE_RANGE', `${c} is not a coefficient`, 'p');
  }
  if (level < 0) {
    throw new FheError(
      'LEVEL_EXHAUSTED',
      `a polynomial of degree ${degree} needs ${polynomialDepth(p)} levels, ${x.level} are left`,
      'x',
    );
  }
  if (isQuadratic(p)) return evaluateQuadratic(evaluator, x, p.coefficients);
  const powers = new PowerBasis(evaluator, mapDomain(evaluator, x, p), p.basis);
  try {
    const run = new PatersonStockmeyer(evaluator, powers);
    return run.evaluate(p.coefficients.slice(0, degree + 1), level, targetScale);
  } finally {
    powers.dispose();
  }
}

function evaluateQuadratic(evaluator: Evaluator, x: Ciphertext, [c0, c1, c2]: readonly number[]): Ciphertext {
  const sum = evaluator.square(x);
  const sign = Math.sign(c2);
  let result: Ciphertext;
  try {
    sum.scale /= Math.abs(c2);
    evaluator.addScaledInPlace(sum, x, sign * c1);
    evaluator.addConstantInPlace(sum, sign * c0);
    result = evaluator.relinearizeRescale(sum);
  } finally {
    sum.dispose();
  }
  if (sign > 0) return result;
  const negated = evaluator.negate(result);
  result.dispose();
  return negated;
}

/** x -> (2x - a - b) / (b - a): the factor is free, because only the scale's meaning changes. */
function mapDomain(evaluator: Evaluator, x: Ciphertext, p: Polynomial): Ciphertext {
  const [a, b] = p.basis === 'chebyshev' ? (p.domain ?? [-1, 1]) : [-1, 1];
  const mapped = x.clone();
  mapped.scale *= (b - a) / 2;
  if (a + b !== 0) evaluator.addConstantInPlace(mapped, -(a + b) / (b - a));
  return mapped;
}

/** x^i or T_i(x), each made once, from the two halves of its index. */
class PowerBasis {
  readonly basis: Polynomial['basis'];
  readonly #evaluator: Evaluator;
  readonly #values = new Map<number, Ciphertext>();

  constructor(evaluator: Evaluator, x: Ciphertext, basis: Polynomial['basis']) {
    this.#evaluator = evaluator;
    this.basis = basis;
    this.#values.set(1, x);
  }

  /** Level at which power i is available. */
  level(i: number): number {
    return this.#values.get(1)!.level - Math.ceil(Math.log2(i));
  }

  get(i: number): Ciphertext {
    let value = this.#values.get(i);
    if (value) return value;
    const high = 2 ** Math.ceil(Math.log2(i) - 1);
    const low = i - high;
    const a = this.get(high);
    const b = this.get(low);
    const product = this.#evaluator.multiply(a, b);
    if (this.basis === 'chebyshev') {
      // T_i = 2 T_high T_low - T_(high - low), subtracted before the rescale where its constant is large and so precise.
      this.#evaluator.addInPlace(product, product);
      if (high === low) this.#evaluator.addConstantInPlace(product, -1);
      else this.#evaluator.addScaledInPlace(product, this.get(high - low), -1);
    }
    try {
      value = this.#evaluator.relinearizeRescale(product);
    } finally {
      product.dispose();
    }
    this.#values.set(i, value);
    return value;
  }

  dispose(): void {
    for (const value of this.#values.values()) value.dispose();
  }
}

class PatersonStockmeyer {
  readonly #evaluator: Evaluator;
  readonly #powers: PowerBasis;

  constructor(evaluator: Evaluator, powers: PowerBasis) {
    this.#evaluator = evaluator;
    this.#powers = powers;
  }

  /** The polynomial at exactly `level` and `scale`. */
  evaluate(coefficients: readonly number[], level: number, scale: number): Ciphertext {
    const q = this.#evaluator.context.moduli[level + 1].value;
    const raw = this.#raw(coefficients, level + 1, scale * q);
    const result = raw.degree === 2 ? this.#evaluator.relinearizeRescale(raw) : this.#evaluator.rescale(raw);
    raw.dispose();
    return result;
  }

  /** The polynomial at `level` and `scale` before relinearisation and rescale. */
  #raw(coefficients: readonly number[], level: number, scale: number): Ciphertext {
    const degree = coefficients.length - 1;
    if (this.#isSum(degree, level)) {
      const sum = this.#evaluator.zero(level, scale);
      for (let i = 1; i <= degree; i++) {
        if (coefficients[i] !== 0)
          this.#evaluator.addScaledInPlace(sum, this.#powers.get(i), coefficients[i]);
      }
      this.#evaluator.addConstantInPlace(sum, coefficients[0]);
      return sum;
    }
    const g = 2 ** Math.floor(Math.log2(degree));
    const { quotient, remainder } = this.#split(coefficients, g);
    const power = this.#powers.get(g);
    const rest = this.#raw(remainder, level, scale);
    if (quotient.length === 1) {
      this.#evaluator.addScaledInPlace(rest, power, quotient[0]);
      return rest;
    }
    const factor = this.evaluate(quotient, level, scale / power.scale);
    const product = this.#evaluator.multiply(factor, power);
    factor.dispose();
    this.#evaluator.addInPlace(product, rest);
    rest.dispose();
    return product;
  }

  /** Small enough, and shallow enough, to be summed from ready powers. */
  #isSum(degree: number, level: number): boolean {
    if (degree === 0) return true;
    return (
      degree < 4 &&
      Array.from({ length: degree }, (_, i) => this.#powers.level(i + 1)).every((l) => l >= level)
    );
  }

  /** p = quotient * power_g + remainder. */
  #split(c: readonly number[], g: number): { quotient: number[]; remainder: number[] } {
    if (this.#powers.basis === 'power') return { quotient: c.slice(g), remainder: trim(c.slice(0, g)) };
    const quotient = [c[g]];
    const remainder = c.slice(0, g);
    for (let i = g + 1; i < c.length; i++) {
      quotient[i - g] = 2 * c[i];
      remainder[2 * g - i] -= c[i];
    }
    return { quotient: trim(quotient), remainder: trim(remainder) };
  }
}

function trim(c: readonly number[]): number[] {
  let length = c.length;
  while (length > 1 && c[length - 1] === 0) length--;
  return c.slice(0, length);
}
