/**
 * A ciphertext in kernel memory: `degree` + 1 polynomials in the NTT domain over q_0 ... q_level. It owns its memory
 * until `dispose()`.
 * @module
 */
import { FheError } from '../errors.ts';
import type { Context } from './context.ts';

export class Ciphertext {
  readonly context: Context;
  /** Number of polynomials minus one: 1, or 2 before relinearisation. */
  readonly degree: number;
  /** Limbs allocated for each polynomial; dropping a level leaves it as it is. */
  readonly stride: number;
  level: number;
  /** Factor between the message and the encrypted integers. */
  scale: number;
  #ptr: number;

  constructor(context: Context, degree: number, level: number, scale: number) {
    if (level < 0 || level > context.maxLevel) {
      throw new FheError('LEVEL_EXHAUSTED', `level ${level} is not within 0..${context.maxLevel}`, 'level');
    }
    this.context = context;
    this.degree = degree;
    this.level = level;
    this.stride = level + 1;
    this.scale = scale;
    this.#ptr = context.alloc((degree + 1) * this.stride);
  }

  /** Byte offset of limb `limb` of polynomial `part`. */
  limb(part: number, limb: number): number {
    if (this.#ptr === 0) throw new FheError('DISPOSED', 'the ciphertext was disposed of', 'ciphertext');
    return this.#ptr + this.context.limbBytes(part * this.stride + limb);
  }

  get bytes(): number {
    return this.context.limbBytes((this.degree + 1) * this.stride);
  }

  clone(): Ciphertext {
    const copy = new Ciphertext(this.context, this.degree, this.level, this.scale);
    for (let part = 0; part <= this.degree; part++) {
      this.context.copyLimbs(copy.limb(part, 0), this.limb(part, 0), this.level + 1);
    }
    return copy;
  }

  dispose(): void {
    if (this.#ptr !== 0) this.context.free(this.#ptr);
    this.#ptr = 0;
  }
}
