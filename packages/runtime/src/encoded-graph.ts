/**
 * A network graph with its constants encoded, run on one sample or on as many as are interleaved. Values are freed after their
 * last use.
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
import type { AffineStep, GraphStep } from './plan.ts';
import { diagonalShape, diagonalValues, interleavedShape, repeatEach, transformsOf } from './slot-map.ts';

interface EncodedTransform {
  value: number;
  transform: DiagonalTransform;
}

interface EncodedAffine {
  transforms: EncodedTransform[];
  bias: Plaintext;
}

export class EncodedGraph {
  readonly #steps: readonly GraphStep[];
  readonly #affine = new Map<number, EncodedAffine>();
  /** Step after which a value is not used any more. */
  readonly #lastUse: number[];

  /** @param images samples in a ciphertext */
  constructor(encoder: Encoder, steps: readonly GraphStep[], images: number) {
    this.#steps = steps;
    this.#lastUse = new Array<number>(steps.length + 1).fill(-1);
    steps.forEach((step, k) => {
      for (const value of usedValues(step)) this.#lastUse[value] = k;
      if (step.kind === 'affine') this.#affine.set(k, encodeAffine(encoder, step, images));
    });
  }

  get length(): number {
    return this.#steps.length;
  }

  get bytes(): number {
    let sum = 0;
    for (const { transforms, bias } of this.#affine.values())
      sum += bias.bytes + transforms.reduce((s, { transform }) => s + transform.bytes, 0);
    return sum;
  }

  /**
   * @param input the parts of one sample, or of one group
   * @param onStep called after each step
   */
  run(evaluator: Evaluator, input: readonly Ciphertext[], onStep: () => void): Ciphertext {
    const values: (readonly Ciphertext[] | undefined)[] = [input];
    this.#steps.forEach((step, k) => {
      values.push([this.#step(evaluator, step, k, values)]);
      for (const value of usedValues(step)) {
        if (this.#lastUse[value] !== k) continue;
        if (value !== 0) for (const ciphertext of values[value] ?? []) ciphertext.dispose();
        values[value] = undefined;
      }
      onStep();
    });
    return values[this.#steps.length]![0];
  }

  #step(
    evaluator: Evaluator,
    step: GraphStep,
    k: number,
    values: readonly (readonly Ciphertext[] | undefined)[],
  ): Ciphertext {
    const partsAt = (value: number, level: number): { ciphertexts: Ciphertext[]; release(): void } => {
      const given = values[value]!;
      const ciphertexts = given.map((c) => (c.level === level ? c : evaluator.dropLevel(c, level)));
      return {
        ciphertexts,
        release: () => {
          for (const [i, c] of ciphertexts.entries()) if (c !== given[i]) c.dispose();
        },
      };
    };
    const at = (value: number, level: number): { ciphertext: Ciphertext; release(): void } => {
      const { ciphertexts, release } = partsAt(value, level);
      return { ciphertext: ciphertexts[0], release };
    };
    switch (step.kind) {
      case 'affine': {
        const { transforms, bias } = this.#affine.get(k)!;
        let sum: Ciphertext | undefined;
        for (const { value, transform } of transforms) {
          const { ciphertexts, release } = partsAt(value, transform.level);
          const part = transform.apply(evaluator, ...ciphertexts);
          release();
          if (!sum) sum = part;
          else {
            evaluator.addInPlace(sum, part);
            part.dispose();
          }
        }
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
      for (const { transform } of transforms) transform.dispose();
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

function encodeAffine(encoder: Encoder, step: AffineStep, images: number): EncodedAffine {
  const { outputPeriod } = step;
  const transforms = transformsOf(step.terms).map((maps): EncodedTransform => {
    const values = maps.map((map) => diagonalValues(map, outputPeriod));
    const transform = new DiagonalTransform(
      encoder,
      interleavedShape(diagonalShape(maps, outputPeriod), images),
      (offset, part) => {
        const diagonal = values[part].get(offset / images);
        return diagonal && repeatEach(diagonal, images);
      },
      maps[0].level,
      maps[0].weightScale,
    );
    return { value: maps[0].value, transform };
  });
  const bias = encoder.encode(repeatEach(step.bias, images), step.terms[0].level - 1, step.scale);
  return { transforms, bias };
}
