/**
 * A network graph with its constants encoded, run on one sample. Values are freed after their last use.
 * @module
 */
import {
  addPlaintext,
  type Ciphertext,
  DiagonalTransform,
  type Encoder,
  type Evaluator,
  evaluatePolynomial,
  type Plaintext,
} from '@velum/fhe';
import type { AffineStep, GraphStep, SlotMap } from './plan.ts';
import { diagonalShape, diagonalValues } from './slot-map.ts';

interface EncodedAffine {
  transforms: DiagonalTransform[];
  bias: Plaintext;
}

export class EncodedGraph {
  readonly #steps: readonly GraphStep[];
  readonly #affine = new Map<number, EncodedAffine>();
  /** Step after which a value is not used any more. */
  readonly #lastUse: number[];

  constructor(encoder: Encoder, steps: readonly GraphStep[]) {
    this.#steps = steps;
    this.#lastUse = new Array<number>(steps.length + 1).fill(-1);
    steps.forEach((step, k) => {
      for (const value of usedValues(step)) this.#lastUse[value] = k;
      if (step.kind === 'affine') this.#affine.set(k, encodeAffine(encoder, step));
    });
  }

  get length(): number {
    return this.#steps.length;
  }

  get bytes(): number {
    let sum = 0;
    for (const { transforms, bias } of this.#affine.values())
      sum += bias.bytes + transforms.reduce((s, t) => s + t.bytes, 0);
    return sum;
  }

  /** @param onStep called after each step */
  run(evaluator: Evaluator, input: Ciphertext, onStep: () => void): Ciphertext {
    const values: (Ciphertext | undefined)[] = [input];
    this.#steps.forEach((step, k) => {
      values.push(this.#step(evaluator, step, k, values));
      for (const value of usedValues(step)) {
        if (this.#lastUse[value] !== k) continue;
        if (value !== 0) values[value]?.dispose();
        values[value] = undefined;
      }
      onStep();
    });
    return values[this.#steps.length]!;
  }

  #step(
    evaluator: Evaluator,
    step: GraphStep,
    k: number,
    values: readonly (Ciphertext | undefined)[],
  ): Ciphertext {
    const at = (value: number, level: number): { ciphertext: Ciphertext; release(): void } => {
      const ciphertext = values[value]!;
      if (ciphertext.level === level) return { ciphertext, release: () => {} };
      const dropped = evaluator.dropLevel(ciphertext, level);
      return { ciphertext: dropped, release: () => dropped.dispose() };
    };
    switch (step.kind) {
      case 'affine': {
        const { transforms, bias } = this.#affine.get(k)!;
        let sum: Ciphertext | undefined;
        step.terms.forEach((term, t) => {
          const { ciphertext, release } = at(term.value, term.level);
          const part = transforms[t].apply(evaluator, ciphertext);
          release();
          if (!sum) sum = part;
          else {
            evaluator.addInPlace(sum, part);
            part.dispose();
          }
        });
        addPlaintext(sum!, bias);
        return sum!;
      }
      case 'elementwise': {
        const { ciphertext, release } = at(step.value, step.level);
        const result = evaluatePolynomial(evaluator, ciphertext, step.polynomial, step.scale);
        release();
        return result;
      }
      case 'product': {
        const left = at(step.left, step.level);
        const right = at(step.right, step.level);
        const result = evaluator.multiplyRescale(left.ciphertext, right.ciphertext);
        left.release();
        right.release();
        return result;
      }
    }
  }

  dispose(): void {
    for (const { transforms, bias } of this.#affine.values()) {
      bias.dispose();
      for (const transform of transforms) transform.dispose();
    }
  }
}

/** Values that a step reads, each once. */
export function usedValues(step: GraphStep): number[] {
  switch (step.kind) {
    case 'affine':
      return [...new Set(step.terms.map((t) => t.value))];
    case 'elementwise':
      return [step.value];
    case 'product':
      return [...new Set([step.left, step.right])];
  }
}

function encodeAffine(encoder: Encoder, step: AffineStep): EncodedAffine {
  const { outputPeriod } = step;
  const transforms = step.terms.map((term: SlotMap) => {
    const values = diagonalValues(term, outputPeriod);
    return new DiagonalTransform(
      encoder,
      diagonalShape(term, outputPeriod),
      (offset) => values.get(offset)!,
      term.level,
      term.weightScale,
    );
  });
  const bias = encoder.encode(step.bias, step.terms[0].level - 1, step.scale);
  return { transforms, bias };
}
