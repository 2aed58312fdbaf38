/**
 * Arithmetic on CKKS ciphertexts. Every operation returns a new ciphertext that the caller disposes of; operands stay
 * as they are. Scales are tracked exactly as doubles and a mismatch is an error, never a silent approximation.
 * @module
 */
import type { RecordableExports } from '@velum/kernels';
import { FheError } from '../errors.ts';
import { residueOf } from '../ring/primes.ts';
import { Ciphertext } from '../rlwe/ciphertext.ts';
import { type Context, sameContext } from '../rlwe/context.ts';
import { addPlaintext } from '../rlwe/encryption.ts';
import { accumulatorLimb, Digits, divideAccumulator, innerProduct } from '../rlwe/key-switch.ts';
import { type Division, modDown } from '../rlwe/mod-down.ts';
import type { Plaintext } from '../rlwe/plaintext.ts';
import type { SwitchingKey } from '../rlwe/switching-key.ts';
import { type EvaluationKeys, RELINEARIZATION } from './evaluation-keys.ts';

/** Scales that differ by less than this are products of the same primes in another order of rounding. */
const SCALE_TOLERANCE = 2 ** -40;

export function sameScale(a: number, b: number): boolean {
  return Math.abs(a / b - 1) < SCALE_TOLERANCE;
}

type Binary = 'v_add' | 'v_sub';

export class Evaluator {
  readonly context: Context;
  readonly keys: EvaluationKeys | undefined;

  constructor(context: Context, keys?: EvaluationKeys) {
    this.context = context;
    this.keys = keys;
  }

  add(a: Ciphertext, b: Ciphertext): Ciphertext {
    return this.#combine('v_add', a, b);
  }

  sub(a: Ciphertext, b: Ciphertext): Ciphertext {
    return this.#combine('v_sub', a, b);
  }

  /** a += b, without a new ciphertext. b's level must be at least a's. */
  addInPlace(a: Ciphertext, b: Ciphertext): void {
    this.#checkPair(a, b);
    this.#checkInto(a, b);
    const { n } = this.context;
    this.#eachLimb(a, b.degree, (x, part, i, q, qi) => {
      x.v_add(a.limb(part, i), a.limb(part, i), b.limb(part, i), n, q, qi);
    });
  }

  negate(a: Ciphertext): Ciphertext {
    sameContext(this.context, a.context);
    const result = new Ciphertext(this.context, a.degree, a.level, a.scale);
    this.#eachLimb(result, a.degree, (x, part, i) => {
      x.v_neg(result.limb(part, i), a.limb(part, i), this.context.n);
    });
    return result;
  }

  /** Adds a plaintext of the same scale. */
  addPlain(a: Ciphertext, plaintext: Plaintext): Ciphertext {
    this.#checkPlain(a, plaintext);
    if (!sameScale(a.scale, plaintext.scale)) this.#scaleMismatch(a.scale, plaintext.scale);
    const result = a.clone();
    addPlaintext(result, plaintext);
    return result;
  }

  /** Adds the real constant `value` to every slot. */
  addConstant(a: Ciphertext, value: number): Ciphertext {
    sameContext(this.context, a.context);
    this.#constant(value, a.scale);
    const result = a.clone();
    this.addConstantInPlace(result, value);
    return result;
  }

  addConstantInPlace(a: Ciphertext, value: number): void {
    sameContext(this.context, a.context);
    const scaled = this.#constant(value, a.scale);
    const { n } = this.context;
    this.#eachLimb(a, 0, (x, _, i, q, qi) => {
      x.v_addscalar(a.limb(0, i), a.limb(0, i), residueOf(scaled, q), n, q, qi);
    });
  }

  /** Multiplies by a plaintext; the scale becomes the product, no rescale. */
  multiplyPlain(a: Ciphertext, plaintext: Plaintext): Ciphertext {
    this.#checkPlain(a, plaintext);
    const result = new Ciphertext(this.context, a.degree, a.level, a.scale * plaintext.scale);
    const { n } = this.context;
    this.#eachLimb(result, a.degree, (x, part, i, q, qi) => {
      if (plaintext.runLog === 0) x.v_mul(result.limb(part, i), a.limb(part, i), plaintext.limb(i), n, q, qi);
      else x.v_mulrun(result.limb(part, i), a.limb(part, i), plaintext.limb(i), plaintext.runLog, n, q, qi);
    });
    return result;
  }

  /** Multiplies every slot by a real constant encoded at `scale`; no rescale. */
  multiplyConstant(a: Ciphertext, value: number, scale: number): Ciphertext {
    sameContext(this.context, a.context);
    const scaled = this.#constant(value, scale);
    const result = new Ciphertext(this.context, a.degree, a.level, a.scale * scale);
    const { n } = this.context;
    this.#eachLimb(result, a.degree, (x, part, i, q, qi) => {
      x.v_mulscalar(result.limb(part, i), a.limb(part, i), residueOf(scaled, q), n, q, qi);
    });
    return result;
  }

  /** a += value * b with the constant encoded so that the scales agree exactly. Levels: b >= a, degrees: b <= a. */
  addScaledInPlace(a: Ciphertext, b: Ciphertext, value: number): void {
    sameContext(this.context, a.context);
    sameContext(this.context, b.context);
    this.#checkInto(a, b);
    const scaled = this.#constant(value, a.scale / b.scale);
    const { n } = this.context;
    this.#eachLimb(a, b.degree, (x, part, i, q, qi) => {
      x.v_muladdscalar(a.limb(part, i), b.limb(part, i), residueOf(scaled, q), n, q, qi);
    });
  }

  /** An encryption of zero without noise, to accumulate into. */
  zero(level: number, scale: number): Ciphertext {
    const result = new Ciphertext(this.context, 1, level, scale);
    for (let part = 0; part <= 1; part++) {
      this.context.kernels.f64(result.limb(part, 0), (level + 1) * this.context.n).fill(0);
    }
    return result;
  }

  /** Product of two ciphertexts of degree 1 as one of degree 2, at the lower level. */
  multiply(a: Ciphertext, b: Ciphertext): Ciphertext {
    sameContext(this.context, a.context);
    sameContext(this.context, b.context);
    if (a.degree !== 1 || b.degree !== 1) {
      throw new FheError('DEGREE_MISMATCH', 'multiply takes relinearised ciphertexts (degree 1)', 'a');
    }
    const level = Math.min(a.level, b.level);
    const result = new Ciphertext(this.context, 2, level, a.scale * b.scale);
    const { n } = this.context;
    this.#eachLimb(result, 2, (x, part, i, q, qi) => {
      const dst = result.limb(part, i);
      if (part !== 1) {
        x.v_mul(dst, a.limb(part / 2, i), b.limb(part / 2, i), n, q, qi);
        return;
      }
      x.v_mul(dst, a.limb(0, i), b.limb(1, i), n, q, qi);
      if (a === b) x.v_add(dst, dst, dst, n, q, qi);
      else x.v_muladd(dst, a.limb(1, i), b.limb(0, i), n, q, qi);
    });
    return result;
  }

  square(a: Ciphertext): Ciphertext {
    return this.multiply(a, a);
  }

  /** Degree 2 -> degree 1, same scale. */
  relinearize(a: Ciphertext): Ciphertext {
    return this.#relinearize(a, 0);
  }

  /** Relinearises and rescales at once: the division by the last prime is folded into the end of the key switch. */
  relinearizeRescale(a: Ciphertext): Ciphertext {
    return this.#relinearize(a, 1);
  }

  /** a * b, relinearised and rescaled. */
  multiplyRescale(a: Ciphertext, b: Ciphertext): Ciphertext {
    const product = this.multiply(a, b);
    try {
      return this.relinearizeRescale(product);
    } finally {
      product.dispose();
    }
  }

  #relinearize(a: Ciphertext, drop: 0 | 1): Ciphertext {
    const { context } = this;
    const { n, moduli } = context;
    sameContext(context, a.context);
    if (a.degree !== 2)
      throw new FheError('DEGREE_MISMATCH', `degree is ${a.degree}; there is nothing to relinearise`, 'a');
    if (a.level - drop < 0) throw new FheError('LEVEL_EXHAUSTED', 'no level is left to rescale by', 'a');
    const key = this.#key(RELINEARIZATION);
    const digits = new Digits(context, a.limb(2, 0), a.level, this.#special(key, a.level));
    const acc = innerProduct(digits, key);
    digits.dispose();
    // P (c_0, c_1) is added before the division, which makes it exact and, with `drop`, rescales it too.
    const factors = context.productModulo(
      context.basis(a.level, acc.special).slice(a.level + 1),
      context.basis(a.level, 0),
      false,
    );
    this.#eachLimb(a, 1, (x, part, i, q, qi) => {
      x.v_muladdscalar(accumulatorLimb(context, acc, part, i), a.limb(part, i), factors[i], n, q, qi);
    });
    const scale = drop === 1 ? a.scale / moduli[a.level].value : a.scale;
    const result = new Ciphertext(context, 1, a.level - drop, scale);
    divideAccumulator(context, acc, drop, (part) => result.limb(part, 0));
    context.free(acc.ptr);
    return result;
  }

  /** Divides by the last prime: one level less, scale / q_level. */
  rescale(a: Ciphertext): Ciphertext {
    const { context } = this;
    sameContext(context, a.context);
    if (a.level < 1) throw new FheError('LEVEL_EXHAUSTED', 'no level is left to rescale by', 'a');
    const q = context.moduli[a.level].value;
    const result = new Ciphertext(context, a.degree, a.level - 1, a.scale / q);
    const divisions: Division[] = [];
    for (let part = 0; part <= a.degree; part++) {
      divisions.push({ dst: result.limb(part, 0), chain: a.limb(part, 0), specials: 0 });
    }
    modDown(context, divisions, a.level, 1, 0);
    return result;
  }

  /** The same message at a lower level: limbs are dropped, nothing is computed. */
  dropLevel(a: Ciphertext, level: number): Ciphertext {
    sameContext(this.context, a.context);
    if (!Number.isInteger(level) || level > a.level || level < 0) {
      throw new FheError('LEVEL_MISMATCH', `cannot go from level ${a.level} to ${level}`, 'level');
    }
    const result = new Ciphertext(this.context, a.degree, level, a.scale);
    for (let part = 0; part <= a.degree; part++) {
      this.context.copyLimbs(result.limb(part, 0), a.limb(part, 0), level + 1);
    }
    return result;
  }

  /** Rotates the slots to the left by `steps`. */
  rotate(a: Ciphertext, steps: number): Ciphertext {
    return this.#automorphism(a, this.context.galoisElement(steps));
  }

  /** Conjugates every slot. */
  conjugate(a: Ciphertext): Ciphertext {
    return this.#automorphism(a, this.context.conjugation);
  }

  /**
   * Several rotations of one ciphertext, in the order asked for. It is decomposed once for all keys with as many
   * special primes.
   */
  rotateHoisted(a: Ciphertext, steps: readonly number[]): Ciphertext[] {
    this.#checkAutomorphism(a);
    // All keys are looked for before anything is allocated.
    const wanted = steps.map((step) => {
      const galois = this.context.galoisElement(step);
      return { galois, special: galois === 1 ? 0 : this.#special(this.#key(galois), a.level) };
    });
    const decomposed = new Map<number, Digits>();
    const results = wanted.map(({ galois, special }) => {
      if (galois === 1) return a.clone();
      let digits = decomposed.get(special);
      if (!digits) {
        digits = new Digits(this.context, a.limb(1, 0), a.level, special);
        decomposed.set(special, digits);
      }
      return this.#applyGalois(a, galois, digits);
    });
    for (const digits of decomposed.values()) digits.dispose();
    return results;
  }

  /** Sum over the rotations 0, step, 2 step, ... (count - 1) step; count a power of two. */
  innerSum(a: Ciphertext, step: number, count: number): Ciphertext {
    if (!Number.isInteger(Math.log2(count))) {
      throw new FheError('VALUE_RANGE', `count is ${count}, not a power of two`, 'count');
    }
    this.#checkAutomorphism(a);
    for (let k = 1; k < count; k *= 2)
      this.#special(this.#key(this.context.galoisElement(step * k)), a.level);
    const sum = a.clone();
    for (let k = 1; k < count; k *= 2) {
      const rotated = this.rotate(sum, step * k);
      this.addInPlace(sum, rotated);
      rotated.dispose();
    }
    return sum;
  }

  #automorphism(a: Ciphertext, galois: number): Ciphertext {
    this.#checkAutomorphism(a);
    if (galois === 1) return a.clone();
    const digits = new Digits(this.context, a.limb(1, 0), a.level, this.#special(this.#key(galois), a.level));
    const result = this.#applyGalois(a, galois, digits);
    digits.dispose();
    return result;
  }

  #applyGalois(a: Ciphertext, galois: number, digits: Digits): Ciphertext {
    const { context } = this;
    const { n, moduli } = context;
    const acc = innerProduct(digits, this.#key(galois));
    const sources = context.galoisTable(galois);
    const result = new Ciphertext(context, 1, a.level, a.scale);
    divideAccumulator(
      context,
      acc,
      0,
      (part) => result.limb(part, 0),
      (part, i, remainder, factor, x) => {
        const switched = accumulatorLimb(context, acc, part, i);
        const { value, inverse } = moduli[i];
        if (part === 0)
          x.v_submuladd(remainder, switched, remainder, a.limb(0, i), factor, n, value, inverse);
        else x.v_submulscalar(remainder, switched, remainder, factor, n, value, inverse);
        x.v_permute(result.limb(part, i), remainder, sources, n);
      },
    );
    context.free(acc.ptr);
    return result;
  }

  #combine(op: Binary, a: Ciphertext, b: Ciphertext): Ciphertext {
    this.#checkPair(a, b);
    if (a.degree !== b.degree) {
      throw new FheError(
        'DEGREE_MISMATCH',
        `degrees ${a.degree} and ${b.degree} differ; relinearise first`,
        'b',
      );
    }
    const result = new Ciphertext(this.context, a.degree, Math.min(a.level, b.level), a.scale);
    const { n } = this.context;
    this.#eachLimb(result, a.degree, (x, part, i, q, qi) => {
      x[op](result.limb(part, i), a.limb(part, i), b.limb(part, i), n, q, qi);
    });
    return result;
  }

  #eachLimb(
    a: Ciphertext,
    lastPart: number,
    visit: (x: RecordableExports, part: number, limb: number, q: number, qi: number) => void,
  ): void {
    const { n, moduli } = this.context;
    const limbs = a.level + 1;
    this.context.fork((lastPart + 1) * limbs, n, (task, x) => {
      const i = task % limbs;
      visit(x, Math.floor(task / limbs), i, moduli[i].value, moduli[i].inverse);
    });
  }

  /** value * scale as an integer double. */
  #constant(value: number, scale: number): number {
    const scaled = Math.round(value * scale);
    if (!Number.isFinite(scaled))
      throw new FheError('VALUE_RANGE', `the constant ${value} is not finite at scale ${scale}`, 'value');
    return scaled;
  }

  #key(galois: number): SwitchingKey {
    if (!this.keys)
      throw new FheError('KEY_MISSING', 'this evaluator was made without evaluation keys', 'keys');
    return this.keys.get(galois);
  }

  #special(key: SwitchingKey, level: number): number {
    if (key.level < level) {
      throw new FheError(
        'KEY_LEVEL',
        `the key serves levels up to ${key.level}, the ciphertext is at ${level}`,
        'keys',
      );
    }
    return key.special;
  }

  #checkPair(a: Ciphertext, b: Ciphertext): void {
    sameContext(this.context, a.context);
    sameContext(this.context, b.context);
    if (!sameScale(a.scale, b.scale)) this.#scaleMismatch(a.scale, b.scale);
  }

  #checkInto(a: Ciphertext, b: Ciphertext): void {
    if (b.level < a.level)
      throw new FheError('LEVEL_MISMATCH', `b is at level ${b.level}, a at ${a.level}`, 'b');
    if (b.degree > a.degree)
      throw new FheError('DEGREE_MISMATCH', `b has degree ${b.degree}, a only ${a.degree}`, 'b');
  }

  #checkPlain(a: Ciphertext, plaintext: Plaintext): void {
    sameContext(this.context, a.context);
    sameContext(this.context, plaintext.context);
    if (plaintext.level < a.level) {
      throw new FheError(
        'LEVEL_MISMATCH',
        `plaintext at level ${plaintext.level}, ciphertext at ${a.level}`,
        'plaintext',
      );
    }
  }

  #checkAutomorphism(a: Ciphertext): void {
    sameContext(this.context, a.context);
    if (a.degree !== 1) throw new FheError('DEGREE_MISMATCH', 'relinearise before an automorphism', 'a');
  }

  #scaleMismatch(a: number, b: number): never {
    throw new FheError(
      'SCALE_MISMATCH',
      `scales 2^${Math.log2(a)} and 2^${Math.log2(b)} differ; rescale or re-encode one operand`,
      'scale',
    );
  }
}
