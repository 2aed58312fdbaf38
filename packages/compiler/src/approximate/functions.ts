/**
 * What approximation has to know about each function of the graph: its value, where it bends, where it is defined, and
 * where it is a polynomial already.
 * @module
 */
import { CompileError } from '../errors.ts';
import type { ElementwiseFunction } from '../graph/graph.ts';
import { evaluateFunction } from '../graph/run.ts';
import type { Interval } from './chebyshev.ts';

/** A prelu is fitted as |x|: relu and its slopes come from it exactly, x (1 + s) / 2 + |x| (1 - s) / 2. */
export function fittedFunction(fn: ElementwiseFunction): ElementwiseFunction {
  if (fn.type !== 'prelu') return fn;
  const slope = fn.slopes[0];
  return fn.slopes.every((s) => s === slope) ? { type: 'leakyrelu', alpha: slope } : { type: 'abs' };
}

export const isPolynomial = (fn: ElementwiseFunction): boolean =>
  fn.type === 'polynomial' || fn.type === 'chebyshev';

/** x -> fn(x) for a function that is the same for every element. */
export function exact(fn: ElementwiseFunction): (x: number) => number {
  return (x) => evaluateFunction(fn, x, 0);
}

/** Where the derivative jumps. */
export function kinks(fn: ElementwiseFunction): number[] {
  switch (fn.type) {
    case 'relu':
    case 'leakyrelu':
    case 'abs':
    case 'prelu':
    case 'elu':
      return [0];
    case 'clip':
      return [fn.min, fn.max].filter(Number.isFinite);
    case 'hardswish':
      return [-3, 3];
    case 'hardsigmoid':
      return fn.alpha === 0 ? [] : [-fn.beta / fn.alpha, (1 - fn.beta) / fn.alpha].sort((p, q) => p - q);
    default:
      return [];
  }
}

/**
 * The part of `range` where fn is defined: neither a margin nor an approximated layer before it may push a square root
 * below 0.
 * @throws CompileError APPROXIMATION_DOMAIN when nothing is left
 */
export function definedRange(fn: ElementwiseFunction, range: Interval): Interval {
  if (fn.type !== 'sqrt') return range;
  if (range[1] <= 0) {
    throw new CompileError(
      'APPROXIMATION_DOMAIN',
      `sqrt has inputs in [${range[0]}, ${range[1]}] on the calibration data: bring them above 0`,
      { argument: 'range', value: range },
    );
  }
  return [Math.max(0, range[0]), range[1]];
}

/** Powers, lowest degree first, of a function that is a polynomial of degree at most 2 on all of `range`. */
export function polynomialOn(fn: ElementwiseFunction, [a, b]: Interval): number[] | undefined {
  if (fn.type === 'hardswish' && a >= -3 && b <= 3) return [0, 1 / 2, 1 / 6];
  if (fn.type === 'elu') return a >= 0 ? [0, 1] : undefined;
  if (!['relu', 'leakyrelu', 'prelu', 'abs', 'clip', 'hardsigmoid', 'hardswish'].includes(fn.type))
    return undefined;
  if (kinks(fn).some((x) => x > a && x < b)) return undefined;
  if (fn.type === 'hardswish' && a < 3 && b > -3) return undefined;
  // The ends of one straight piece give its line; whole numbers stay whole.
  const f = exact(fn);
  const slope = snap((f(b) - f(a)) / (b - a));
  const offset = snap(f(a) - slope * a);
  return slope === 0 ? [offset] : [offset, slope];
}

function snap(x: number): number {
  const near = Math.round(x);
  return Math.abs(x - near) < 1e-12 ? near + 0 : x;
}
