/**
 * Parameter sets of TFHE. Only published sets are taken: their security and their failure probability are known, and a
 * set is named on the wire by its number alone. `TINY_*` are far too small to be secure, and exist for fast tests.
 *
 * The torus of GLWE and big LWE ciphertexts has 52 bits (doubles in [-1/2, 1/2)), that of the small LWE 32 bits; noise
 * published as TUniform(2^b) on 2^64 is TUniform(2^(b-12)) and TUniform(2^(b-32)) here: the same part of the torus.
 * @module
 */
import { TfheError } from './errors.ts';

/** Plain data; compare with the published names in the comments of the sets below. */
export interface TfheLiteral {
  readonly name: string;
  /** Number of the set on the wire; never reused. 0x8000 and above are insecure. */
  readonly id: number;
  /** A block has messageBits and carryBits below one bit of padding. */
  readonly messageBits: number;
  readonly carryBits: number;
  /** n: dimension of the small LWE, modulus 2^32, binary key. */
  readonly lweDimension: number;
  /** b of its noise TUniform(2^b) / 2^32. */
  readonly lweNoiseBits: number;
  /** k polynomials of N coefficients in a GLWE mask, binary key. */
  readonly glweDimension: number;
  readonly polynomialSize: number;
  /** b of its noise TUniform(2^b) / 2^52. */
  readonly glweNoiseBits: number;
  /** Decomposition of the bootstrap: `levels` digits of `baseLog` bits. */
  readonly pbsBaseLog: number;
  readonly pbsLevels: number;
  /** Decomposition of the key switch. */
  readonly ksBaseLog: number;
  readonly ksLevels: number;
  /** Largest variance, in units of a bootstrap's output, that may enter a bootstrap: the square of the 2-norm. */
  readonly maxNoise: number;
  /** log2 of the failure probability of a bootstrap at `maxNoise`, at most; see NoiseModel. */
  readonly logFailure: number;
}

/**
 * 2 bits of message, 2 of carry: the default.
 * tfhe-rs V1_7 PARAM_MESSAGE_2_CARRY_2_KS32_PBS_TUNIFORM_2M128 with the centred-mean modulus switch: n = 918, TUniform(13)
 * on 2^32; k = 1, N = 2048, TUniform(17) on 2^64; 2-norm 5; 128 bits (lattice estimator, MATZOV); published failure
 * probability 2^-129.58.
 */
export const MESSAGE_2_CARRY_2: TfheLiteral = Object.freeze({
  name: 'MESSAGE_2_CARRY_2',
  id: 1,
  messageBits: 2,
  carryBits: 2,
  lweDimension: 918,
  lweNoiseBits: 13,
  glweDimension: 1,
  polynomialSize: 2048,
  glweNoiseBits: 5,
  pbsBaseLog: 23,
  pbsLevels: 1,
  ksBaseLog: 4,
  ksLevels: 4,
  maxNoise: 25,
  logFailure: -129,
});

/**
 * 1 bit of message, 1 of carry.
 * tfhe-rs V1_4 PARAM_MESSAGE_1_CARRY_1_KS_PBS_TUNIFORM_2M128: n = 879, TUniform(46) on 2^64; k = 4, N = 512, TUniform(17);
 * 2-norm 3; 128 bits; published failure probability 2^-144.3.
 */
export const MESSAGE_1_CARRY_1: TfheLiteral = Object.freeze({
  name: 'MESSAGE_1_CARRY_1',
  id: 2,
  messageBits: 1,
  carryBits: 1,
  lweDimension: 879,
  lweNoiseBits: 14,
  glweDimension: 4,
  polynomialSize: 512,
  glweNoiseBits: 5,
  pbsBaseLog: 23,
  pbsLevels: 1,
  ksBaseLog: 5,
  ksLevels: 3,
  maxNoise: 9,
  logFailure: -142,
});

/**
 * Bits without a carry, for gates: the sum of two bits enters a bootstrap (2-norm sqrt 2).
 * GLWE of MESSAGE_1_CARRY_1. Small LWE: n = 739 as in tfhe-rs' boolean DEFAULT_PARAMETERS_KS_PBS, whose noise there is
 * Gaussian of 2^-15.7; here it is wider, TUniform(50) on 2^64 (2^-14.8), which tfhe-rs publishes as secure already
 * for n = 687 (PARAM_MESSAGE_1_CARRY_0_KS_PBS_TUNIFORM_2M64). Failure probability from our noise model.
 */
export const BOOLEAN: TfheLiteral = Object.freeze({
  name: 'BOOLEAN',
  id: 3,
  messageBits: 1,
  carryBits: 0,
  lweDimension: 739,
  lweNoiseBits: 18,
  glweDimension: 4,
  polynomialSize: 512,
  glweNoiseBits: 5,
  pbsBaseLog: 23,
  pbsLevels: 1,
  ksBaseLog: 3,
  ksLevels: 4,
  maxNoise: 2,
  logFailure: -148,
});

/** INSECURE, for tests: the plaintexts, decompositions and noises of MESSAGE_2_CARRY_2 on small dimensions. */
export const TINY_2_2: TfheLiteral = Object.freeze({
  ...MESSAGE_2_CARRY_2,
  name: 'TINY_2_2',
  id: 0x8001,
  lweDimension: 32,
  polynomialSize: 512,
});

/** INSECURE, for tests: several mask polynomials and several levels. */
export const TINY_1_1: TfheLiteral = Object.freeze({
  ...MESSAGE_1_CARRY_1,
  name: 'TINY_1_1',
  id: 0x8002,
  lweDimension: 24,
  glweDimension: 2,
  pbsBaseLog: 10,
  pbsLevels: 2,
});

export const TFHE_SETS: readonly TfheLiteral[] = Object.freeze([
  MESSAGE_2_CARRY_2,
  MESSAGE_1_CARRY_1,
  BOOLEAN,
  TINY_2_2,
  TINY_1_1,
]);

/** A checked, immutable set with what follows from it. */
export interface TfheParameters extends TfheLiteral {
  readonly insecure: boolean;
  /** Values of a block below the padding bit, and boxes of a look-up table: 2^(messageBits + carryBits). */
  readonly boxes: number;
  /** The torus distance of neighbouring values: 1 / (2 boxes). */
  readonly delta: number;
  /** k N: dimension of a block's (big) LWE ciphertext. */
  readonly bigDimension: number;
  /** log2(2N): bits of a coefficient after the modulus switch. */
  readonly switchBits: number;
}

/** Weaker sets are taken only with this. For tests. */
export interface InsecureOption {
  insecure?: boolean;
}

/**
 * Checks a literal and completes it.
 * @throws TfheError PARAMETERS_INVALID when it is not one of the sets, PARAMETERS_INSECURE for a TINY one without `insecure`
 */
export function tfheParameters(literal: TfheLiteral, options: InsecureOption = {}): TfheParameters {
  const known = TFHE_SETS.find(({ id }) => id === literal?.id);
  const names = TFHE_SETS.filter((set) => !isInsecure(set)).map(({ name }) => name);
  if (known === undefined) {
    throw new TfheError(
      'PARAMETERS_INVALID',
      `unknown parameter set ${String(literal?.id)}: take one of ${names.join(', ')}`,
      'literal',
    );
  }
  for (const field of Object.keys(known) as (keyof TfheLiteral)[]) {
    if (literal[field] !== known[field]) {
      throw new TfheError(
        'PARAMETERS_INVALID',
        `${field} is ${String(literal[field])}, but ${known.name} has ${known[field]}: the sets cannot be changed`,
        field,
      );
    }
  }
  const insecure = isInsecure(known);
  if (insecure && options.insecure !== true) {
    throw new TfheError(
      'PARAMETERS_INSECURE',
      `${known.name} is not secure; take one of ${names.join(', ')} (tests may pass insecure: true)`,
      'literal',
    );
  }
  const boxes = 2 ** (known.messageBits + known.carryBits);
  return Object.freeze({
    ...known,
    insecure,
    boxes,
    delta: 1 / (2 * boxes),
    bigDimension: known.glweDimension * known.polynomialSize,
    switchBits: Math.log2(2 * known.polynomialSize),
  });
}

const isInsecure = ({ id }: TfheLiteral): boolean => id >= 0x8000;
