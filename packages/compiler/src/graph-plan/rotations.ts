/**
 * What a slot map costs in rotations, and the split of its offsets into babies and giants that is best given the keys that
 * earlier layers need anyway.
 * @module
 */
import { type DiagonalShape, diagonalRotations, diagonalSteps, giantGaps } from '@velum/fhe';

/** A rotation of a decomposed ciphertext against a full one. */
const HOISTED = 0.55;

/** Key switches, hoisted ones weighted. */
export function rotationCost(shape: DiagonalShape): number {
  const { parts = 1 } = shape;
  const { babies, giants, folds } = diagonalSteps(shape);
  const hoisted = babies.filter((b) => b !== 0).length;
  const gaps = giantGaps(giants).filter((g) => g !== 0).length;
  return (
    parts * ((hoisted > 0 ? 1 - HOISTED : 0) + HOISTED * hoisted) +
    gaps +
    folds.reduce((sum, f) => sum + f.count - 1, 0)
  );
}

export interface Split {
  babyModulus: number;
  foldRadix: number;
  cost: number;
}

/**
 * @param have rotations that have keys already
 * @param keyPenalty key switches that a further key is worth: keys are uploaded once, but they are what a client waits for
 */
export function bestSplit(
  shape: Omit<DiagonalShape, 'babyModulus'>,
  have: ReadonlySet<number>,
  keyPenalty: number,
): Split {
  const limit = Math.min(shape.inputPeriod, shape.outputPeriod);
  let best: Split = { babyModulus: 1, foldRadix: 2, cost: Number.POSITIVE_INFINITY };
  for (let babyModulus = 1; babyModulus <= limit; babyModulus *= 2) {
    for (const foldRadix of shape.inputPeriod > 2 * shape.outputPeriod ? [2, 4, 8] : [2]) {
      const candidate = { ...shape, babyModulus, foldRadix };
      const { before, after } = diagonalRotations(candidate);
      const fresh = new Set([...before, ...after].filter((r) => !have.has(r))).size;
      const cost = rotationCost(candidate) + keyPenalty * fresh;
      if (cost < best.cost) best = { babyModulus, foldRadix, cost };
    }
  }
  return best;
}
