/**
 * TFHE once more, slowly and exactly: BigInt modulo 2^52, schoolbook products, Node's own ChaCha20, written from
 * docs/wire-formats.md. What the kernels compute is compared with it. Not exported.
 * @module
 */
import { createCipheriv } from 'node:crypto';
import { TFHE_HEADER_BYTES } from '../tfhe/container.ts';
import type { TfheParameters } from '../tfhe/parameters.ts';

/** Coefficients as integers modulo 2^52, centred: torus elements times 2^52. */
export type Polynomial = bigint[];
/** Mask polynomials, then the body. */
export type Glwe = Polynomial[];

export const centred = (value: bigint): bigint => BigInt.asIntN(52, value);
export const toTorus = (value: bigint): number => Number(centred(value)) / 2 ** 52;
export const fromTorus = (value: number): bigint => BigInt(value * 2 ** 52);

/** ChaCha20 keystream from a 64-byte block on; `nonce` is domain, index, limb. */
export function keystream(seed: Uint8Array, nonce: readonly number[], bytes: number, block = 0): DataView {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(block);
  nonce.forEach((word, i) => {
    iv.writeUInt32LE(word, 4 + 4 * i);
  });
  const stream = createCipheriv('chacha20', seed, iv).update(Buffer.alloc(bytes));
  return new DataView(stream.buffer, stream.byteOffset, bytes);
}

export function uniform(seed: Uint8Array, nonce: readonly number[], count: number): Polynomial {
  const stream = keystream(seed, nonce, 8 * count);
  return Array.from({ length: count }, (_, i) => centred(stream.getBigUint64(8 * i, true)));
}

/** Value i of `bits` bits of a stream, lowest bit first. */
export function bitsAt(bytes: Uint8Array, bits: number, i: number): bigint {
  let value = 0n;
  for (let byte = Math.floor((i * bits) / 8); byte * 8 < (i + 1) * bits; byte++) {
    const shift = BigInt(byte * 8 - i * bits);
    value |= shift >= 0n ? BigInt(bytes[byte]) << shift : BigInt(bytes[byte]) >> -shift;
  }
  return value & ((1n << BigInt(bits)) - 1n);
}

const LIMB = 18n;
const LIMBS = [0n, 1n, 2n];

/** a s modulo X^N + 1 and 2^52 for small integers s: three products of 18-bit limbs, whose sums doubles hold exactly. */
export function multiply(a: Polynomial, s: readonly number[]): Polynomial {
  const n = a.length;
  const sum = new Array<bigint>(n).fill(0n);
  for (const l of LIMBS) {
    const limb = Float64Array.from(a, (value) =>
      Number((BigInt.asUintN(52, value) >> (LIMB * l)) & 0x3ffffn),
    );
    const product = new Float64Array(2 * n);
    s.forEach((factor, i) => {
      if (factor !== 0) for (let j = 0; j < n; j++) product[i + j] += factor * limb[j];
    });
    for (let j = 0; j < n; j++) sum[j] += BigInt(product[j] - product[j + n]) << (LIMB * l);
  }
  return sum.map(centred);
}

/** a X^e, e modulo 2N. */
export function rotate(a: Polynomial, e: number): Polynomial {
  const n = a.length;
  return a.map((_, j) => {
    const from = (((j - e) % (2 * n)) + 2 * n) % (2 * n);
    return from < n ? a[from] : -a[from - n];
  });
}

export const plus = (a: Polynomial, b: Polynomial): Polynomial => a.map((value, i) => centred(value + b[i]));
export const minus = (a: Polynomial, b: Polynomial): Polynomial => a.map((value, i) => centred(value - b[i]));

/** body - sum of mask_j S_j */
export function glwePhase(glwe: Glwe, key: readonly number[]): Polynomial {
  const n = glwe[0].length;
  const body = glwe[glwe.length - 1];
  return glwe
    .slice(0, -1)
    .reduce((phase, mask, j) => minus(phase, multiply(mask, key.slice(j * n, (j + 1) * n))), body);
}

/** value / 2^shift, to the nearest integer, ties to even. */
function roundShift(value: bigint, shift: bigint): bigint {
  const low = BigInt.asUintN(Number(shift), value);
  const floor = (value - low) >> shift;
  const half = 1n << (shift - 1n);
  return floor + (low > half || (low === half && (floor & 1n) === 1n) ? 1n : 0n);
}

/** Signed digits of a torus element, most significant first. */
export function digits(value: bigint, baseLog: number, levels: number): number[] {
  let rest = roundShift(centred(value), BigInt(52 - baseLog * levels));
  const found: number[] = [];
  for (let level = levels - 1; level >= 0; level--) {
    const upper = roundShift(rest, BigInt(baseLog));
    found[level] = Number(rest - (upper << BigInt(baseLog)));
    rest = upper;
  }
  return found;
}

/** The key that a seeded server key's bytes stand for. */
export class ReferenceServerKey {
  readonly #parameters: TfheParameters;
  readonly #payload: Uint8Array;
  readonly #rows: number;
  readonly #bodyBytes: number;
  readonly #read = new Map<number, Glwe>();

  constructor(parameters: TfheParameters, bytes: Uint8Array) {
    this.#parameters = parameters;
    this.#payload = bytes.subarray(TFHE_HEADER_BYTES);
    this.#rows = (parameters.glweDimension + 1) * parameters.pbsLevels;
    this.#bodyBytes = (parameters.polynomialSize * 52) / 8;
  }

  get #seed(): Uint8Array {
    return this.#payload.subarray(0, 32);
  }

  /** Row of the GGSW of bit i. */
  ggswRow(i: number, row: number): Glwe {
    const index = i * this.#rows + row;
    const glwe = this.#read.get(index) ?? this.#readRow(index);
    this.#read.set(index, glwe);
    return glwe;
  }

  #readRow(index: number): Glwe {
    const { glweDimension, polynomialSize } = this.#parameters;
    const masks = Array.from({ length: glweDimension }, (_, j) =>
      uniform(this.#seed, [19, index, j], polynomialSize),
    );
    const body = this.#payload.subarray(32 + index * this.#bodyBytes);
    return [...masks, Array.from({ length: polynomialSize }, (_, j) => centred(bitsAt(body, 52, j)))];
  }

  /** Row (i, level) of the key-switching key: n mask words and the body, modulo 2^32. */
  keySwitchRow(row: number): Int32Array {
    const { lweDimension, ksLevels, bigDimension } = this.#parameters;
    const start = row * Math.ceil(lweDimension / 64) * 4;
    const stream = keystream(this.#seed, [20, 0, 0], 4 * lweDimension, start);
    const out = new Int32Array(lweDimension + 1);
    for (let j = 0; j < lweDimension; j++) out[j] = stream.getInt32(4 * j, true);
    const view = new DataView(this.#payload.buffer, this.#payload.byteOffset);
    out[lweDimension] = view.getInt32(this.#payload.length - 4 * (bigDimension * ksLevels - row), true);
    return out;
  }

  /** From kN + 1 torus integers to n + 1 integers modulo 2^32. */
  keySwitch(row: readonly bigint[]): Int32Array {
    const { lweDimension, bigDimension, ksBaseLog, ksLevels } = this.#parameters;
    const out = new Int32Array(lweDimension + 1);
    out[lweDimension] = Number(BigInt.asIntN(32, roundShift(row[bigDimension], 20n)));
    for (let i = 0; i < bigDimension; i++) {
      const value = roundShift(row[i], BigInt(52 - ksBaseLog * ksLevels));
      let rest = Number(value);
      for (let level = ksLevels - 1; level >= 0; level--) {
        // Halves go down here: the digit is in [-B/2, B/2).
        const base = 2 ** ksBaseLog;
        const digit = ((((rest + base / 2) % base) + base) % base) - base / 2;
        rest = (rest - digit) / base;
        const key = this.keySwitchRow(i * ksLevels + level);
        for (let j = 0; j <= lweDimension; j++) out[j] -= Math.imul(digit, key[j]);
      }
    }
    return out;
  }

  /** To integers modulo 2N, the mean of the mask's rounding errors subtracted from the body. */
  modSwitch(row: Int32Array): number[] {
    const { lweDimension, switchBits } = this.#parameters;
    const modulus = 2 ** switchBits;
    const unit = 2 ** 32 / modulus;
    let errors = 0;
    const out: number[] = [];
    for (let i = 0; i < lweDimension; i++) {
      const rounded = Math.floor(row[i] / unit + 0.5);
      errors += row[i] - rounded * unit;
      out.push(rounded & (modulus - 1));
    }
    return [...out, Math.floor((row[lweDimension] - errors / 2) / unit + 0.5) & (modulus - 1)];
  }

  /** glwe + bit i * (X^e - 1) glwe */
  rotateIf(i: number, e: number, glwe: Glwe): Glwe {
    const { pbsBaseLog, pbsLevels } = this.#parameters;
    const out = [...glwe];
    glwe.forEach((polynomial, component) => {
      const all = minus(rotate(polynomial, e), polynomial).map((value) =>
        digits(value, pbsBaseLog, pbsLevels),
      );
      for (let level = 0; level < pbsLevels; level++) {
        const row = this.ggswRow(i, component * pbsLevels + level);
        const small = all.map((values) => values[level]);
        row.forEach((column, c) => {
          out[c] = plus(out[c], multiply(column, small));
        });
      }
    });
    return out;
  }

  /** table X^-phase as a GLWE ciphertext. */
  blindRotate(switched: readonly number[], table: Polynomial): Glwe {
    const { lweDimension, glweDimension, polynomialSize } = this.#parameters;
    const zero = new Array<bigint>(polynomialSize).fill(0n);
    let glwe: Glwe = [
      ...Array.from({ length: glweDimension }, () => zero),
      rotate(table, -switched[lweDimension]),
    ];
    for (let i = 0; i < lweDimension; i++) {
      if (switched[i] !== 0) glwe = this.rotateIf(i, switched[i], glwe);
    }
    return glwe;
  }
}

/** The row of coefficient `index`: kN mask integers and the body. */
export function extract(glwe: Glwe, index: number): bigint[] {
  const row = glwe
    .slice(0, -1)
    .flatMap((mask) => mask.map((_, i) => (i <= index ? mask[index - i] : -mask[mask.length + index - i])));
  return [...row, glwe[glwe.length - 1][index]];
}

/** body - <mask, key> */
export const lwePhase = (row: readonly bigint[], key: readonly number[]): bigint =>
  centred(key.reduce((phase, bit, i) => phase - row[i] * BigInt(bit), row[key.length]));
