/**
 * Polynomials in place of functions: calibration on data, and the fits behind it.
 * @module
 */
export { applyApproximations, depthOf, graphDepth } from './apply.ts';
export { type Calibration, calibrate, type ValueRange } from './calibrate.ts';
export { evaluateChebyshev, type Interval, interpolate } from './chebyshev.ts';
export {
  type ApproximateOptions,
  type Approximation,
  approximate,
  type FittedPolynomial,
  FULL_DEGREES,
  MAX_DEGREE,
  type Method,
} from './choose.ts';
export { type Comparison, compare } from './compare.ts';
export { type Histogram, histogramOf } from './density.ts';
export { approximatedNodes } from './layers.ts';
export { leastSquares } from './least-squares.ts';
export { type CalibrateOptions, type CalibrationTarget, parseReluMode } from './options.ts';
export { type Minimax, remez } from './remez.ts';
export { type CalibrationReport, type FunctionReport, report } from './report.ts';
export { CALIBRATION_LIMITS, type CalibrationSamples, readCalibration } from './samples.ts';
