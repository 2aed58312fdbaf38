/**
 * Circuits of gates for the BOOLEAN set: each gate of two bits is one bootstrap, NOT is free. Delta is 1/4 of the torus, a
 * table has one decision: phases in [-1/8, 3/8) against the rest. The gates are those of Chillotti et al., "TFHE",
 * J. Cryptology 2020, section 6.2, shifted to bits 0 and 1.
 * @module
 */
import type { LinearForm } from './circuit/ir.ts';
import type { ExecutableCircuit } from './schedule.ts';

/** A bit: a form whose value is 0 or 1. */
export type Bit = LinearForm;

/** The decision is taken on weight * (a + b) + constant; `sign` is the result where it is inside [-1/2, 3/2) Delta. */
const GATES = {
  and: { weight: 1, constant: 0, sign: -1 },
  nand: { weight: 1, constant: 0, sign: 1 },
  or: { weight: 1, constant: -1, sign: 1 },
  nor: { weight: 1, constant: -1, sign: -1 },
  // Twice the sum is 0, 2, 4 = 0: in the middle of the two halves of the torus.
  xor: { weight: 2, constant: 1 / 2, sign: -1 },
  xnor: { weight: 2, constant: 1 / 2, sign: 1 },
} as const;
export type Gate = keyof typeof GATES;

export class BooleanCircuit {
  #inputs = 0;
  readonly #steps: ExecutableCircuit['steps'][number][] = [];

  /** The next input bit. All inputs come before the first gate. */
  input(): Bit {
    if (this.#steps.length > 0) throw new RangeError('inputs come before gates');
    return { nodes: [this.#inputs++], weights: [1], constant: 0 };
  }

  not({ nodes, weights, constant }: Bit): Bit {
    return { nodes, weights: weights.map((weight) => -weight), constant: 1 - constant };
  }

  /** One bootstrap. */
  gate(gate: Gate, a: Bit, b: Bit): Bit {
    const { weight, constant, sign } = GATES[gate];
    const input = {
      nodes: [...a.nodes, ...b.nodes],
      weights: [...a.weights, ...b.weights].map((w) => w * weight),
      constant: (a.constant + b.constant) * weight + constant,
    };
    this.#steps.push({ input, boxes: [sign / 2, sign / 2], outputs: 1 });
    return { nodes: [this.#inputs + this.#steps.length - 1], weights: [1], constant: 1 / 2 };
  }

  build(outputs: readonly Bit[]): ExecutableCircuit {
    return { messageBits: 1, carryBits: 0, inputs: this.#inputs, steps: [...this.#steps], outputs };
  }
}
