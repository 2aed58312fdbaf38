/**
 * What the tests of this package share: two kernel builds, small contexts, clear arithmetic to compare with. Not
 * exported.
 * @module
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { Encoder, type SlotValues } from '../ckks/encoder.ts';
import { EvaluationKeys, RELINEARIZATION } from '../ckks/evaluation-keys.ts';
import { Evaluator } from '../ckks/evaluator.ts';
import type { FheErrorCode } from '../errors.ts';
import type { Ciphertext } from '../rlwe/ciphertext.ts';
import { Context } from '../rlwe/context.ts';
import { encrypt, phase } from '../rlwe/encryption.ts';
import { createParameters, literalFromBits } from '../rlwe/parameters.ts';
import { SecretKey } from '../rlwe/secret-key.ts';
import {
  generateGaloisKey,
  generateRelinearizationKey,
  type SwitchingKeySpec,
} from '../rlwe/switching-key.ts';

/** The first build and the last; the first must run wherever the tests do. The one between: builds.test.ts. */
export const builds: Kernels[] = [
  await loadKernels({ build: 'wasm-wide' }),
  await loadKernels({ build: 'wasm-portable' }),
];

/** Runs a suite over both builds. */
export function overBuilds(name: string, define: (kernels: Kernels) => void): void {
  for (const kernels of builds) describe(`${name}, ${kernels.build}`, () => define(kernels));
}

export const LOG_N = 10;
export const SCALE = 2 ** 40;

/** A ring that is far too small to be secure and therefore fast: q of 50 and then 40 bits, p of 50. */
export function smallContext(kernels: Kernels, levels = 3, special = 1, logN = LOG_N): Context {
  const literal = literalFromBits({
    logN,
    logQ: [50, ...new Array<number>(levels).fill(40)],
    logP: new Array<number>(special).fill(50),
    insecure: true,
  });
  return new Context(kernels, createParameters(literal));
}

export interface Complex {
  re: Float64Array;
  im: Float64Array;
}

/** mulberry32, so that a failing case can be run again. */
export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Complex values in the square of half-width `bound`. */
export function complexes(length: number, seed: number, bound = 1): Complex {
  const next = random(seed);
  const draw = () => Float64Array.from({ length }, () => bound * (2 * next() - 1));
  return { re: draw(), im: draw() };
}

export const reals = (length: number, seed: number, bound = 1): Float64Array =>
  complexes(length, seed, bound).re;

/** Value by value; each operation of the evaluator has its counterpart here. */
export function pointwise(
  a: Complex,
  b: Complex,
  f: (a: [number, number], b: [number, number]) => [number, number],
): Complex {
  const re = new Float64Array(a.re.length);
  const im = new Float64Array(a.re.length);
  for (let i = 0; i < re.length; i++) [re[i], im[i]] = f([a.re[i], a.im[i]], [b.re[i], b.im[i]]);
  return { re, im };
}

export const plus = (a: Complex, b: Complex): Complex =>
  pointwise(a, b, ([ar, ai], [br, bi]) => [ar + br, ai + bi]);
export const minus = (a: Complex, b: Complex): Complex =>
  pointwise(a, b, ([ar, ai], [br, bi]) => [ar - br, ai - bi]);
export const times = (a: Complex, b: Complex): Complex =>
  pointwise(a, b, ([ar, ai], [br, bi]) => [ar * br - ai * bi, ar * bi + ai * br]);
export const scaled = (a: Complex, factor: number): Complex =>
  pointwise(a, a, ([re, im]) => [re * factor, im * factor]);
export const shifted = (a: Complex, by: number): Complex => pointwise(a, a, ([re, im]) => [re + by, im]);
export const conjugated = (a: Complex): Complex => pointwise(a, a, ([re, im]) => [re, -im]);
export const rotated = (a: Complex, steps: number): Complex => {
  const m = a.re.length;
  const at = (v: Float64Array) => v.map((_, i) => v[(((i + steps) % m) + m) % m]);
  return { re: at(a.re), im: at(a.im) };
};

/** Largest distance of two values in a slot. */
export function distance(a: Complex, b: Complex): number {
  assert.equal(a.re.length, b.re.length);
  let worst = 0;
  for (let i = 0; i < a.re.length; i++) {
    const d = Math.hypot(a.re[i] - b.re[i], a.im[i] - b.im[i]);
    if (!(d <= worst)) worst = d;
  }
  return worst;
}

export function assertClose(actual: Complex, expected: Complex, tolerance: number, what = 'values'): void {
  const d = distance(actual, expected);
  assert.ok(d <= tolerance, `${what} are ${d} apart, more than ${tolerance}`);
}

export const real = (re: ArrayLike<number>): Complex => ({
  re: Float64Array.from(re),
  im: new Float64Array(re.length),
});

export interface KeySpec extends SwitchingKeySpec {
  steps?: readonly number[];
  conjugate?: boolean;
  relinearization?: boolean;
}

/** One party that holds everything: encodes, encrypts, evaluates and decrypts. */
export class Party {
  readonly context: Context;
  readonly encoder: Encoder;
  readonly secret: SecretKey;
  readonly keys = new EvaluationKeys();
  readonly evaluator: Evaluator;

  constructor(context: Context, keySpecs: readonly KeySpec[] = []) {
    this.context = context;
    this.encoder = new Encoder(context);
    this.secret = SecretKey.generate(context);
    this.evaluator = new Evaluator(context, this.keys);
    for (const spec of keySpecs) this.addKeys(spec);
  }

  addKeys(spec: KeySpec): void {
    const galois = (spec.steps ?? []).map((s) => this.context.galoisElement(s));
    if (spec.conjugate) galois.push(this.context.conjugation);
    for (const g of galois) this.keys.set(g, generateGaloisKey(this.secret, g, spec));
    if (spec.relinearization) this.keys.set(RELINEARIZATION, generateRelinearizationKey(this.secret, spec));
  }

  get slots(): number {
    return this.context.n / 2;
  }

  encrypt(values: SlotValues | ArrayLike<number>, level = this.context.maxLevel, scale = SCALE): Ciphertext {
    const plaintext = this.encoder.encode(values, level, scale, true);
    const { ciphertext } = encrypt(this.secret, plaintext);
    plaintext.dispose();
    return ciphertext;
  }

  decrypt(ciphertext: Ciphertext, slots?: number): Complex {
    return this.encoder.decode(phase(this.secret, ciphertext), ciphertext.scale, slots);
  }

  dispose(): void {
    this.keys.dispose();
    this.secret.dispose();
  }
}

/** The bits of some limbs, as they lie in memory. */
export function bits(ciphertext: Ciphertext): Uint8Array {
  const { context, degree, level } = ciphertext;
  const bytes = context.limbBytes(level + 1);
  const parts = Array.from({ length: degree + 1 }, (_, part) =>
    context.kernels.u8(ciphertext.limb(part, 0), bytes).slice(),
  );
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** `body` leaves as many blocks and bytes alive as it found. */
export function assertNoLeak(kernels: Kernels, body: () => void): void {
  const before = { bytes: kernels.arena.liveBytes, blocks: kernels.arena.liveBlocks };
  body();
  const after = { bytes: kernels.arena.liveBytes, blocks: kernels.arena.liveBlocks };
  assert.deepEqual(after, before, 'live memory');
}

/** `body` throws an FheError with this code, and allocates nothing that stays. */
export function assertCode(kernels: Kernels, code: FheErrorCode, body: () => unknown): void {
  assertNoLeak(kernels, () => assert.throws(body, { name: 'FheError', code }));
}
