/**
 * Plans of one graph in one ring: levels, moduli, scales, splits and keys for a choice of precision and digits.
 * @module
 */
import {
  diagonalRotations,
  type EvaluationKeySpec,
  FheError,
  generatePrimes,
  maxLogQP,
  polynomialDepth,
  polynomialInputScale,
  RELINEARIZATION,
  rotationElement,
} from '@velum/fhe';
import {
  diagonalShape,
  type GraphStep,
  interleavedShape,
  type Plan,
  type SlotMap,
  transformsOf,
  wireSizes,
} from '@velum/runtime';
import { estimateMilliseconds } from '../cost.ts';
import { CompileError } from '../errors.ts';
import { elements, type Graph } from '../graph/graph.ts';
import { transportBits } from '../parameters.ts';
import type { PlacedGraph, PlacedStep } from './place.ts';
import type { GraphPlanOptions } from './plan-graph.ts';
import { bestSplit, type Split } from './rotations.ts';

export const MAX_BASE_BITS = 49;
export const SPECIAL_BITS = 50;
export const MIN_SCALE_BITS = 24;
const MAX_SCALE_BITS = 45;
const DEFAULT_KEY_WEIGHT = 10;
/** Key switches that one more key may cost; the best is found by trying. */
const KEY_PENALTIES = [0.3, 1.2, 4, 12];
/** What candidates are compared at before their keys are looked at. */
export const USUAL_KEY_PENALTY = KEY_PENALTIES[1];
const SAMPLES_PER_REQUEST = 256;

const depthOf = (step: PlacedStep): number =>
  step.kind === 'elementwise' ? polynomialDepth(step.polynomial) : 1;

const inputsOf = (step: PlacedStep): number[] =>
  step.kind === 'affine'
    ? step.terms.map((t) => t.value)
    : step.kind === 'elementwise'
      ? [step.value]
      : [step.left, step.right];

export interface Choice {
  scaleBits: number;
  /** Bits by which the result's scale is below the others. */
  outputDrop: number;
  special: number;
  keyPenalty: number;
}

export interface Candidate {
  plan: Plan;
  cost: number;
}

/** Levels and layouts of a graph in one ring, and the plans that scales, digits and splits make of them. */
export class Draft {
  readonly depth: number;
  readonly logN: number;
  /** Error of the result. */
  readonly wanted: number;
  readonly #graph: Graph;
  readonly #placed: PlacedGraph;
  readonly #options: GraphPlanOptions;
  readonly #images: number;
  readonly #headroom: number;
  /** Level of every value. */
  readonly #levels: number[];
  readonly #splits = new Map<number, Split[][]>();

  constructor(
    graph: Graph,
    placed: PlacedGraph,
    options: GraphPlanOptions,
    logN: number,
    images: number,
    largest: number,
    wanted: number,
  ) {
    this.#graph = graph;
    this.#placed = placed;
    this.#options = options;
    this.logN = logN;
    this.wanted = wanted;
    this.#images = images;
    this.#headroom = Math.ceil(Math.log2(Math.max(1, 2 * largest))) + 2;
    this.#levels = new Array<number>(placed.steps.length + 1).fill(0);
    for (let k = placed.steps.length - 1; k >= 0; k--) {
      const step = placed.steps[k];
      for (const value of inputsOf(step))
        this.#levels[value] = Math.max(this.#levels[value], this.#levels[k + 1] + depthOf(step));
    }
    this.depth = this.#levels[0];
  }

  #baseBits(choice: Pick<Choice, 'scaleBits' | 'outputDrop'>): number {
    return Math.min(MAX_BASE_BITS, choice.scaleBits - choice.outputDrop + this.#headroom);
  }

  /** Largest scale that leaves room for one special prime a few bits above the digits. */
  largestScaleBits(outputDrop: number): number {
    for (let scaleBits = MAX_SCALE_BITS; scaleBits >= MIN_SCALE_BITS; scaleBits--) {
      const base = this.#baseBits({ scaleBits, outputDrop });
      if (base + this.depth * scaleBits + Math.max(base, scaleBits) + 3 <= maxLogQP(this.logN))
        return scaleBits;
    }
    return 0;
  }

  /** Digit sizes and key penalties, by computing time and weighted key size. */
  candidates(scaleBits: number, outputDrop: number): Candidate[] {
    const weight = this.#options.keyWeight ?? DEFAULT_KEY_WEIGHT;
    const found: Candidate[] = [];
    for (let special = 1; special <= 7; special++) {
      for (const keyPenalty of KEY_PENALTIES) {
        const plan = this.tryBuild({ scaleBits, outputDrop, special, keyPenalty });
        if (!plan) continue;
        const keys = wireSizes(plan.profile).evaluationKey / 1e6;
        found.push({ plan, cost: estimateMilliseconds(plan) + weight * keys });
      }
    }
    return found.sort((a, b) => a.cost - b.cost);
  }

  /** Undefined when the moduli do not fit. */
  tryBuild(choice: Choice): Plan | undefined {
    try {
      return this.build(choice);
    } catch (error) {
      if (error instanceof FheError || (error instanceof CompileError && error.code === 'MODULI_DO_NOT_FIT'))
        return undefined;
      throw error;
    }
  }

  build(choice: Choice): Plan {
    const { scaleBits, special } = choice;
    const base = this.#baseBits(choice);
    const chain = [base, ...new Array<number>(this.depth).fill(scaleBits)];
    const room = maxLogQP(this.logN) - chain.reduce((a, b) => a + b, 0) - 0.2;
    const specialBits = Math.min(SPECIAL_BITS, Math.floor(room / special));
    const digit = Math.max(base + (special - 1) * scaleBits, special * scaleBits);
    if (special > this.depth + 1 || specialBits * special < digit || specialBits < 20) {
      throw new CompileError('MODULI_DO_NOT_FIT', 'the special primes do not fit', {
        argument: 'special',
        value: special,
      });
    }
    const primes = generatePrimes(this.logN, [...chain, ...new Array<number>(special).fill(specialBits)]);
    const q = primes.slice(0, chain.length);
    const scale = 2 ** scaleBits;
    const outputScale = 2 ** (base - this.#headroom);
    const splits = this.#splitsFor(choice.keyPenalty);
    const { steps, inputScale, finalScale } = this.#schedule(q, scale, outputScale, splits);
    const { gather, inputPeriod, output, parts } = this.#placed;
    const images = this.#images;
    const slots = output.period * images;
    const { keep, floodBits } = transportBits(this.wanted, this.logN, base, finalScale, slots);
    const { input, output: out, final } = this.#graph;
    const plan: Plan = {
      profile: {
        format: 'velum-profile',
        version: 1,
        id: '0'.repeat(64),
        scheme: 'ckks',
        parameters: { logN: this.logN, q, p: primes.slice(chain.length) },
        keys: { public: { level: 0 }, evaluation: this.#keys(steps, special) },
        input: {
          features: elements(input.shape),
          packing: 'graph',
          level: this.depth,
          scale: inputScale,
          period: inputPeriod,
          samplesPerRequest: Math.max(SAMPLES_PER_REQUEST, images),
          shape: [...input.shape],
        },
        output: {
          values: elements(out.shape),
          activation: final,
          scale: finalScale,
          period: output.period,
          keep,
          shape: [...out.shape],
          slots: [...output.slots],
        },
        batchSize: 1,
        estimate: {
          serverMilliseconds: 0,
          publicKeyBytes: 0,
          evaluationKeyBytes: 0,
          inputBytes: 0,
          resultBytes: 0,
          error: 0,
        },
      },
      program: { steps, floodBits },
    };
    if (this.#options.range) plan.profile.input.range = this.#options.range;
    if (images > 1) plan.profile.input.images = images;
    if (parts > 1) plan.profile.input.parts = parts;
    if (gather) plan.profile.input.slots = [...gather];
    if (this.#options.labels) plan.profile.output.labels = this.#options.labels;
    return plan;
  }

  /** Wanted scales backwards, exact ones forwards. */
  #schedule(
    q: readonly number[],
    scale: number,
    outputScale: number,
    splits: readonly Split[][],
  ): { steps: GraphStep[]; inputScale: number; finalScale: number } {
    const placed = this.#placed.steps;
    const wish = new Array<number | undefined>(placed.length + 1).fill(undefined);
    wish[placed.length] = outputScale;
    for (let k = placed.length - 1; k >= 0; k--) {
      const step = placed[k];
      const target = wish[k + 1] ?? scale;
      const level = this.#levels[k + 1] + depthOf(step);
      if (step.kind === 'elementwise') {
        const [a, b] = step.polynomial.basis === 'chebyshev' ? (step.polynomial.domain ?? [-1, 1]) : [-1, 1];
        wish[step.value] ??= polynomialInputScale(step.polynomial, target, q[level]) ?? (scale * 2) / (b - a);
      } else if (step.kind === 'product') {
        for (const value of [step.left, step.right]) wish[value] ??= Math.sqrt(target * q[level]);
      }
    }
    const inputScale = wish[0] ?? scale;
    const scales = [inputScale];
    const make = (step: PlacedStep, k: number): GraphStep => {
      const level = this.#levels[k + 1] + depthOf(step);
      const target = wish[k + 1] ?? scale;
      switch (step.kind) {
        case 'affine': {
          scales.push(target);
          const terms = step.terms.map((term, t): SlotMap => {
            const { value, part, inputPeriod, outputSlot, inputSlot, weight } = term;
            return {
              value,
              ...(part === undefined ? {} : { part }),
              level,
              weightScale: (q[level] * target) / scales[value],
              inputPeriod,
              ...pick(splits[k][t]),
              outputSlot,
              inputSlot,
              weight,
            };
          });
          return {
            kind: 'affine',
            name: step.name,
            terms,
            bias: step.bias,
            outputPeriod: step.outputPeriod,
            scale: target,
          };
        }
        case 'elementwise': {
          const { coefficients, basis } = step.polynomial;
          const quadratic = basis === 'power' && coefficients.length === 3;
          const after = quadratic ? scales[step.value] ** 2 / (Math.abs(coefficients[2]) * q[level]) : target;
          scales.push(after);
          return {
            kind: 'elementwise',
            name: step.name,
            value: step.value,
            polynomial: step.polynomial,
            level,
            scale: after,
          };
        }
        default: {
          const after = (scales[step.left] * scales[step.right]) / q[level];
          scales.push(after);
          return {
            kind: 'product',
            name: step.name,
            left: step.left,
            right: step.right,
            level,
            scale: after,
          };
        }
      }
    };
    const steps = placed.map(make);
    return { steps, inputScale, finalScale: scales[scales.length - 1] };
  }

  #keys(steps: readonly GraphStep[], special: number): EvaluationKeySpec[] {
    const levels = new Map<number, number>();
    const need = (galois: number, level: number): void => {
      levels.set(galois, Math.max(level, levels.get(galois) ?? 0));
    };
    for (const step of steps) {
      if (step.kind === 'affine') {
        for (const maps of transformsOf(step.terms)) {
          const shape = interleavedShape(diagonalShape(maps, step.outputPeriod), this.#images);
          const { before, after } = diagonalRotations(shape);
          for (const r of before) need(rotationElement(this.logN, r), maps[0].level);
          for (const r of after) need(rotationElement(this.logN, r), maps[0].level - 1);
        }
      } else need(RELINEARIZATION, step.level);
    }
    const keys = [...levels].map(
      ([galois, level]): EvaluationKeySpec => ({ galois, level, special: Math.min(special, level + 1) }),
    );
    return keys.sort((a, b) => a.galois - b.galois);
  }

  #splitsFor(keyPenalty: number): Split[][] {
    let splits = this.#splits.get(keyPenalty);
    if (!splits) {
      splits = chooseSplits(this.#placed, keyPenalty);
      this.#splits.set(keyPenalty, splits);
    }
    return splits;
  }
}

const pick = ({ babyModulus, foldRadix }: Split): Pick<SlotMap, 'babyModulus' | 'foldRadix'> => ({
  babyModulus,
  foldRadix,
});

/** Splits layer by layer from the top, where keys are largest; later layers reuse what is there. */
function chooseSplits(placed: PlacedGraph, keyPenalty: number): Split[][] {
  const have = new Set<number>();
  return placed.steps.map((step) => {
    if (step.kind !== 'affine') return [];
    const bare = step.terms.map(
      (term): SlotMap => ({ ...term, level: 0, weightScale: 1, babyModulus: 1, foldRadix: 2 }),
    );
    return transformsOf(bare).flatMap((maps) => {
      const shape = diagonalShape(maps, step.outputPeriod);
      const split = bestSplit(shape, have, keyPenalty);
      const { before, after } = diagonalRotations({ ...shape, ...pick(split) });
      for (const r of [...before, ...after]) have.add(r);
      return maps.map(() => split);
    });
  });
}
