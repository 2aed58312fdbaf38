/**
 * One polynomial for one function on one range: the method and the degree.
 * @module
 */
import { CompileError } from '../errors.ts';
import type { ElementwiseFunction } from '../graph/graph.ts';
import { evaluateChebyshev, fromUnit, type Interval, interpolate } from './chebyshev.ts';
import { type Histogram, histogramOf, quadrature } from './density.ts';
import { exact, kinks, polynomialOn } from './functions.ts';
import { leastSquares } from './least-squares.ts';
import { remez } from './remez.ts';

export type Method = 'auto' | 'remez' | 'least-squares' | 'chebyshev';

/** The polynomial that encryption will evaluate; `@velum/fhe` takes it as its `Polynomial`. */
export interface FittedPolynomial {
  basis: 'power' | 'chebyshev';
  /** Lowest degree first. */
  coefficients: number[];
  /** Chebyshev only. */
  domain?: [number, number];
}

export interface ApproximateOptions {
  range: Interval;
  /** Histogram, or samples, of the inputs; default uniform over the range. */
  density?: Histogram | ArrayLike<number>;
  /** 0 to 63. Without it, and without `error`, 7. */
  degree?: number;
  /** Wanted largest error over the range: the least depth that reaches it, at its full degree. */
  error?: number;
  /** Default 'auto': the smallest rms error under the density of those within `maxErrorFactor`. */
  method?: Method;
  /** 'auto' only: largest error allowed, in units of the minimax error of the same degree; default 4. */
  maxErrorFactor?: number;
}

export interface Approximation {
  polynomial: FittedPolynomial;
  degree: number;
  /** Over the whole range. */
  maxError: number;
  /** Under the density. */
  rmsError: number;
  /** 'exact' where the function is a polynomial, or one straight line on the range. */
  method: Exclude<Method, 'auto'> | 'exact' | 'polyfit';
}

/** Full degrees of depth 2 to 6; depth 1 takes 1. */
export const FULL_DEGREES = [1, 3, 7, 15, 31, 63] as const;
export const MAX_DEGREE = 63;

const DEFAULT_DEGREE = 7;
const FLOORS = [0.01, 0.03, 0.1, 0.3, 1];
const ERROR_GRID = 2000;

/**
 * @throws CompileError APPROXIMATION_RANGE, APPROXIMATION_DEGREE, APPROXIMATION_ERROR (the wanted error is out of reach at
 *   degree 63, or not positive), APPROXIMATION_DOMAIN (not finite on the range), APPROXIMATION_FUNCTION (a prelu with
 *   several slopes is no single function; see `fittedFunction`)
 */
export function approximate(fn: ElementwiseFunction, options: ApproximateOptions): Approximation {
  const range = checkRange(options.range);
  if (fn.type === 'polynomial') return given({ basis: 'power', coefficients: [...fn.coefficients] });
  if (fn.type === 'chebyshev')
    return given({ basis: 'chebyshev', coefficients: [...fn.coefficients], domain: [...fn.domain] });
  if (fn.type === 'prelu' && fn.slopes.some((s) => s !== fn.slopes[0])) {
    throw new CompileError('APPROXIMATION_FUNCTION', 'a prelu with several slopes: approximate abs instead', {
      argument: 'fn',
      value: fn.type,
    });
  }
  checkFinite(fn, range);
  const powers = polynomialOn(fn, range);
  if (powers) return given({ basis: 'power', coefficients: powers });
  const density = toHistogram(options.density);
  if (options.error === undefined || options.degree !== undefined) {
    return fit(fn, range, density, checkDegree(options.degree ?? DEFAULT_DEGREE), options);
  }
  return smallest(fn, range, density, options.error, options);
}

function smallest(
  fn: ElementwiseFunction,
  range: Interval,
  density: Histogram | undefined,
  wanted: number,
  options: ApproximateOptions,
): Approximation {
  if (!(wanted > 0)) {
    throw new CompileError('APPROXIMATION_ERROR', `error is ${wanted}: give a positive one`, {
      argument: 'error',
      value: wanted,
    });
  }
  let least = Number.POSITIVE_INFINITY;
  for (const degree of FULL_DEGREES) {
    const result = fit(fn, range, density, degree, options, wanted);
    if (result.maxError <= wanted) return result;
    least = Math.min(least, result.maxError);
  }
  throw new CompileError(
    'APPROXIMATION_ERROR',
    `an error of ${wanted} on [${range[0]}, ${range[1]}] is out of reach for ${fn.type}: degree ${MAX_DEGREE} gives ` +
      `${least.toPrecision(3)}; narrow the range or allow more`,
    { argument: 'error', value: wanted },
  );
}

/** @param wanted largest error that 'auto' may trade for a smaller rms error */
function fit(
  fn: ElementwiseFunction,
  range: Interval,
  density: Histogram | undefined,
  degree: number,
  options: ApproximateOptions,
  wanted?: number,
): Approximation {
  const f = exact(fn);
  const bends = kinks(fn);
  const method = options.method ?? 'auto';
  const measured = (coefficients: number[], by: Exclude<Method, 'auto'>): Approximation =>
    describe(f, bends, trim(coefficients), range, density, by);
  if (method === 'chebyshev') return measured(interpolate(f, range, degree), 'chebyshev');
  if (method === 'least-squares') return measured(leastSquares(f, range, degree, density), 'least-squares');
  if (method !== 'auto' && method !== 'remez') {
    throw new CompileError(
      'APPROXIMATION_METHOD',
      `method is "${method}": auto, remez, least-squares or chebyshev`,
      {
        argument: 'method',
        value: method,
      },
    );
  }
  const minimax = measured(remez(f, range, degree, bends).coefficients, 'remez');
  if (method === 'remez') return minimax;
  const candidates = [
    minimax,
    measured(interpolate(f, range, degree), 'chebyshev'),
    ...(density ? FLOORS : [1]).map((floor) =>
      measured(leastSquares(f, range, degree, density, floor), 'least-squares'),
    ),
  ];
  // Not the minimax error alone: should the exchange not have converged, another candidate sets the measure.
  const least = Math.min(...candidates.map((c) => c.maxError));
  const bound = Math.max(least, wanted ?? least * (options.maxErrorFactor ?? 4));
  return candidates
    .filter((c) => c.maxError <= bound)
    .reduce((best, c) => (c.rmsError < best.rmsError ? c : best));
}

/** Degree and errors of a polynomial for f in the Chebyshev basis of `range`. */
export function describe(
  f: (x: number) => number,
  bends: readonly number[],
  coefficients: number[],
  range: Interval,
  density: Histogram | undefined,
  method: Approximation['method'],
): Approximation {
  const error = (x: number) => Math.abs(evaluateChebyshev(coefficients, range, x) - f(x));
  let maxError = 0;
  for (let i = 0; i <= ERROR_GRID; i++)
    maxError = Math.max(maxError, error(fromUnit(-Math.cos((Math.PI * i) / ERROR_GRID), range)));
  for (const x of bends) if (x > range[0] && x < range[1]) maxError = Math.max(maxError, error(x));
  const { points, weights } = quadrature(range, density, density ? 0 : 1);
  let square = 0;
  for (let i = 0; i < points.length; i++) if (weights[i] > 0) square += weights[i] * error(points[i]) ** 2;
  return {
    polynomial: { basis: 'chebyshev', coefficients, domain: [range[0], range[1]] },
    degree: coefficients.length - 1,
    maxError,
    rmsError: Math.sqrt(square),
    method,
  };
}

function given(polynomial: FittedPolynomial): Approximation {
  let degree = polynomial.coefficients.length - 1;
  while (degree > 0 && polynomial.coefficients[degree] === 0) degree--;
  return { polynomial, degree, maxError: 0, rmsError: 0, method: 'exact' };
}

/** Highest coefficients that are rounding would cost a level and add nothing. */
function trim(coefficients: number[]): number[] {
  const least = 1e-15 * Math.max(...coefficients.map(Math.abs));
  let length = coefficients.length;
  while (length > 1 && Math.abs(coefficients[length - 1]) <= least) length--;
  return coefficients.slice(0, length);
}

function toHistogram(density: ApproximateOptions['density']): Histogram | undefined {
  if (density === undefined) return undefined;
  return 'counts' in density ? density : histogramOf(density);
}

function checkRange([a, b]: Interval): Interval {
  if (!(Number.isFinite(a) && Number.isFinite(b) && a < b)) {
    throw new CompileError(
      'APPROXIMATION_RANGE',
      `[${a}, ${b}] is not an interval: give finite ends, lower first`,
      {
        argument: 'range',
        value: [a, b],
      },
    );
  }
  return [a, b];
}

export function checkDegree(degree: number): number {
  if (!(Number.isInteger(degree) && degree >= 0 && degree <= MAX_DEGREE)) {
    throw new CompileError(
      'APPROXIMATION_DEGREE',
      `degree is ${degree}: give a whole number from 0 to ${MAX_DEGREE}`,
      {
        argument: 'degree',
        value: degree,
      },
    );
  }
  return degree;
}

function checkFinite(fn: ElementwiseFunction, range: Interval): void {
  const f = exact(fn);
  for (let i = 0; i <= 64; i++) {
    const x = fromUnit(i / 32 - 1, range);
    if (!Number.isFinite(f(x))) {
      throw new CompileError(
        'APPROXIMATION_DOMAIN',
        `${fn.type} is not finite at ${x}: narrow the range [${range[0]}, ${range[1]}]`,
        { argument: 'range', value: range },
      );
    }
  }
}
