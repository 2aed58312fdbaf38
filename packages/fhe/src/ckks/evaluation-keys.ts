/**
 * The keys a server holds for one client: only the rotations and levels that the program uses.
 * @module
 */
import { FheError } from '../errors.ts';
import type { SwitchingKey } from '../rlwe/switching-key.ts';

/** Stands for relinearisation where a Galois element is expected (no automorphism has element 0). */
export const RELINEARIZATION = 0;

export class EvaluationKeys {
  readonly #keys = new Map<number, SwitchingKey>();

  /** @param galois Galois element, or RELINEARIZATION */
  set(galois: number, key: SwitchingKey): this {
    this.#keys.get(galois)?.dispose();
    this.#keys.set(galois, key);
    return this;
  }

  get(galois: number): SwitchingKey {
    const key = this.#keys.get(galois);
    if (!key) {
      const what = galois === RELINEARIZATION ? 'relinearization key' : `Galois key for element ${galois}`;
      throw new FheError(
        'KEY_MISSING',
        `there is no ${what}; generate it with the other evaluation keys`,
        'keys',
      );
    }
    return key;
  }

  get bytes(): number {
    let sum = 0;
    for (const key of this.#keys.values()) sum += key.bytes;
    return sum;
  }

  dispose(): void {
    for (const key of this.#keys.values()) key.dispose();
    this.#keys.clear();
  }
}
