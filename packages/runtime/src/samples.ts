/**
 * Checks on samples before anything is encrypted: the client is told of a wrong shape or a value outside the calibrated
 * range while it can still do something about it.
 * @module
 */
import { RuntimeError } from './errors.ts';
import type { Profile } from './profile.ts';

export interface SampleWarning {
  code: 'OUT_OF_RANGE';
  row: number;
  feature: number;
  name?: string;
  value: number;
  range: [number, number];
  message: string;
}

/**
 * @returns warnings for values outside the calibrated ranges
 * @throws RuntimeError NO_SAMPLES, TOO_MANY_SAMPLES, FEATURE_COUNT, NOT_FINITE
 */
export function checkSamples(profile: Profile, rows: readonly ArrayLike<number>[]): SampleWarning[] {
  const { features, names, ranges, range: common, samplesPerRequest } = profile.input;
  if (rows.length === 0) throw new RuntimeError('NO_SAMPLES', 'there are no samples to predict', 'rows');
  if (rows.length > samplesPerRequest) {
    throw new RuntimeError(
      'TOO_MANY_SAMPLES',
      `${rows.length} samples, but one request of this profile holds ${samplesPerRequest}; send them in parts or enrol with a larger batch size`,
      'rows',
    );
  }
  const warnings: SampleWarning[] = [];
  rows.forEach((row, r) => {
    if (row.length !== features) {
      throw new RuntimeError(
        'FEATURE_COUNT',
        `sample ${r} has ${row.length} features, the model takes ${features}`,
        'rows',
      );
    }
    for (let f = 0; f < features; f++) {
      const value = row[f];
      const label = names?.[f] === undefined ? `feature ${f}` : `feature ${f} (${names[f]})`;
      if (typeof value !== 'number' || !Number.isFinite(value)) {
        throw new RuntimeError(
          'NOT_FINITE',
          `sample ${r}, ${label} is ${value}, not a finite number`,
          'rows',
        );
      }
      const range = ranges?.[f] ?? common;
      if (range && (value < range[0] || value > range[1])) {
        const warning: SampleWarning = {
          code: 'OUT_OF_RANGE',
          row: r,
          feature: f,
          value,
          range,
          message: `sample ${r}, ${label} is ${value}, outside the calibrated range ${range[0]}..${range[1]}; the result may be wrong`,
        };
        if (names?.[f] !== undefined) warning.name = names[f];
        warnings.push(warning);
      }
    }
  });
  return warnings;
}
