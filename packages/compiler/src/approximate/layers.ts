/**
 * The approximated network on the calibration samples, fitted layer by layer: each function on the values that the
 * already approximated layers before it produce, not on those of the exact network, whose ranges they no longer have.
 * @module
 */
import type { FunctionNode, Graph } from '../graph/graph.ts';
import { depthOf } from './apply.ts';
import type { Interval } from './chebyshev.ts';
import { FULL_DEGREES } from './choose.ts';
import { fitNode, type NodeFit } from './fit.ts';
import { forward, type Samples } from './forward.ts';
import { fittedFunction, isPolynomial } from './functions.ts';
import type { CheckedOptions } from './options.ts';
import { RunningStatistics } from './statistics.ts';

/** Degree of each function to be approximated, by node index. */
export type Degrees = ReadonlyMap<number, number>;

export interface LayerFit extends NodeFit {
  node: FunctionNode;
  statistics: RunningStatistics;
  /** Share of the samples' values outside the domain. */
  outside: number;
}

export interface Layers {
  fits: Map<number, LayerFit>;
  outputs: Samples;
}

export interface LayerOptions {
  /** [min, max] of samples that are not here, by node. */
  reach?: ReadonlyMap<number, Interval>;
  draft?: boolean;
  /** Hold all of `values`, so that another run can start in the middle. */
  keep?: boolean;
}

/** Function nodes that encryption must approximate. */
export function approximatedNodes(graph: Graph): number[] {
  return graph.nodes.flatMap((node, k) => (node.kind === 'function' && !isPolynomial(node.fn) ? [k] : []));
}

/** @param values as `forward` takes them: the inputs, or a kept prefix of another run */
export function fitLayers(
  graph: Graph,
  values: (Samples | undefined)[],
  degrees: Degrees,
  options: CheckedOptions,
  { reach, draft, keep }: LayerOptions = {},
): Layers {
  const fits = new Map<number, LayerFit>();
  const outputs = forward(graph, values, {
    keep,
    replace: (k, inputs) => {
      const degree = degrees.get(k);
      if (degree === undefined) return undefined;
      const node = graph.nodes[k] as FunctionNode;
      const statistics = new RunningStatistics();
      for (const x of inputs) statistics.add(x);
      const fit = fitNode(node, statistics, degree, options, reach?.get(k), draft);
      fits.set(k, { ...fit, node, statistics, outside: outsideShare(inputs, fit.domain) });
      // HE-MAN takes the means and deviations of later layers from a run over the full ranges.
      return options.heMan && options.domainMode === 'mean-std'
        ? fitNode(node, statistics, degree, { ...options, domainMode: 'min-max' }, reach?.get(k)).evaluate
        : fit.evaluate;
    },
  });
  return { fits, outputs };
}

function outsideShare(inputs: Samples, [a, b]: Interval): number {
  let outside = 0;
  let count = 0;
  for (const x of inputs) {
    for (let i = 0; i < x.length; i++) if (!(x[i] >= a && x[i] <= b)) outside++;
    count += x.length;
  }
  return outside / count;
}

/**
 * Levels of each function at these degrees, before it is fitted.
 * @param fits of an earlier run: a function that is a line or a quadratic on its range takes no more than that
 */
export function levelsOf(graph: Graph, degrees: Degrees, fits: Layers['fits']): Map<number, number> {
  return new Map(
    [...degrees].map(([k, degree]) => {
      const found = fits.get(k)?.approximation;
      const node = graph.nodes[k] as FunctionNode;
      const slopes = node.fn.type === 'prelu' && fittedFunction(node.fn).type === 'abs' ? 1 : 0;
      if (found?.method !== 'exact') return [k, Math.ceil(Math.log2(degree + 1)) + slopes];
      const fused = node.value > 0 && graph.nodes[node.value - 1].kind === 'affine';
      return [k, Math.max(depthOf(found.polynomial), fused ? 0 : 1) + slopes];
    }),
  );
}

/** The full degree one level above or below; undefined where there is none. */
export function neighbourDegree(degree: number, step: 1 | -1, maxDegree: number): number | undefined {
  const at = FULL_DEGREES.findIndex((d) => d >= degree);
  const next = FULL_DEGREES[at + step];
  return next >= 3 && next <= maxDegree ? next : undefined;
}
