/**
 * The server key in memory: the bootstrapping key in Fourier form and the key-switching key with its masks. Loading expands
 * the seeded bytes in pieces, on all threads, and lets the event loop run in between.
 * @module
 */
import { type Kernels, tfheBskEntryBytes, tfheRowStride } from '@velum/kernels';
import { Domain, nonce, SEED_BYTES } from '../random.ts';
import { openContainer, TORUS_BITS } from './container.ts';
import { TorusContext } from './context.ts';
import { TfheError } from './errors.ts';
import type { InsecureOption, TfheParameters } from './parameters.ts';
import { ggswBodyBytes, ggswRows } from './server-key-writer.ts';

const NONCE_BYTES = 12;
/** GGSWs expanded for each thread before the event loop runs again: a few milliseconds. */
const GGSWS_A_THREAD = 16;
const KEY_SWITCH_ROWS = 512;

/** Lets timers, messages and cancellations through. */
export const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export class TfheServerKey {
  readonly parameters: TfheParameters;
  /** Names the key pair. */
  readonly id: string;
  readonly context: TorusContext;
  #bootstrapKey: number;
  #keySwitchKey: number;

  private constructor(context: TorusContext, id: string) {
    const { arena } = context.kernels;
    this.context = context;
    this.parameters = context.parameters;
    this.id = id;
    this.#bootstrapKey = arena.alloc(bootstrapKeyBytes(context.parameters));
    try {
      this.#keySwitchKey = arena.alloc(keySwitchKeyBytes(context.parameters));
    } catch (error) {
      arena.free(this.#bootstrapKey);
      throw error;
    }
  }

  /**
   * Expands a server key.
   * @param onProgress called with parts done and their total
   * @throws TfheError when the bytes are no server key, damaged, or of another version; KernelError OUT_OF_MEMORY
   */
  static async load(
    kernels: Kernels,
    bytes: Uint8Array,
    onProgress?: (done: number, total: number) => void,
    options: InsecureOption = {},
  ): Promise<TfheServerKey> {
    const { parameters, keyId, payload } = openContainer(bytes, ['server-key'], options);
    const context = new TorusContext(kernels, parameters);
    let key: TfheServerKey | undefined;
    try {
      key = new TfheServerKey(context, keyId);
      const total = parameters.lweDimension + 1;
      for (const done of key.#expand(payload)) {
        onProgress?.(done, total);
        await yieldToEventLoop();
      }
      return key;
    } catch (error) {
      if (key === undefined) context.dispose();
      else key.free();
      throw error;
    }
  }

  /** Bytes of kernel memory. */
  get bytesInMemory(): number {
    return bootstrapKeyBytes(this.parameters) + keySwitchKeyBytes(this.parameters);
  }

  /** Pointer for tfhe_blind_rotate. */
  get bootstrapKey(): number {
    if (this.#bootstrapKey === 0) throw new TfheError('DISPOSED', 'the server key was freed', 'key');
    return this.#bootstrapKey;
  }

  /** Pointer for tfhe_keyswitch. */
  get keySwitchKey(): number {
    if (this.#keySwitchKey === 0) throw new TfheError('DISPOSED', 'the server key was freed', 'key');
    return this.#keySwitchKey;
  }

  /** Frees the memory. Twice is harmless. */
  free(): void {
    const { arena } = this.context.kernels;
    if (this.#bootstrapKey === 0) return;
    arena.free(this.#bootstrapKey);
    arena.free(this.#keySwitchKey);
    this.#bootstrapKey = 0;
    this.#keySwitchKey = 0;
    this.context.dispose();
  }

  *#expand(payload: Uint8Array): Generator<number> {
    const { lweDimension } = this.parameters;
    const { arena } = this.context.kernels;
    const ggswBytes = ggswRows(this.parameters) * ggswBodyBytes(this.parameters);
    const wave = Math.min(lweDimension, GGSWS_A_THREAD * this.context.kernels.threads);
    const seed = arena.alloc(SEED_BYTES);
    this.context.kernels.u8(seed, SEED_BYTES).set(payload.subarray(0, SEED_BYTES));
    const expander = new GgswExpander(this.context, seed, wave);
    try {
      for (let first = 0; first < lweDimension; first += wave) {
        const count = Math.min(wave, lweDimension - first);
        const start = SEED_BYTES + first * ggswBytes;
        expander.expand(this.bootstrapKey, payload.subarray(start, start + count * ggswBytes), first, count);
        yield first + count;
      }
      this.#expandKeySwitchKey(payload.subarray(SEED_BYTES + lweDimension * ggswBytes), seed);
      yield lweDimension + 1;
    } finally {
      expander.dispose();
      arena.free(seed);
    }
  }

  #expandKeySwitchKey(bodies: Uint8Array, seed: number): void {
    const { kernels, parameters } = this.context;
    const { lweDimension, bigDimension, ksLevels } = parameters;
    const rows = bigDimension * ksLevels;
    const rowBytes = 4 * tfheRowStride(lweDimension);
    const source = kernels.arena.alloc(bodies.length);
    const stream = kernels.arena.alloc(NONCE_BYTES);
    kernels.u8(source, bodies.length).set(bodies);
    kernels.u8(stream, NONCE_BYTES).set(nonce(Domain.torusKeySwitchMask, 0, 0));
    const target = this.keySwitchKey;
    kernels.fork(Math.ceil(rows / KEY_SWITCH_ROWS), (task, x) => {
      const first = task * KEY_SWITCH_ROWS;
      const count = Math.min(KEY_SWITCH_ROWS, rows - first);
      x.tfhe_ksk_expand(
        target + first * rowBytes,
        source + 4 * first,
        lweDimension,
        first,
        count,
        seed,
        stream,
      );
    });
    kernels.arena.free(source);
    kernels.arena.free(stream);
  }
}

const bootstrapKeyBytes = ({
  lweDimension,
  polynomialSize,
  glweDimension,
  pbsLevels,
}: TfheParameters): number => lweDimension * tfheBskEntryBytes(polynomialSize, glweDimension, pbsLevels);

const keySwitchKeyBytes = ({ bigDimension, ksLevels, lweDimension }: TfheParameters): number =>
  bigDimension * ksLevels * 4 * tfheRowStride(lweDimension);

/** Turns seeded GGSWs into the kernel's Fourier layout, up to `capacity` at a time, one task each. */
class GgswExpander {
  readonly #context: TorusContext;
  readonly #seed: number;
  readonly #packed: number;
  readonly #nonces: number;
  readonly #work: number;
  /** Bytes of one GGSW in coefficients and of a polynomial of scratch. */
  readonly #workBytes: number;

  constructor(context: TorusContext, seed: number, capacity: number) {
    const { kernels, parameters } = context;
    const { glweDimension, polynomialSize } = parameters;
    const rows = ggswRows(parameters);
    this.#context = context;
    this.#seed = seed;
    this.#workBytes = (rows * (glweDimension + 1) + 1) * polynomialSize * 8;
    this.#packed = kernels.arena.alloc(capacity * rows * ggswBodyBytes(parameters));
    this.#nonces = kernels.arena.alloc(capacity * rows * glweDimension * NONCE_BYTES);
    this.#work = kernels.arena.alloc(capacity * this.#workBytes);
  }

  /** @param bodies those of the `count` GGSWs from `first` on, packed */
  expand(bootstrapKey: number, bodies: Uint8Array, first: number, count: number): void {
    const { kernels, parameters } = this.#context;
    const { glweDimension, polynomialSize, pbsLevels, pbsBaseLog } = parameters;
    const rows = ggswRows(parameters);
    const bodyBytes = ggswBodyBytes(parameters);
    const entryBytes = tfheBskEntryBytes(polynomialSize, glweDimension, pbsLevels);
    const tables = this.#context.tables(polynomialSize);
    kernels.u8(this.#packed, bodies.length).set(bodies);
    const nonceAt = (task: number, row: number, component: number): number =>
      this.#nonces + NONCE_BYTES * ((task * rows + row) * glweDimension + component);
    for (let task = 0; task < count; task++) {
      for (let row = 0; row < rows; row++) {
        for (let j = 0; j < glweDimension; j++) {
          const bytes = nonce(Domain.torusBootstrapMask, (first + task) * rows + row, j);
          kernels.u8(nonceAt(task, row, j), NONCE_BYTES).set(bytes);
        }
      }
    }
    kernels.fork(count, (task, x) => {
      const ggsw = this.#work + task * this.#workBytes;
      let polynomial = ggsw;
      for (let row = 0; row < rows; row++) {
        for (let j = 0; j < glweDimension; j++, polynomial += 8 * polynomialSize) {
          x.tfhe_uniform(polynomial, polynomialSize, this.#seed, nonceAt(task, row, j));
        }
        const packed = this.#packed + (task * rows + row) * bodyBytes;
        x.tfhe_unpack_torus(polynomial, packed, polynomialSize, TORUS_BITS);
        polynomial += 8 * polynomialSize;
      }
      x.tfhe_bsk_row(
        bootstrapKey + (first + task) * entryBytes,
        ggsw,
        polynomialSize,
        glweDimension,
        pbsLevels,
        pbsBaseLog,
        tables,
        polynomial,
      );
    });
  }

  dispose(): void {
    const { arena } = this.#context.kernels;
    for (const ptr of [this.#packed, this.#nonces, this.#work]) arena.free(ptr);
  }
}
