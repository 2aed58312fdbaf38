/**
 * Degrees for a wanted accuracy: all start at 3, and the function whose next level removes most of the output error
 * gets it, until the target is reached; then every level that turns out not to be needed is taken back. Where the target
 * is out of reach, the fewest levels that do nearly as well as the best are enough.
 * @module
 */
import type { Graph } from '../graph/graph.ts';
import { graphDepth } from './apply.ts';
import { type Comparison, compare } from './compare.ts';
import { forward, graphWork, type Samples, valueSizes } from './forward.ts';
import { type Degrees, fitLayers, levelsOf, neighbourDegree } from './layers.ts';
import type { CalibrationTarget, CheckedOptions } from './options.ts';

export interface SearchData {
  inputs: Samples;
  outputs: Samples;
  labels?: ArrayLike<number>;
}

export interface SearchResult {
  degrees: Map<number, number>;
  reached: boolean;
  /** Why the search ended without reaching the target. */
  stopped?: 'depth' | 'degree';
}

/** Multiplications of one evaluation during the search, about half a second; larger data are sampled evenly. */
const SEARCH_WORK = 4e8;
const FEWEST_SAMPLES = 16;

/** @param start degree 3 for each node that is approximated */
export function searchDegrees(
  graph: Graph,
  start: Degrees,
  data: SearchData,
  options: CheckedOptions,
  target: CalibrationTarget,
): SearchResult {
  const work = graphWork(graph);
  const search = part(data, SEARCH_WORK / work);
  const values = valueSizes(graph).reduce((a, b) => a + b, 0);
  const probes = part(data, Math.min(SEARCH_WORK / (work * start.size), options.memory / (16 * values)));
  const measure = (degrees: Degrees, on: SearchData) =>
    compare(graph, on.outputs, fitLayers(graph, [on.inputs], degrees, options).outputs, on.labels);
  const meets = (degrees: Degrees) => {
    const first = measure(degrees, search);
    const good = reaches(first, target);
    return { first, good: good && (search === data || reaches(measure(degrees, data), target)) };
  };

  let degrees = new Map(start);
  // In the order of their levels, as every round adds some.
  const seen: { degrees: Map<number, number>; comparison: Comparison }[] = [];
  for (;;) {
    const { first, good } = meets(degrees);
    if (good) return { degrees: lowered(degrees, (d) => meets(d).good, options), reached: true };
    seen.push({ degrees, comparison: first });
    const raise = mostUseful(graph, degrees, probes, options);
    if (typeof raise === 'string') {
      const best = seen.reduce((a, b) => (better(b.comparison, a.comparison, target) ? b : a));
      const enough = seen.find((s) => nearlyAsGood(s.comparison, best.comparison, target)) ?? best;
      return { degrees: enough.degrees, reached: false, stopped: raise };
    }
    degrees = raise;
  }
}

export function reaches(c: Comparison, target: CalibrationTarget): boolean {
  if (target.agreement !== undefined && !((c.agreement ?? 1) >= target.agreement)) return false;
  if (target.outputError !== undefined && !(c.relativeError <= target.outputError)) return false;
  if (target.accuracyDrop === undefined || !c.accuracy) return true;
  return c.accuracy.exact - c.accuracy.approximated <= target.accuracyDrop + 1e-12;
}

/** Nearer to the target: by what it asks for, and by the output error where that is equal. */
function better(a: Comparison, b: Comparison, target: CalibrationTarget): boolean {
  const score = (c: Comparison) => {
    if (target.agreement !== undefined) return c.agreement ?? 0;
    return target.accuracyDrop === undefined ? 0 : (c.accuracy?.approximated ?? 0);
  };
  if (score(a) !== score(b)) return score(a) > score(b);
  return target.outputError === undefined ? a.rmsError < b.rmsError : a.maxError < b.maxError;
}

/**
 * So near to the best that its levels are not worth their time: half the decisions that the target gives away, or a tenth
 * more of an output error.
 */
function nearlyAsGood(c: Comparison, best: Comparison, target: CalibrationTarget): boolean {
  const { agreement, outputError, accuracyDrop } = target;
  if (agreement !== undefined && (c.agreement ?? 0) < (best.agreement ?? 0) - (1 - agreement) / 2)
    return false;
  if (outputError !== undefined && !(c.maxError <= 1.1 * best.maxError)) return false;
  const lost = (best.accuracy?.approximated ?? 0) - (c.accuracy?.approximated ?? 0);
  return accuracyDrop === undefined || lost <= accuracyDrop / 2;
}

/** The degrees with one raised: the one that lowers the output error most. */
function mostUseful(
  graph: Graph,
  degrees: Map<number, number>,
  { inputs, outputs }: SearchData,
  options: CheckedOptions,
): Map<number, number> | 'depth' | 'degree' {
  const values: (Samples | undefined)[] = [inputs];
  const current = fitLayers(graph, values, degrees, options, { draft: true, keep: true });
  const raised = [...degrees].flatMap(([k, degree]) => {
    const next = neighbourDegree(degree, 1, options.maxDegree);
    const exact = current.fits.get(k)?.approximation.method === 'exact';
    return next === undefined || exact ? [] : [{ k, degrees: new Map(degrees).set(k, next) }];
  });
  if (raised.length === 0) return 'degree';
  const allowed = raised.filter(
    (r) => graphDepth(graph, levelsOf(graph, r.degrees, current.fits)) <= options.maxDepth,
  );
  if (allowed.length === 0) return 'depth';
  if (allowed.length === 1) return allowed[0].degrees;
  const before = compare(graph, outputs, current.outputs).rmsError;
  let choice = allowed[0];
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of allowed) {
    const prefix = values.slice(0, candidate.k + 1);
    const trial = fitLayers(graph, prefix, candidate.degrees, options, { draft: true, keep: true });
    const error = compare(graph, outputs, trial.outputs).rmsError;
    if (error < least) {
      least = error;
      choice = candidate;
    }
  }
  if (least < before) return choice.degrees;
  // No single raise helps: the function that, were it exact, would help most.
  least = Number.POSITIVE_INFINITY;
  for (const candidate of allowed) {
    const evaluators = new Map([...current.fits].map(([k, fit]) => [k, fit.evaluate]));
    evaluators.delete(candidate.k);
    const exactHere = forward(graph, values.slice(0, candidate.k + 1), {
      keep: true,
      replace: (k) => evaluators.get(k),
    });
    const error = compare(graph, outputs, exactHere).rmsError;
    if (error < least) {
      least = error;
      choice = candidate;
    }
  }
  return choice.degrees;
}

/** Takes levels back, the highest degrees first, while `good` stays true. */
function lowered(
  degrees: Map<number, number>,
  good: (degrees: Map<number, number>) => boolean,
  options: CheckedOptions,
): Map<number, number> {
  let kept = degrees;
  for (const [k] of [...degrees].sort((a, b) => b[1] - a[1])) {
    for (;;) {
      const less = neighbourDegree(kept.get(k)!, -1, options.maxDegree);
      if (less === undefined) break;
      const trial = new Map(kept).set(k, less);
      if (!good(trial)) break;
      kept = trial;
    }
  }
  return kept;
}

/** At most `count` samples, evenly spread; the data itself when that is all of them. */
function part(data: SearchData, count: number): SearchData {
  const total = data.inputs.length;
  const wanted = Math.max(Math.min(FEWEST_SAMPLES, total), Math.floor(count));
  if (wanted >= total) return data;
  const indices = Array.from({ length: wanted }, (_, i) => Math.floor((i * total) / wanted));
  const each = data.labels ? data.labels.length / total : 0;
  const { labels } = data;
  return {
    inputs: indices.map((i) => data.inputs[i]),
    outputs: indices.map((i) => data.outputs[i]),
    labels: labels && indices.flatMap((i) => Array.from({ length: each }, (_, e) => labels[i * each + e])),
  };
}
