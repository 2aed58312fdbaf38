/**
 * The polynomial for one function node, from the statistics of the values that reached it.
 * @module
 */
import type { ElementwiseFunction, FunctionNode } from '../graph/graph.ts';
import { evaluateChebyshev, type Interval } from './chebyshev.ts';
import { type Approximation, approximate, describe, type FittedPolynomial } from './choose.ts';
import { definedRange, exact, fittedFunction, kinks, polynomialOn } from './functions.ts';
import { fitPoints } from './least-squares.ts';
import type { CheckedOptions } from './options.ts';
import type { RunningStatistics } from './statistics.ts';

export interface NodeFit {
  approximation: Approximation;
  domain: Interval;
  /** What the node computes from now on. */
  evaluate: (x: number, index: number) => number;
}

const POLYFIT_POINTS = 1000;

/**
 * @param reach [min, max] that the domain covers beyond the statistics, for values of samples that were not kept
 * @param draft least squares only: fast, for comparing degrees
 */
export function fitNode(
  node: FunctionNode,
  statistics: RunningStatistics,
  degree: number,
  options: CheckedOptions,
  reach?: Interval,
  draft = false,
): NodeFit {
  const fn = fittedFunction(node.fn);
  const domain = domainOf(fn, statistics, options, reach);
  const approximation = options.heMan
    ? polyfit(fn, statistics, domain, options.heMan)
    : approximate(fn, {
        range: domain,
        density: statistics.histogram,
        degree,
        method: draft ? 'least-squares' : options.method,
      });
  return {
    approximation: forSlopes(node.fn, approximation),
    domain,
    evaluate: evaluator(node.fn, approximation.polynomial),
  };
}

function domainOf(
  fn: ElementwiseFunction,
  { min, max, mean, std }: RunningStatistics,
  options: CheckedOptions,
  reach: Interval = [min, max],
): Interval {
  const measured: Interval = [Math.min(min, reach[0]), Math.max(max, reach[1])];
  const margin = options.margin * (measured[1] - measured[0]);
  const [a, b] =
    options.domainMode === 'mean-std'
      ? [mean - 3 * std, mean + 3 * std]
      : [measured[0] - margin, measured[1] + margin];
  // A value that never changes still needs an interval around it.
  const least = 1e-3 * Math.max(Math.abs(a), Math.abs(b), 1e-3);
  const range: Interval = b - a < least ? [a - least, b + least] : [a, b];
  return definedRange(fn, range);
}

/** HE-MAN's fit: `numpy.polyfit` on linspace(lower, upper, 1000), the identity for a relu that is never negative. */
function polyfit(
  fn: ElementwiseFunction,
  { histogram }: RunningStatistics,
  domain: Interval,
  { degree, offset }: { degree: number; offset: boolean },
): Approximation {
  const powers = polynomialOn(fn, domain);
  if (powers) return approximate({ type: 'polynomial', coefficients: powers }, { range: domain });
  const f = exact(fn);
  const points = Float64Array.from(
    { length: POLYFIT_POINTS },
    (_, i) => domain[0] + (i / (POLYFIT_POINTS - 1)) * (domain[1] - domain[0]),
  );
  const weights = new Float64Array(POLYFIT_POINTS).fill(1 / POLYFIT_POINTS);
  const coefficients = fitPoints(f, domain, degree, { points, weights });
  if (!offset && fn.type === 'relu') coefficients[0] -= evaluateChebyshev(coefficients, domain, 0);
  return describe(f, kinks(fn), coefficients, domain, histogram, 'polyfit');
}

/** A prelu's errors are those of |x| times (1 - slope) / 2. */
function forSlopes(fn: ElementwiseFunction, a: Approximation): Approximation {
  if (fn.type !== 'prelu' || fittedFunction(fn).type !== 'abs') return a;
  const factor = fn.slopes.reduce((m, s) => Math.max(m, Math.abs(1 - s) / 2), 0);
  return { ...a, maxError: a.maxError * factor, rmsError: a.rmsError * factor };
}

function evaluator(fn: ElementwiseFunction, p: FittedPolynomial): NodeFit['evaluate'] {
  const value = polynomialValue(p);
  if (fn.type !== 'prelu' || fittedFunction(fn).type !== 'abs') return value;
  const { slopes } = fn;
  return (x, i) => (x * (1 + slopes[i]) + value(x) * (1 - slopes[i])) / 2;
}

function polynomialValue({ basis, coefficients, domain }: FittedPolynomial): (x: number) => number {
  if (basis === 'power') {
    return (x) => {
      let sum = 0;
      for (let k = coefficients.length - 1; k >= 0; k--) sum = sum * x + coefficients[k];
      return sum;
    };
  }
  const series = Float64Array.from(coefficients);
  return (x) => evaluateChebyshev(series, domain!, x);
}
