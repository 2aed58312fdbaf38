/**
 * An encoded message in the NTT domain. A message with period m in the slots (or a constant) lives in a sub-ring, whose
 * NTT values repeat in runs: only one value of each run is stored, which makes periodic plaintexts small and fast.
 * @module
 */
import { FheError } from '../errors.ts';
import type { Context } from './context.ts';

export class Plaintext {
  readonly context: Context;
  readonly level: number;
  readonly scale: number;
  /** log2 of the length of the runs; 0 for a full-length plaintext. */
  readonly runLog: number;
  #ptr: number;

  constructor(context: Context, level: number, scale: number, runLog: number) {
    if (!Number.isInteger(level) || level < 0 || level > context.maxLevel) {
      throw new FheError('LEVEL_MISMATCH', `level ${level} is not within 0..${context.maxLevel}`, 'level');
    }
    this.context = context;
    this.level = level;
    this.scale = scale;
    this.runLog = runLog;
    this.#ptr = context.kernels.arena.alloc(this.bytes);
  }

  /** Values stored for each limb. */
  get length(): number {
    return this.context.n >> this.runLog;
  }

  get bytes(): number {
    return (this.level + 1) * this.length * 8;
  }

  /** Byte offset of the values modulo q_index. */
  limb(index: number): number {
    if (this.#ptr === 0) throw new FheError('DISPOSED', 'the plaintext was disposed of', 'plaintext');
    return this.#ptr + index * this.length * 8;
  }

  dispose(): void {
    if (this.#ptr !== 0) this.context.free(this.#ptr);
    this.#ptr = 0;
  }
}
