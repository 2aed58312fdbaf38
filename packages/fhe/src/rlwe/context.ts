/**
 * A parameter set brought to life in one kernel instance: NTT tables, automorphism tables and conversion constants,
 * made when first needed and shared by all that works on these parameters.
 * @module
 */
import type { ForkBody, Kernels, RecordableExports } from '@velum/kernels';
import { FheError } from '../errors.ts';
import { type Domain, nonce } from '../random.ts';
import { conversionConstants, product, reconstructionConstants } from '../ring/base-conversion.ts';
import { rotationElement } from '../ring/galois.ts';
import { Modulus } from '../ring/modulus.ts';
import { centre, invMod } from '../ring/primes.ts';
import type { Parameters } from './parameters.ts';

/** Element-wise work on fewer values than this is done before another thread has woken up: some 15 us. */
const FORK_VALUES = 2 ** 15;
/** Tasks for each thread, so that the last ones to end do not keep the others waiting for long. */
const TASKS_A_THREAD = 8;
const MIN_PIECE = 512;

/** What a transform costs, in passes of element-wise work. */
export const TRANSFORM_PASSES = 8;

export class Context {
  readonly kernels: Kernels;
  readonly parameters: Parameters;
  readonly n: number;
  /** The modulus chain q_0 ... q_L followed by the special primes: the index of a limb on the wire. */
  readonly moduli: readonly Modulus[];
  readonly chainLength: number;
  readonly #pointers = new Map<string, number>();
  readonly #scalars = new Map<string, number[]>();
  readonly #seedPtr: number;

  constructor(kernels: Kernels, parameters: Parameters) {
    this.kernels = kernels;
    this.parameters = parameters;
    this.n = parameters.n;
    this.chainLength = parameters.q.length;
    this.moduli = [...parameters.q, ...parameters.p].map(
      (value) => new Modulus(kernels, value, parameters.n),
    );
    this.#seedPtr = kernels.arena.alloc(64);
  }

  get maxLevel(): number {
    return this.chainLength - 1;
  }

  /** Bytes of `limbs` residue vectors. */
  limbBytes(limbs: number): number {
    return limbs * this.n * 8;
  }

  alloc(limbs: number): number {
    return this.kernels.arena.alloc(this.limbBytes(limbs));
  }

  free(ptr: number): void {
    this.kernels.arena.free(ptr);
  }

  /** Indices into `moduli` of q_0 ... q_level and the first `special` special primes. */
  basis(level: number, special: number): number[] {
    const indices: number[] = [];
    for (let i = 0; i <= level; i++) indices.push(i);
    for (let k = 0; k < special; k++) indices.push(this.chainLength + k);
    return indices;
  }

  /** @param x the kernels to use: in the body of a fork, its own */
  copyLimbs(dst: number, src: number, limbs: number, x: RecordableExports = this.kernels.x): void {
    x.v_copy(dst, src, limbs * this.n);
  }

  /**
   * `Kernels.fork`, or the same on this thread alone when there is too little to do.
   * @param values about how many values a task reads or writes element by element
   */
  fork(tasks: number, values: number, body: ForkBody): void {
    const { kernels } = this;
    if (kernels.threads > 1 && tasks * values >= FORK_VALUES) kernels.fork(tasks, body);
    else for (let task = 0; task < tasks; task++) body(task, kernels.x);
  }

  /** Into how many pieces to cut the vectors of `tasks` element-wise tasks, so that all threads are kept busy. */
  pieces(tasks: number): number {
    const { threads } = this.kernels;
    if (threads === 1) return 1;
    let pieces = 1;
    while (tasks * pieces < TASKS_A_THREAD * threads && this.n / pieces > MIN_PIECE) pieces *= 2;
    return pieces;
  }

  /** Constants of the base conversion between two sets of moduli (indices), cached. */
  conversion(from: readonly number[], to: readonly number[]): number {
    return this.#cached(`c${from}>${to}`, () =>
      conversionConstants(
        this.kernels,
        from.map((i) => this.moduli[i]),
        to.map((i) => this.moduli[i]),
      ),
    );
  }

  reconstruction(limbs: number): number {
    return this.#cached(`r${limbs}`, () =>
      reconstructionConstants(this.kernels, this.moduli.slice(0, limbs)),
    );
  }

  /** Index table of X -> X^galois for vectors in the NTT domain. */
  galoisTable(galois: number): number {
    return this.#cached(`g${galois}`, () => {
      const ptr = this.kernels.arena.alloc(this.n * 4);
      this.kernels.x.galois_index(ptr, this.n, galois);
      return ptr;
    });
  }

  /** product(moduli[of]) mod each of moduli[modulo], centred; inverted when `inverse`. */
  productModulo(of: readonly number[], modulo: readonly number[], inverse: boolean): number[] {
    const key = `${of}|${modulo}|${inverse}`;
    let values = this.#scalars.get(key);
    if (!values) {
      const P = product(of.map((i) => this.moduli[i]));
      values = modulo.map((i) => {
        const q = this.moduli[i].value;
        return centre(inverse ? invMod(P, BigInt(q)) : P, q);
      });
      this.#scalars.set(key, values);
    }
    return values;
  }

  /** Runs `draw` with pointers to the ChaCha20 key and nonce, and wipes the key afterwards. */
  withStream(
    seed: Uint8Array,
    domain: Domain,
    index: number,
    limb: number,
    draw: (key: number, nonce: number) => void,
  ): void {
    this.kernels.u8(this.#seedPtr, 32).set(seed);
    this.kernels.u8(this.#seedPtr + 32, 12).set(nonce(domain, index, limb));
    draw(this.#seedPtr, this.#seedPtr + 32);
    this.kernels.u8(this.#seedPtr, 64).fill(0);
  }

  /** The Galois element of a rotation of the slots to the left by `steps`: 5^steps mod 2N. */
  galoisElement(steps: number): number {
    return rotationElement(this.parameters.logN, steps);
  }

  /** The Galois element of complex conjugation. */
  get conjugation(): number {
    return 2 * this.n - 1;
  }

  #cached(key: string, make: () => number): number {
    let ptr = this.#pointers.get(key);
    if (ptr === undefined) {
      ptr = make();
      this.#pointers.set(key, ptr);
    }
    return ptr;
  }

  /** Frees the tables. Whatever was made from this context must be disposed of before. */
  dispose(): void {
    for (const ptr of this.#pointers.values()) this.kernels.arena.free(ptr);
    this.#pointers.clear();
    for (const modulus of this.moduli) modulus.dispose();
    this.kernels.arena.free(this.#seedPtr);
  }
}

export function sameContext(a: Context, b: Context): void {
  if (a !== b) throw new FheError('CONTEXT_MISMATCH', 'the operands belong to different contexts', 'context');
}
