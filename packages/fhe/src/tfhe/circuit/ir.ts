/**
 * The circuit: plain data that the builder makes, the simulator checks in the clear and the executor runs encrypted.
 *
 * A node holds a number in units of Delta = 2^-5 of the torus, so values are taken mod 32. Everything linear is free;
 * a step is one bootstrap. The shape of a circuit never depends on data, so `steps.length` is its cost before it runs.
 * @module
 */

/** constant + sum of weights[i] * node(nodes[i]), in units of Delta, mod 32. Weights are integers. */
export interface LinearForm {
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
  /** May be a multiple of 1/2: sign tables give +-1/2 and the constant makes 0 or 1 of it. */
  readonly constant: number;
}

/** The values that a form takes by construction: min, min + spacing, ..., max (integers for a step's input). */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
  readonly spacing: number;
}

/**
 * One bootstrap: output t of the input value v (mod 32) is boxes[p] for p = (v + t * 16 / outputs) mod 32 below 16, and
 * -boxes[p - 16] from there (the table is negacyclic).
 */
export interface BootstrapStep {
  readonly input: LinearForm;
  /** 16 numbers in units of Delta, of any sign, possibly fractional. */
  readonly boxes: readonly number[];
  readonly outputs: 1 | 2 | 4 | 8;
  /** 1 + the highest level of the input's nodes; inputs of the circuit have level 0. */
  readonly level: number;
  /** Asserted by the simulator; an encrypted run cannot look. */
  readonly range: ValueRange;
  /** How many times the noise limit of a bootstrap fits: the square of the free boxes round each value. */
  readonly tolerance: number;
}

/** A range that the author knows from the meaning of the values; the simulator asserts it. */
export interface Assumption {
  readonly form: LinearForm;
  readonly min: number;
  readonly max: number;
}

export interface Circuit {
  readonly messageBits: 2;
  readonly carryBits: 2;
  /** Number of encrypted input blocks: nodes 0 .. inputs - 1. */
  readonly inputs: number;
  readonly inputRanges: readonly ValueRange[];
  /** Sorted by level. Their outputs are the nodes from `inputs` on, in order. */
  readonly steps: readonly BootstrapStep[];
  readonly outputs: readonly LinearForm[];
  readonly assumptions: readonly Assumption[];
}

/** Highest level, that is the number of bootstraps one after the other. */
export function circuitDepth(circuit: Circuit): number {
  return circuit.steps.reduce((depth, step) => Math.max(depth, step.level), 0);
}

/** At most this many times the variance of a bootstrap's output may enter a bootstrap (norm 5, p_fail 2^-129.58). */
export const NOISE_LIMIT = 25;

/** Boxes of a look-up table: 2^(message bits + carry bits). */
export const BOXES = 16;
