/**
 * NTT-friendly primes (q = 1 mod 2N) near a power of two, and the little number theory that set-up needs. BigInt: this
 * runs once per parameter set.
 * @module
 */
import { FheError } from '../errors.ts';

/** Residues are float lanes, exact below this bound (see docs/decisions/0001-float-lanes.md). */
export const MAX_MODULUS_BITS = 50;
export const MIN_MODULUS_BITS = 17;

export function powMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let b = base % modulus;
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * b) % modulus;
    b = (b * b) % modulus;
  }
  return result;
}

/** a^-1 mod q for prime q (Fermat). */
export function invMod(a: bigint, q: bigint): bigint {
  return powMod(((a % q) + q) % q, q - 2n, q);
}

// These bases make Miller-Rabin deterministic below 3.3e24 (Sorenson and Webster 2015).
const WITNESSES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n];

export function isPrime(value: number): boolean {
  if (!Number.isSafeInteger(value) || value < 2) return false;
  const n = BigInt(value);
  for (const p of WITNESSES) if (n % p === 0n) return n === p;
  let d = n - 1n;
  let r = 0;
  while ((d & 1n) === 0n) {
    d >>= 1n;
    r++;
  }
  next: for (const a of WITNESSES) {
    let x = powMod(a, d, n);
    if (x === 1n || x === n - 1n) continue;
    for (let i = 1; i < r; i++) {
      x = (x * x) % n;
      if (x === n - 1n) continue next;
    }
    return false;
  }
  return true;
}

/**
 * Distinct primes q = 1 mod 2^(logN+1), each as near as possible to 2^bits[i], alternating below and above so that
 * products of scales stay near powers of two. At 50 bits only primes below 2^50 qualify.
 * @throws FheError PARAMETERS_INVALID when a size is out of range or there are not enough primes.
 */
export function generatePrimes(
  logN: number,
  bits: readonly number[],
  avoid: readonly number[] = [],
): number[] {
  const used = new Set(avoid);
  const step = 2 ** (logN + 1);
  return bits.map((size) => {
    if (!Number.isInteger(size) || size < MIN_MODULUS_BITS || size > MAX_MODULUS_BITS || size <= logN + 1) {
      throw new FheError(
        'PARAMETERS_INVALID',
        `prime size of ${size} bits is not within ${MIN_MODULUS_BITS}..${MAX_MODULUS_BITS} bits or too small for N = 2^${logN}`,
        'bits',
      );
    }
    const centre = 2 ** size;
    const reach = Math.floor(centre / 8 / step);
    for (let k = 0; k <= reach; k++) {
      const below = centre + 1 - k * step;
      const above = centre + 1 + k * step;
      for (const q of [below, above]) {
        if (q >= 2 ** MAX_MODULUS_BITS || used.has(q) || !isPrime(q)) continue;
        used.add(q);
        return q;
      }
    }
    throw new FheError('PARAMETERS_INVALID', `no unused ${size}-bit prime = 1 mod 2^${logN + 1}`, 'bits');
  });
}

/** Some primitive 2n-th root of unity modulo q (canonical); the kernel then looks for the smallest. */
export function primitiveRoot(q: number, n: number): number {
  const Q = BigInt(q);
  const exponent = (Q - 1n) / BigInt(2 * n);
  for (let g = 2n; ; g++) {
    const root = powMod(g, exponent, Q);
    if (powMod(root, BigInt(n), Q) === Q - 1n) return Number(root);
  }
}

/** The representative of value in [-(q-1)/2, (q-1)/2]. */
export function centre(value: bigint, q: number): number {
  const Q = BigInt(q);
  const canonical = ((value % Q) + Q) % Q;
  return Number(canonical > Q / 2n ? canonical - Q : canonical);
}

/** The nearest integer to a double as a centred residue; exact also above 2^53, where doubles are integers. */
export function residueOf(value: number, q: number): number {
  const rounded = Math.round(value);
  const r = Number.isSafeInteger(rounded) ? rounded % q : Number(BigInt(rounded) % BigInt(q));
  return r > q / 2 ? r - q : r < -q / 2 ? r + q : r;
}
