/**
 * From a graph of affine maps, polynomials and products to a plan: layouts, levels, scales, keys, and the smallest parameters that reach
 * the wanted error at 128-bit security.
 * @module
 */
import {
  diagonalRotations,
  type EvaluationKeySpec,
  FheError,
  generatePrimes,
  MAX_CHAIN,
  maxLogQP,
  polynomialDepth,
  polynomialInputScale,
  RELINEARIZATION,
  rotationElement,
} from '@velum/fhe';
import {
  diagonalShape,
  type GraphStep,
  type Plan,
  profileId,
  runClear,
  type SlotMap,
  simulate,
  wireSizes,
} from '@velum/runtime';
import { estimateMilliseconds } from '../cost.ts';
import { CompileError } from '../errors.ts';
import { elements, type Graph } from '../graph/graph.ts';
import { transportBits } from '../parameters.ts';
import { type PlacedGraph, type PlacedStep, placeGraph } from './place.ts';
import { bestSplit, type Split } from './rotations.ts';

export interface GraphPlanOptions {
  /** Largest error of an output, relative to the largest output. Default 1e-4. */
  relativeError?: number;
  /** Samples on which bounds and errors are measured. At least one. */
  probes: readonly ArrayLike<number>[];
  /** [min, max] of every graph value, over the calibration data. */
  ranges: readonly (readonly [number, number])[];
  labels?: (string | number)[];
  /** Calibrated range of all features. */
  range?: [number, number];
  /** Milliseconds of computing that a megabyte of evaluation keys is worth. Default 10. */
  keyWeight?: number;
}

const MAX_BASE_BITS = 49;
const SPECIAL_BITS = 50;
const MIN_SCALE_BITS = 24;
const MAX_SCALE_BITS = 45;
const DEFAULT_KEY_WEIGHT = 10;
/** Key switches that one more key may cost; the best is found by trying. */
const KEY_PENALTIES = [0.3, 1.2, 4, 12];
/** The last modulus may hold the result at a smaller scale than the rest: the result's error is what counts. */
const OUTPUT_DROPS = [0, 3, 6];
const SAFETY = 3;
/** Samples that errors are simulated on: they differ a lot where values are squared. */
const PROBES = 4;
/** Bits beyond the fewest that are tried. */
const MORE_BITS = 4;

/** Moduli below this many bits leave no useful precision in the largest rings. */
const FEWEST_USEFUL_BITS = 28;
const LARGEST_LOG_N = 16;

/** Levels that the largest ring holds beside the last modulus and a special prime, and that a chain of moduli may have. */
export function mostLevels(): number {
  const room = maxLogQP(LARGEST_LOG_N) - MAX_BASE_BITS - SPECIAL_BITS;
  return Math.min(MAX_CHAIN - 1, Math.floor(room / FEWEST_USEFUL_BITS));
}

/**
 * @throws CompileError MODEL_TOO_DEEP, PRECISION_UNREACHABLE; CONSTANT_TENSOR, APPROXIMATE_FIRST and others of `placeGraph`
 */
export async function planGraph(graph: Graph, options: GraphPlanOptions): Promise<Plan> {
  const [low, high] = options.ranges[graph.output.value];
  const largest = Math.max(1e-6, Math.abs(low), Math.abs(high));
  const wanted = (options.relativeError ?? 1e-4) * largest;
  let reason: Error = new CompileError('MODEL_TOO_DEEP', 'no parameters fit', { argument: 'graph' });
  const errorOf = errorMeter(options.probes);
  for (let logN = 12; logN <= LARGEST_LOG_N; logN++) {
    let placed: PlacedGraph;
    try {
      placed = placeGraph(graph, 2 ** (logN - 1), options.ranges);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      reason = error;
      continue;
    }
    const draft = new Draft(graph, placed, options, logN, largest, wanted);
    const error = (scaleBits: number, outputDrop: number): number => {
      const plan = draft.tryBuild({ scaleBits, outputDrop, special: 1, keyPenalty: KEY_PENALTIES[1] });
      return plan ? errorOf(plan) : Number.POSITIVE_INFINITY;
    };
    const attempts = OUTPUT_DROPS.map((outputDrop) => ({
      outputDrop,
      top: draft.largestScaleBits(outputDrop),
    })).filter((a) => a.top >= MIN_SCALE_BITS);
    if (attempts.length === 0 || draft.depth >= MAX_CHAIN) {
      reason = new CompileError(
        'MODEL_TOO_DEEP',
        `the network needs ${draft.depth} levels, more than parameters of 128-bit security hold without bootstrapping; use fewer or lower-degree activations`,
        { argument: 'graph', value: draft.depth },
      );
      continue;
    }
    const attempt = attempts.find(({ top, outputDrop }) => error(top, outputDrop) <= wanted);
    if (!attempt) {
      reason = new CompileError(
        'PRECISION_UNREACHABLE',
        `with ring degree 2^${logN} the result errs by more than ${wanted.toExponential(1)}; ask for less, or use fewer levels`,
        { argument: 'relativeError' },
      );
      continue;
    }
    // The error falls with every bit: bisection finds the fewest.
    let bits = attempt.top;
    for (let few = MIN_SCALE_BITS; few < bits; ) {
      const middle = (few + bits) >> 1;
      if (error(middle, attempt.outputDrop) <= wanted / 2) bits = middle;
      else few = middle + 1;
    }
    const plan = cheapestWithin(draft, attempt, bits, (p) => errorOf(p) <= wanted);
    return finish(plan, errorOf);
  }
  throw reason;
}

/**
 * Fewer digits in a key make it smaller and the noise larger, which a few more bits may outweigh: every plan is measured
 * before it is taken. At the top scale one special prime is precise enough.
 */
function cheapestWithin(
  draft: Draft,
  { top, outputDrop }: { top: number; outputDrop: number },
  bits: number,
  precise: (plan: Plan) => boolean,
): Plan {
  let best: Candidate | undefined;
  for (let scaleBits = bits; scaleBits <= top && (!best || scaleBits <= bits + MORE_BITS); scaleBits++) {
    for (const candidate of draft.candidates(scaleBits, outputDrop)) {
      if (best && candidate.cost >= best.cost) break;
      if (precise(candidate.plan)) {
        best = candidate;
        break;
      }
    }
  }
  return best?.plan ?? draft.build({ scaleBits: top, outputDrop, special: 1, keyPenalty: KEY_PENALTIES[1] });
}

async function finish(plan: Plan, errorOf: (plan: Plan) => number): Promise<Plan> {
  const sizes = wireSizes(plan.profile);
  plan.profile.estimate = {
    serverMilliseconds: Number(estimateMilliseconds(plan).toPrecision(2)),
    publicKeyBytes: sizes.publicKey,
    evaluationKeyBytes: sizes.evaluationKey,
    inputBytes: sizes.input(1),
    resultBytes: sizes.result(1),
    error: Number(errorOf(plan).toPrecision(2)),
  };
  plan.profile.id = await profileId(plan.profile);
  return plan;
}

/** Measures plans of one graph: without noise all of them compute the same. */
function errorMeter(probes: readonly ArrayLike<number>[]): (plan: Plan) => number {
  const rows = probes.slice(0, PROBES);
  let clear: number[][] | undefined;
  return (plan) => {
    clear ??= runClear(plan, rows, { scores: true });
    let largest = 0;
    simulate(plan, rows, { scores: true }).forEach((scores, r) => {
      scores.forEach((s, v) => {
        largest = Math.max(largest, Math.abs(s - clear![r][v]));
      });
    });
    return SAFETY * largest;
  };
}

const depthOf = (step: PlacedStep): number =>
  step.kind === 'elementwise' ? polynomialDepth(step.polynomial) : 1;

const inputsOf = (step: PlacedStep): number[] =>
  step.kind === 'affine'
    ? step.terms.map((t) => t.value)
    : step.kind === 'elementwise'
      ? [step.value]
      : [step.left, step.right];

interface Choice {
  scaleBits: number;
  /** Bits by which the result's scale is below the others. */
  outputDrop: number;
  special: number;
  keyPenalty: number;
}

interface Candidate {
  plan: Plan;
  cost: number;
}

class Draft {
  readonly depth: number;
  readonly #graph: Graph;
  readonly #placed: PlacedGraph;
  readonly #options: GraphPlanOptions;
  readonly #logN: number;
  readonly #wanted: number;
  readonly #headroom: number;
  /** Level of every value. */
  readonly #levels: number[];
  readonly #splits = new Map<number, Split[][]>();

  constructor(
    graph: Graph,
    placed: PlacedGraph,
    options: GraphPlanOptions,
    logN: number,
    largest: number,
    wanted: number,
  ) {
    this.#graph = graph;
    this.#placed = placed;
    this.#options = options;
    this.#logN = logN;
    this.#wanted = wanted;
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
      if (base + this.depth * scaleBits + Math.max(base, scaleBits) + 3 <= maxLogQP(this.#logN))
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
    const room = maxLogQP(this.#logN) - chain.reduce((a, b) => a + b, 0) - 0.2;
    const specialBits = Math.min(SPECIAL_BITS, Math.floor(room / special));
    const digit = Math.max(base + (special - 1) * scaleBits, special * scaleBits);
    if (special > this.depth + 1 || specialBits * special < digit || specialBits < 20) {
      throw new CompileError('MODULI_DO_NOT_FIT', 'the special primes do not fit', {
        argument: 'special',
        value: special,
      });
    }
    const primes = generatePrimes(this.#logN, [...chain, ...new Array<number>(special).fill(specialBits)]);
    const q = primes.slice(0, chain.length);
    const scale = 2 ** scaleBits;
    const outputScale = 2 ** (base - this.#headroom);
    const splits = this.#splitsFor(choice.keyPenalty);
    const { steps, inputScale, finalScale } = this.#schedule(q, scale, outputScale, splits);
    const { gather, inputPeriod, output } = this.#placed;
    const { keep, floodBits } = transportBits(this.#wanted, this.#logN, base, finalScale, output.period);
    const { input, output: out, final } = this.#graph;
    const plan: Plan = {
      profile: {
        format: 'velum-profile',
        version: 1,
        id: '0'.repeat(64),
        scheme: 'ckks',
        parameters: { logN: this.#logN, q, p: primes.slice(chain.length) },
        keys: { public: { level: 0 }, evaluation: this.#keys(steps, special) },
        input: {
          features: elements(input.shape),
          packing: 'graph',
          level: this.depth,
          scale: inputScale,
          period: inputPeriod,
          samplesPerRequest: 256,
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
            const { value, inputPeriod, outputSlot, inputSlot, weight } = term;
            return {
              value,
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
        for (const term of step.terms) {
          const { before, after } = diagonalRotations(diagonalShape(term, step.outputPeriod));
          for (const r of before) need(rotationElement(this.#logN, r), term.level);
          for (const r of after) need(rotationElement(this.#logN, r), term.level - 1);
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
    return step.terms.map((term) => {
      const bare = { ...term, level: 0, weightScale: 1, babyModulus: 1, foldRadix: 2 };
      const shape = diagonalShape(bare, step.outputPeriod);
      const split = bestSplit(shape, have, keyPenalty);
      const { before, after } = diagonalRotations({ ...shape, ...pick(split) });
      for (const r of [...before, ...after]) have.add(r);
      return split;
    });
  });
}
