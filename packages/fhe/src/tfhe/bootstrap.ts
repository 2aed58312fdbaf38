/**
 * A batch of bootstraps as one task of a fork: linear combination, key switch to the small key, modulus switch to 2N, blind
 * rotation of the table, sample extraction. All ciphertexts of a batch meet each part of the keys while it is in the cache.
 * @module
 */
import { type RecordableExports, tfheRotateScratchBytes } from '@velum/kernels';
import type { TorusContext } from './context.ts';
import { onTorus } from './lookup-table.ts';
import type { TfheServerKey } from './server-key.ts';

/** Ciphertexts in one batch: they share each pass over the keys. */
export const BATCH = 8;

/** A linear combination of rows. */
export interface RowForm {
  readonly rows: readonly number[];
  readonly weights: readonly number[];
  /** In units of Delta. */
  readonly constant: number;
}

/** One bootstrap of a batch. */
export interface BootstrapJob {
  readonly input: RowForm;
  /** Polynomial of the table, see writeTable. */
  readonly table: number;
  /** Rows for the outputs of a many-LUT, 0 where an output is not wanted. */
  readonly outputs: readonly number[];
}

/** Work memory of one thread. */
export class BootstrapBatch {
  readonly #context: TorusContext;
  readonly #maxTerms: number;
  readonly #terms: number;
  readonly #big: number;
  readonly #small: number;
  readonly #tables: number;
  readonly #accumulators: number;
  readonly #scratch: number;

  /** @param maxTerms rows in one linear combination at most */
  constructor(context: TorusContext, maxTerms: number) {
    const { kernels, parameters } = context;
    const { bigDimension, lweDimension, glweDimension, polynomialSize } = parameters;
    const { arena } = kernels;
    this.#context = context;
    // Even, so that weights stay aligned.
    this.#maxTerms = 2 * Math.ceil(maxTerms / 2);
    this.#terms = arena.alloc(BATCH * this.#maxTerms * 12);
    this.#big = arena.alloc(BATCH * (bigDimension + 1) * 8);
    this.#small = arena.alloc(BATCH * (lweDimension + 1) * 4);
    this.#tables = arena.alloc(BATCH * 4);
    this.#accumulators = arena.alloc(BATCH * (glweDimension + 1) * polynomialSize * 8);
    this.#scratch = arena.alloc(tfheRotateScratchBytes(polynomialSize, glweDimension, BATCH));
  }

  /**
   * Combines, switches key and modulus.
   * @param dst where rows of n + 1 integers modulo 2N go, `this.#small` unless told otherwise
   */
  switchDown(
    x: RecordableExports,
    key: TfheServerKey,
    forms: readonly RowForm[],
    dst: number = this.#small,
  ): void {
    const { kernels, parameters } = this.#context;
    const { bigDimension, lweDimension, ksBaseLog, ksLevels, switchBits, delta } = parameters;
    const length = bigDimension + 1;
    forms.forEach(({ rows, weights, constant }, c) => {
      const terms = this.#terms + c * this.#maxTerms * 12;
      const pointers = terms + rows.length * 8;
      kernels.f64(terms, rows.length).set(weights);
      kernels.i32(pointers, rows.length).set(rows);
      x.tfhe_combine(
        this.#big + c * length * 8,
        pointers,
        terms,
        rows.length,
        onTorus(constant * delta),
        length,
      );
    });
    x.tfhe_keyswitch(
      dst,
      this.#big,
      key.keySwitchKey,
      bigDimension,
      lweDimension,
      ksBaseLog,
      ksLevels,
      forms.length,
    );
    x.tfhe_modswitch(dst, dst, lweDimension, switchBits, forms.length);
  }

  /** At most BATCH jobs. */
  bootstrap(x: RecordableExports, key: TfheServerKey, jobs: readonly BootstrapJob[]): void {
    const { kernels, parameters } = this.#context;
    const { lweDimension, polynomialSize, glweDimension, pbsLevels, pbsBaseLog } = parameters;
    this.switchDown(
      x,
      key,
      jobs.map(({ input }) => input),
    );
    kernels.i32(this.#tables, jobs.length).set(jobs.map(({ table }) => table));
    x.tfhe_blind_rotate(
      this.#accumulators,
      this.#tables,
      this.#small,
      key.bootstrapKey,
      lweDimension,
      polynomialSize,
      glweDimension,
      pbsLevels,
      pbsBaseLog,
      this.#context.tables(polynomialSize),
      this.#scratch,
      jobs.length,
    );
    jobs.forEach(({ outputs }, c) => {
      const accumulator = this.#accumulators + c * (glweDimension + 1) * polynomialSize * 8;
      outputs.forEach((row, t) => {
        const index = (t * polynomialSize) / outputs.length;
        if (row !== 0) x.tfhe_extract(row, accumulator, index, polynomialSize, glweDimension);
      });
    });
  }

  dispose(): void {
    const { arena } = this.#context.kernels;
    for (const ptr of [this.#terms, this.#big, this.#small, this.#tables, this.#accumulators, this.#scratch])
      arena.free(ptr);
  }
}
