/**
 * Parameters of an RLWE scheme. The literal is plain JSON and may come from outside; `Parameters` is checked and
 * immutable, and is made by one function that refuses what is insecure.
 * @module
 */
import { FheError } from '../errors.ts';
import { generatePrimes, isPrime, MAX_MODULUS_BITS, MIN_MODULUS_BITS } from '../ring/primes.ts';
import { maxLogQP } from '../security/limits.ts';

export interface ParametersLiteral {
  /** log2 of the ring degree, 10..16 (17 with `insecure`). */
  logN: number;
  /** The modulus chain q_0 ... q_L, primes = 1 mod 2N, below 2^50. */
  q: number[];
  /** Special primes for key switching; may be empty when no key is needed. */
  p: number[];
  /** Allows parameters below 128-bit security. For tests only. */
  insecure?: boolean;
}

export interface Parameters extends Readonly<ParametersLiteral> {
  readonly q: readonly number[] & number[];
  readonly p: readonly number[] & number[];
  readonly n: number;
  readonly maxLevel: number;
  readonly logQP: number;
}

/** Literal with primes made for the wanted sizes in bits. */
export function literalFromBits(spec: {
  logN: number;
  logQ: number[];
  logP: number[];
  insecure?: boolean;
}): ParametersLiteral {
  const primes = generatePrimes(spec.logN, [...spec.logQ, ...spec.logP]);
  const literal: ParametersLiteral = {
    logN: spec.logN,
    q: primes.slice(0, spec.logQ.length),
    p: primes.slice(spec.logQ.length),
  };
  if (spec.insecure) literal.insecure = true;
  return literal;
}

/** Primes of q at most: one more than the levels. */
export const MAX_CHAIN = 32;

/** Parameters come from outside too, and an object without a prototype cannot even be printed. */
const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? 'an object' : String(value);

/**
 * Checks a literal and freezes it.
 * @throws FheError PARAMETERS_INVALID for wrong shapes or moduli, PARAMETERS_INSECURE above the 128-bit table.
 */
export function createParameters(literal: ParametersLiteral): Parameters {
  if (typeof literal !== 'object' || literal === null) {
    throw new FheError('PARAMETERS_INVALID', `parameters are an object, not ${shown(literal)}`, 'literal');
  }
  const { logN } = literal;
  if (!Number.isInteger(logN) || logN < 10 || logN > 17) {
    throw new FheError(
      'PARAMETERS_INVALID',
      `logN is ${shown(logN)}; it must be an integer in 10..17`,
      'logN',
    );
  }
  if (!Array.isArray(literal.q) || literal.q.length < 1 || literal.q.length > MAX_CHAIN) {
    throw new FheError('PARAMETERS_INVALID', `q must hold 1 to ${MAX_CHAIN} primes`, 'q');
  }
  if (!Array.isArray(literal.p) || literal.p.length > 8) {
    throw new FheError('PARAMETERS_INVALID', 'p must hold at most 8 primes', 'p');
  }
  const primes = [...literal.q, ...literal.p];
  for (const prime of primes) {
    if (
      !Number.isSafeInteger(prime) ||
      prime < 2 ** (MIN_MODULUS_BITS - 1) ||
      prime >= 2 ** MAX_MODULUS_BITS ||
      prime % 2 ** (logN + 1) !== 1 ||
      !isPrime(prime)
    ) {
      throw new FheError(
        'PARAMETERS_INVALID',
        `modulus ${shown(prime)} is not a prime = 1 mod 2^${logN + 1} of ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS} bits`,
        'q',
      );
    }
  }
  if (new Set(primes).size !== primes.length)
    throw new FheError('PARAMETERS_INVALID', 'a modulus occurs twice', 'q');
  const logQP = primes.reduce((sum, prime) => sum + Math.log2(prime), 0);
  if (logQP > maxLogQP(logN) && literal.insecure !== true) {
    throw new FheError(
      'PARAMETERS_INSECURE',
      `log2(QP) = ${logQP.toFixed(1)} exceeds ${maxLogQP(logN)}, the 128-bit limit for N = 2^${logN}; use a larger ring or fewer moduli`,
      'q',
    );
  }
  return Object.freeze({
    logN,
    q: Object.freeze([...literal.q]) as readonly number[] & number[],
    p: Object.freeze([...literal.p]) as readonly number[] & number[],
    ...(literal.insecure ? { insecure: true } : {}),
    n: 2 ** logN,
    maxLevel: literal.q.length - 1,
    logQP,
  });
}
