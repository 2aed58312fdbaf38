/**
 * The CKKS encoder: complex slots <-> integer polynomials (Cheon, Kim, Kim, Song 2017). Slot j is the value at
 * zeta^(5^j). m <= N/2 slots may be given: the message is then periodic with period m (sparse packing).
 * @module
 */
import { fftTables } from '@velum/kernels';
import { FheError } from '../errors.ts';
import { type Context, TRANSFORM_PASSES } from '../rlwe/context.ts';
import { Plaintext } from '../rlwe/plaintext.ts';

export interface SlotValues {
  re: ArrayLike<number>;
  im?: ArrayLike<number>;
}

const MIN_SUBRING = 16;
/** `f_quantize` takes values below this multiple of the modulus. */
const MAX_QUOTIENT = 2 ** 51;

export class Encoder {
  readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  /**
   * Encodes slot values at a level and scale.
   * @param values m real or complex values, m a power of two <= N/2; |value| * scale must stay below q/2
   * @param full writes the whole vector even when the message is periodic (needed for encryption)
   * @throws FheError SHAPE_MISMATCH, VALUE_RANGE
   */
  encode(values: SlotValues | ArrayLike<number>, level: number, scale: number, full = false): Plaintext {
    const { re, im } = 're' in values ? values : { re: values, im: undefined };
    const { kernels, n } = this.context;
    const m = re.length;
    if (m < 1 || m > n / 2 || !Number.isInteger(Math.log2(m)) || (im && im.length !== m)) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `expected a power of two of at most ${n / 2} slots, got ${m}`,
        'values',
      );
    }
    // The kernels' smallest ring is 16: shorter messages are repeated, which is the same message.
    const slots = Math.max(m, MIN_SUBRING / 2);
    const tables = fftTables(kernels, slots);
    const ptr = kernels.arena.alloc(2 * slots * 8);
    try {
      const buffer = kernels.f64(ptr, 2 * slots);
      for (let i = 0; i < slots; i++) {
        buffer[i] = re[i % m];
        buffer[slots + i] = im ? im[i % m] : 0;
      }
      kernels.x.fft_inverse(ptr, ptr + slots * 8, tables, slots);
      return this.#fromCoefficients(ptr, 2 * slots, level, scale, full);
    } finally {
      // The message itself.
      kernels.arena.freeZeroed(ptr);
    }
  }

  /** Encodes N coefficients as they are (coefficient packing). */
  encodeCoefficients(coefficients: ArrayLike<number>, level: number, scale: number): Plaintext {
    const { kernels, n } = this.context;
    if (coefficients.length !== n) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `expected ${n} coefficients, got ${coefficients.length}`,
        'coefficients',
      );
    }
    const ptr = this.context.alloc(1);
    try {
      kernels.f64(ptr, n).set(coefficients);
      return this.#fromCoefficients(ptr, n, level, scale, true);
    } finally {
      kernels.arena.freeZeroed(ptr);
    }
  }

  /** `ptr` holds the coefficients of a polynomial in X^(N/size). */
  #fromCoefficients(ptr: number, size: number, level: number, scale: number, full: boolean): Plaintext {
    const { kernels, n, moduli } = this.context;
    if (!Number.isFinite(scale) || scale <= 0) {
      throw new FheError('VALUE_RANGE', `scale is ${scale}, not a positive number`, 'scale');
    }
    const runLog = full ? 0 : Math.log2(n / size);
    let largest = 0;
    for (const c of kernels.f64(ptr, size)) {
      if (!Number.isFinite(c)) throw new FheError('VALUE_RANGE', 'a value is not finite', 'values');
      largest = Math.max(largest, Math.abs(c));
    }
    const plaintext = new Plaintext(this.context, level, scale, runLog);
    let product = 1;
    let smallest = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= level; i++) {
      product *= moduli[i].value;
      smallest = Math.min(smallest, moduli[i].value);
    }
    if (largest * scale >= Math.min(product / 2, smallest * MAX_QUOTIENT)) {
      plaintext.dispose();
      throw new FheError(
        'VALUE_RANGE',
        `a value of ${largest} at scale 2^${Math.log2(scale).toFixed(1)} does not fit the modulus at level ${level}`,
        'values',
      );
    }
    // A full vector repeats each value of the sub-ring, so that is worked out beside it.
    const spread = full && size < n;
    const scratch = spread ? kernels.arena.alloc((level + 1) * size * 8) : 0;
    const limb = (i: number) => (spread ? scratch + i * size * 8 : plaintext.limb(i));
    const subTables = Array.from({ length: level + 1 }, (_, i) => moduli[i].subTables(size));
    this.context.fork(level + 1, (TRANSFORM_PASSES + 1) * size, (i, x) => {
      const { value, inverse } = moduli[i];
      x.f_quantize(limb(i), ptr, scale, size, value, inverse);
      x.ntt_forward(limb(i), subTables[i], size, value, inverse);
    });
    if (spread) {
      const gap = n / size;
      for (let i = 0; i <= level; i++) {
        const target = kernels.f64(plaintext.limb(i), n);
        const source = kernels.f64(limb(i), size);
        for (let k = 0; k < size; k++) target.fill(source[k], k * gap, (k + 1) * gap);
      }
      kernels.arena.freeZeroed(scratch);
    }
    return plaintext;
  }

  /**
   * Slot values of a phase.
   * @param coefficients N centred coefficients, as `phase` returns them
   * @param slots period of the message (a power of two <= N/2)
   */
  decode(
    coefficients: Float64Array,
    scale: number,
    slots: number = this.context.n / 2,
  ): { re: Float64Array; im: Float64Array } {
    const { kernels, n } = this.context;
    if (!Number.isInteger(Math.log2(slots)) || slots < 1 || slots > n / 2 || coefficients.length !== n) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `expected ${n} coefficients and a power of two of at most ${n / 2} slots, got ${coefficients.length} and ${slots}`,
        'slots',
      );
    }
    const gap = n / (2 * slots);
    const tables = fftTables(kernels, slots);
    const ptr = kernels.arena.alloc(Math.max(16, 2 * slots) * 8);
    const buffer = kernels.f64(ptr, 2 * slots);
    for (let k = 0; k < 2 * slots; k++) buffer[k] = coefficients[k * gap] / scale;
    kernels.x.fft_forward(ptr, ptr + slots * 8, tables, slots);
    const out = kernels.f64(ptr, 2 * slots);
    const result = { re: out.slice(0, slots), im: out.slice(slots) };
    kernels.arena.freeZeroed(ptr);
    return result;
  }
}
