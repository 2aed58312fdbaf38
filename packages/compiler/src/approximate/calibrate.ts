/**
 * Calibration: ranges from data, one polynomial for each function, degrees for the accuracy that is wanted, and the
 * graph that results, measured end to end.
 * @module
 */
import { CompileError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { applyApproximations, graphDepth } from './apply.ts';
import type { Interval } from './chebyshev.ts';
import { type Collected, collect } from './collect.ts';
import { type Comparison, compare } from './compare.ts';
import { forward } from './forward.ts';
import { approximatedNodes, type Degrees, fitLayers, type LayerFit, levelsOf } from './layers.ts';
import {
  type CalibrateOptions,
  type CalibrationTarget,
  type CheckedOptions,
  checkOptions,
} from './options.ts';
import { reaches, searchDegrees } from './search.ts';
import { RunningStatistics } from './statistics.ts';

export interface ValueRange {
  min: number;
  max: number;
  mean: number;
  std: number;
}

export interface Calibration {
  /** With polynomials in place of the functions. */
  graph: Graph;
  /** `graphDepth` of it. */
  depth: number;
  /** By function node of the graph that was given. */
  fits: Map<number, LayerFit>;
  /** By value of `graph`, the input included. */
  values: ValueRange[];
  /** By value of the graph that was given, with its exact functions, over all samples. */
  exactValues: ValueRange[];
  /** The approximated graph against the exact one, on the samples kept. */
  comparison: Comparison;
  /** Samples seen, and those that memory let us keep for fitting. */
  samples: { seen: number; kept: number };
  target: CalibrationTarget;
  /** Whether the comparison meets the target; a fixed degree or relu mode is measured against it, too. */
  reached: boolean;
  /** Bits before the point of the largest value, weight or bias (HE-MAN's I), and those wanted after it. */
  integerBits: number;
  precisionBits: number;
  /** Also appended to the graph's. */
  warnings: string[];
}

/**
 * @param samples flattened inputs, read once; the graph's memory bound holds for those that are kept
 * @throws CompileError CALIBRATION_EMPTY, CALIBRATION_SHAPE, CALIBRATION_VALUE, CALIBRATION_LABELS, CALIBRATION_OPTION,
 *   CALIBRATION_DEPTH (maxDepth is less than the least degrees need), APPROXIMATION_DOMAIN
 */
export function calibrate(
  graph: Graph,
  samples: Iterable<ArrayLike<number>>,
  options: CalibrateOptions = {},
): Calibration {
  const checked = checkOptions(options);
  const nodes = approximatedNodes(graph);
  const fixed = checked.heMan?.degree ?? checked.degree;
  const data = collect(graph, samples, checked.memory, checked.labels);
  // Degree 3 is the full degree of two levels, the least that bends both ways.
  const start = new Map(nodes.map((k) => [k, fixed ?? 3]));
  checkDepth(graph, start, data, checked);
  const target = checked.target ?? defaultTarget(graph, data);
  const search = fixed === undefined && nodes.length > 0;
  const found = search ? searchDegrees(graph, start, data, checked, target) : undefined;

  // Samples that were not kept are known by the exact network's ranges only.
  const reach = data.count > data.inputs.length ? exactReach(graph, nodes, data) : undefined;
  const { fits } = fitLayers(graph, [data.inputs], found?.degrees ?? start, checked, { reach });
  const approximations = new Map([...fits].map(([k, fit]) => [k, fit.approximation]));
  const applied = applyApproximations(graph, approximations);
  const statistics = Array.from({ length: applied.nodes.length + 1 }, () => new RunningStatistics());
  const outputs = forward(applied, [data.inputs], {
    observe: (v, all) => {
      for (const x of all) statistics[v].add(x);
    },
  });
  const comparison = compare(graph, data.outputs, outputs, data.labels);
  const reached = reaches(comparison, target);
  const depth = graphDepth(applied);
  const warnings = warn(fits, comparison, reached, found?.stopped, checked);
  return {
    graph: { ...applied, warnings: [...applied.warnings, ...warnings] },
    depth,
    fits,
    values: statistics.map(rangeOf),
    exactValues: data.values.map(rangeOf),
    comparison,
    samples: { seen: data.count, kept: data.inputs.length },
    target,
    reached,
    integerBits: integerBits(applied, [...statistics, ...data.values]),
    precisionBits: checked.precisionBits,
    warnings,
  };
}

function checkDepth(graph: Graph, start: Degrees, data: Collected, options: CheckedOptions): void {
  const { maxDepth } = options;
  if (maxDepth === Number.POSITIVE_INFINITY) return;
  // The fits tell which functions are lines on their ranges.
  const { fits } = fitLayers(graph, [data.inputs], start, options, { draft: true });
  const needed = graphDepth(graph, levelsOf(graph, start, fits));
  if (needed <= maxDepth) return;
  const degree = Math.max(0, ...start.values());
  throw new CompileError(
    'CALIBRATION_DEPTH',
    `maxDepth is ${maxDepth}; the network takes ${needed} levels with functions of degree ${degree}: allow as many`,
    { argument: 'maxDepth', value: maxDepth },
  );
}

function defaultTarget(graph: Graph, data: Collected): CalibrationTarget {
  const decides = compare(graph, data.outputs, data.outputs).agreement !== undefined;
  return decides ? { agreement: 0.99 } : { outputError: 0.01 };
}

function exactReach(graph: Graph, nodes: number[], { values }: Collected): Map<number, Interval> {
  return new Map(
    nodes.flatMap((k) => {
      const node = graph.nodes[k];
      return node.kind === 'function' ? [[k, [values[node.value].min, values[node.value].max]] as const] : [];
    }),
  );
}

const rangeOf = ({ min, max, mean, std }: RunningStatistics): ValueRange => ({ min, max, mean, std });

/** floor(log2(largest magnitude) + 1), of values and constants alike. */
function integerBits(graph: Graph, statistics: RunningStatistics[]): number {
  let largest = 0;
  for (const { min, max, count } of statistics)
    if (count > 0) largest = Math.max(largest, Math.abs(min), Math.abs(max));
  const include = (values: Float64Array) => {
    for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  };
  for (const node of graph.nodes) {
    if (node.kind !== 'affine') continue;
    include(node.bias);
    for (const term of node.terms) include(term.matrix.value);
  }
  return largest > 0 ? Math.max(0, Math.floor(Math.log2(largest) + 1)) : 0;
}

function warn(
  fits: Map<number, LayerFit>,
  comparison: Comparison,
  reached: boolean,
  stopped: 'depth' | 'degree' | undefined,
  options: CheckedOptions,
): string[] {
  const warnings: string[] = [];
  for (const { node, approximation, outside } of fits.values()) {
    if (approximation.degree === 0)
      warnings.push(`"${node.name}" gives the same value for all calibration data: the layer is dead`);
    if (outside > 0) {
      warnings.push(
        `"${node.name}": ${(100 * outside).toPrecision(2)} % of the calibration values are outside its domain`,
      );
    }
  }
  if (!reached) {
    const got =
      comparison.agreement === undefined
        ? `an output error of ${(100 * comparison.relativeError).toPrecision(3)} %`
        : `${(100 * comparison.agreement).toFixed(2)} % equal decisions and an output error of ${(100 * comparison.relativeError).toPrecision(3)} %`;
    const why =
      stopped === 'depth'
        ? `maxDepth ${options.maxDepth} allows no more`
        : stopped === 'degree'
          ? `no degree up to ${options.maxDegree} is left to raise`
          : 'the degrees are fixed';
    warnings.push(`the approximated network does not reach the target: it has ${got}, and ${why}`);
  }
  return warnings;
}
