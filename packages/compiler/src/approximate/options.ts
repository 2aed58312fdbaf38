/**
 * What a caller may ask of calibration, HE-MAN's knobs (`--relu-mode`, `--domain-mode`, `-f`) among them, checked once.
 * @module
 */
import { CompileError } from '../errors.ts';
import { checkDegree, type Method } from './choose.ts';

export interface CalibrationTarget {
  /** Share of decisions equal to the exact network's, e.g. 0.99. */
  agreement?: number;
  /** Largest output error, in units of the largest |exact output|. */
  outputError?: number;
  /** Largest loss of accuracy in shares, e.g. 0.01; needs labels. */
  accuracyDrop?: number;
}

export interface CalibrateOptions {
  /**
   * HE-MAN's `degN` or `degN_no_offset`: ordinary least squares of that degree on 1000 equidistant points, for every
   * function, the constant dropped from a relu with `_no_offset`. Margin 0 unless one is given; no search.
   */
  reluMode?: string;
  /** Default 'min-max'. 'mean-std' is mu +- 3 sigma: rare values then leave the domain. */
  domainMode?: 'min-max' | 'mean-std';
  /**
   * 'min-max' only: share of the measured width added on each side; default 0.3. Outside its domain a polynomial of high
   * degree explodes. On six fresh random convolutional networks (relu at degree 31 everywhere, 2000 unseen inputs each) an
   * output diverged in six with a margin of 0.1 and in one with 0.3 after 500 samples; after 200, in six and three.
   */
  margin?: number;
  /** Fractional bits wanted of the encrypted run, for the planner; at least 21, default 21. */
  precisionBits?: number;
  /** One degree for all functions; no search. */
  degree?: number;
  /** Default 'auto'. */
  method?: Method;
  /** Default: 0.99 of the decisions; an output error of 0.01 for a network that takes none. */
  target?: CalibrationTarget;
  /** Levels the approximated graph may take, `graphDepth`. */
  maxDepth?: number;
  /** Of one function; default 31. */
  maxDegree?: number;
  /** True classes, one for each decision, in the order of the samples. */
  labels?: ArrayLike<number>;
  /** Bytes for samples and their values; default 512 MiB. Beyond it a random part of the samples is kept for fitting. */
  memory?: number;
}

export interface CheckedOptions extends CalibrateOptions {
  heMan?: { degree: number; offset: boolean };
  domainMode: 'min-max' | 'mean-std';
  margin: number;
  precisionBits: number;
  method: Method;
  maxDepth: number;
  maxDegree: number;
  memory: number;
}

const DEFAULT_MEMORY = 512 * 2 ** 20;

/** @throws CompileError CALIBRATION_OPTION, naming the option and its value; APPROXIMATION_DEGREE */
export function checkOptions(options: CalibrateOptions): CheckedOptions {
  const heMan = options.reluMode === undefined ? undefined : parseReluMode(options.reluMode);
  const checked: CheckedOptions = {
    ...options,
    heMan,
    domainMode: options.domainMode ?? 'min-max',
    margin: options.margin ?? (heMan ? 0 : 0.3),
    precisionBits: options.precisionBits ?? 21,
    method: options.method ?? 'auto',
    maxDepth: options.maxDepth ?? Number.POSITIVE_INFINITY,
    maxDegree: options.maxDegree ?? 31,
    memory: options.memory ?? DEFAULT_MEMORY,
  };
  const { target = {}, domainMode, margin, precisionBits, maxDepth, memory } = checked;
  check('domainMode', domainMode, ['min-max', 'mean-std'].includes(domainMode), 'min-max or mean-std');
  check('margin', margin, margin >= 0 && margin <= 10, 'a share of the width from 0 to 10');
  check(
    'precisionBits',
    precisionBits,
    Number.isInteger(precisionBits) && precisionBits >= 21 && precisionBits <= 60,
    'a whole number of bits from 21 to 60',
  );
  check('maxDepth', maxDepth, maxDepth >= 1, 'a positive number of levels');
  check('memory', memory, memory >= 2 ** 20, 'at least 1 MiB');
  checkDegree(checked.maxDegree);
  check('maxDegree', checked.maxDegree, checked.maxDegree >= 3, 'at least 3');
  if (checked.degree !== undefined) {
    checkDegree(checked.degree);
    check('degree', checked.degree, checked.degree >= 1, 'at least 1');
  }
  const { agreement = 1, outputError = 1, accuracyDrop = 0 } = target;
  check('target.agreement', agreement, agreement > 0 && agreement <= 1, 'a share in (0, 1]');
  check('target.outputError', outputError, outputError > 0, 'a positive share of the largest output');
  check('target.accuracyDrop', accuracyDrop, accuracyDrop >= 0 && accuracyDrop <= 1, 'a share from 0 to 1');
  check(
    'labels',
    undefined,
    target.accuracyDrop === undefined || checked.labels !== undefined,
    'the true classes, which an accuracyDrop needs',
  );
  return checked;
}

/** HE-MAN lower-cases it first and has no upper end; ours is what can be evaluated. */
export function parseReluMode(mode: string): { degree: number; offset: boolean } {
  const match = /^deg([1-9][0-9]*)(_no_offset)?$/.exec(mode.toLowerCase());
  check(
    'reluMode',
    mode,
    match !== null && Number(match[1]) <= 63,
    'deg1 to deg63, or those with _no_offset',
  );
  return { degree: Number(match![1]), offset: match![2] === undefined };
}

function check(argument: string, value: unknown, good: boolean, wanted: string): void {
  if (good) return;
  throw new CompileError('CALIBRATION_OPTION', `${argument} is ${String(value)}: give ${wanted}`, {
    argument,
    value,
  });
}
