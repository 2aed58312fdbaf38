/**
 * Degrees and parameters together: a search that knows how many levels the parameters hold, and that takes fewer where the
 * planner cannot give so many at the wanted precision.
 * @module
 */
import type { Plan } from '@velum/runtime';
import {
  approximatedNodes,
  type CalibrateOptions,
  type Calibration,
  calibrate,
} from './approximate/index.ts';
import { CompileError } from './errors.ts';
import type { Graph } from './graph/index.ts';
import { type GraphPlanOptions, mostLevels, planGraph } from './graph-plan/plan-graph.ts';

/** Samples whose encrypted run the planner simulates. */
const PROBES = 4;

/**
 * @param samples flattened inputs; the first are the planner's probes
 * @throws CompileError as `calibrate` and `planGraph`: the planner's where the fewest levels are too many as well, or where
 *   the degrees are given and not searched for
 */
export async function calibrateAndPlan(
  exact: Graph,
  samples: readonly ArrayLike<number>[],
  approximation: CalibrateOptions = {},
  options: Omit<GraphPlanOptions, 'probes' | 'ranges'> = {},
): Promise<{ calibration: Calibration; plan: Plan }> {
  const fixed = approximation.degree !== undefined || approximation.reluMode !== undefined;
  const searched = !fixed && approximatedNodes(exact).length > 0;
  let refusal: CompileError | undefined;
  let maxDepth = searched ? Math.min(approximation.maxDepth ?? mostLevels(), mostLevels()) : undefined;
  for (let fewer = 2; ; fewer *= 2) {
    const calibration = calibrateWithin(exact, samples, approximation, maxDepth, refusal);
    try {
      const plan = await planGraph(calibration.graph, {
        ...options,
        probes: samples.slice(0, PROBES),
        ranges: calibration.values.map(({ min, max }): [number, number] => [min, max]),
      });
      return { calibration, plan };
    } catch (error) {
      if (!searched || !isTooDeep(error)) throw error;
      refusal ??= error;
      // Every search takes a while: larger steps find what fits after a few.
      maxDepth = calibration.depth - fewer;
    }
  }
}

function calibrateWithin(
  exact: Graph,
  samples: readonly ArrayLike<number>[],
  approximation: CalibrateOptions,
  maxDepth: number | undefined,
  refusal: CompileError | undefined,
): Calibration {
  if (maxDepth === undefined) return calibrate(exact, samples, approximation);
  try {
    return calibrate(exact, samples, { ...approximation, maxDepth: Math.max(1, maxDepth) });
  } catch (error) {
    if (!(error instanceof CompileError && error.code === 'CALIBRATION_DEPTH')) throw error;
    if (refusal) throw refusal;
    if (maxDepth === approximation.maxDepth) throw error;
    throw new CompileError(
      'MODEL_TOO_DEEP',
      `128-bit security without bootstrapping allows ${maxDepth} levels, and the network needs more with activations of degree 3 already; use fewer layers`,
      { argument: 'graph', value: maxDepth, cause: error },
    );
  }
}

const isTooDeep = (error: unknown): error is CompileError =>
  error instanceof CompileError && ['MODEL_TOO_DEEP', 'PRECISION_UNREACHABLE'].includes(error.code);
