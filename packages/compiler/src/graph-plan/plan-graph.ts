/**
 * From a graph of affine maps, polynomials and products to a plan: layouts, levels, scales, keys, and the smallest parameters that reach
 * the wanted error at 128-bit security. Where many samples come at a time, as many share a ciphertext as makes them fastest.
 * @module
 */
import { MAX_CHAIN, maxLogQP } from '@velum/fhe';
import { type Plan, profileId, runClear, simulate, wireSizes } from '@velum/runtime';
import { constantBytes, estimateMilliseconds } from '../cost.ts';
import { CompileError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import {
  type Candidate,
  Draft,
  MAX_BASE_BITS,
  MIN_SCALE_BITS,
  SPECIAL_BITS,
  USUAL_KEY_PENALTY,
} from './draft.ts';
import { placeGraph } from './place.ts';

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
  /**
   * Samples that come at a time: up to so many, rounded up to a power of two, share a ciphertext where that is faster. `auto`: as many as
   * give the shortest time for each. Default 1.
   */
  images?: number | 'auto';
}

/** The last modulus may hold the result at a smaller scale than the rest: the result's error is what counts. */
const OUTPUT_DROPS = [0, 3, 6];
const SAFETY = 3;
/** Samples that errors are simulated on: they differ a lot where values are squared. */
const PROBES = 4;
/** Bits beyond the fewest that are tried. */
const MORE_BITS = 4;

/** Constants of interleaved samples are as many times as large: more than this leaves too little of a kernel's 4 GiB. */
const MOST_CONSTANT_BYTES = 1.5 * 2 ** 30;

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
  const planWith = (logN: number, images: number): Plan => {
    const placed = placeGraph(graph, 2 ** (logN - 1), images, options.ranges);
    return smallestPlan(new Draft(graph, placed, options, logN, images, largest, wanted), errorOf);
  };
  for (let logN = 12; logN <= LARGEST_LOG_N; logN++) {
    try {
      const alone = planWith(logN, 1);
      const { images = 1 } = options;
      const best = images === 1 ? alone : fastestTogether(alone, images, (n) => planWith(logN, n));
      return await finish(best, images, errorOf);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      reason = error;
    }
  }
  throw reason;
}

/**
 * The plan that takes the least time for the samples that come together, by the cost model: more of them in a ciphertext leave each
 * tensor fewer slots to lie in, which may take more rotations. The ring is that of a sample alone: a larger one is no faster for each.
 */
function fastestTogether(alone: Plan, wanted: number | 'auto', planWith: (images: number) => Plan): Plan {
  const slots = 2 ** (alone.profile.parameters.logN - 1);
  const time = (plan: Plan): number => {
    const { images = 1 } = plan.profile.input;
    return estimateMilliseconds(plan) * (wanted === 'auto' ? 1 / images : Math.ceil(wanted / images));
  };
  let best = alone;
  for (let images = 2; images <= slots; images *= 2) {
    if (wanted !== 'auto' && images >= 2 * wanted) break;
    let plan: Plan;
    try {
      plan = planWith(images);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      // Twice as many would have half the slots.
      if (error.code === 'TENSOR_TOO_LARGE') break;
      continue;
    }
    if (constantBytes(plan) > MOST_CONSTANT_BYTES) break;
    if (time(plan) < time(best)) best = plan;
  }
  return best;
}

/** @throws CompileError MODEL_TOO_DEEP, PRECISION_UNREACHABLE */
function smallestPlan(draft: Draft, errorOf: (plan: Plan) => number): Plan {
  const { wanted } = draft;
  const error = (scaleBits: number, outputDrop: number): number => {
    const plan = draft.tryBuild({ scaleBits, outputDrop, special: 1, keyPenalty: USUAL_KEY_PENALTY });
    return plan ? errorOf(plan) : Number.POSITIVE_INFINITY;
  };
  const attempts = OUTPUT_DROPS.map((outputDrop) => ({
    outputDrop,
    top: draft.largestScaleBits(outputDrop),
  })).filter((a) => a.top >= MIN_SCALE_BITS);
  if (attempts.length === 0 || draft.depth >= MAX_CHAIN) {
    throw new CompileError(
      'MODEL_TOO_DEEP',
      `the network needs ${draft.depth} levels, more than parameters of 128-bit security hold without bootstrapping; use fewer or lower-degree activations`,
      { argument: 'graph', value: draft.depth },
    );
  }
  const attempt = attempts.find(({ top, outputDrop }) => error(top, outputDrop) <= wanted);
  if (!attempt) {
    throw new CompileError(
      'PRECISION_UNREACHABLE',
      `with ring degree 2^${draft.logN} the result errs by more than ${wanted.toExponential(1)}; ask for less, or use fewer levels`,
      { argument: 'relativeError' },
    );
  }
  // The error falls with every bit: bisection finds the fewest.
  let bits = attempt.top;
  for (let few = MIN_SCALE_BITS; few < bits; ) {
    const middle = (few + bits) >> 1;
    if (error(middle, attempt.outputDrop) <= wanted / 2) bits = middle;
    else few = middle + 1;
  }
  return cheapestWithin(draft, attempt, bits, (p) => errorOf(p) <= wanted);
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
  return best?.plan ?? draft.build({ scaleBits: top, outputDrop, special: 1, keyPenalty: USUAL_KEY_PENALTY });
}

async function finish(plan: Plan, samples: number | 'auto', errorOf: (plan: Plan) => number): Promise<Plan> {
  const { input } = plan.profile;
  const sizes = wireSizes(plan.profile);
  plan.profile.batchSize = samples === 'auto' ? (input.images ?? 1) : samples;
  const rows = Math.min(plan.profile.batchSize, input.samplesPerRequest);
  const groups = Math.ceil(rows / (input.images ?? 1));
  plan.profile.estimate = {
    serverMilliseconds: Number((groups * estimateMilliseconds(plan)).toPrecision(2)),
    publicKeyBytes: sizes.publicKey,
    evaluationKeyBytes: sizes.evaluationKey,
    inputBytes: sizes.input(rows),
    resultBytes: sizes.result(rows),
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
