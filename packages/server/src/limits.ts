/**
 * Every quota and size limit of the service in one object. HE4Cloud's `LIMITATIONS` names are given beside
 * ours where there is a counterpart.
 * @module
 */
import { ConfigError } from './errors.ts';

export interface Limits {
  /** Models an account may have deployed at once (num_deployed_models). */
  deployedModels: number;
  /** Models an account may be registered with at once (num_active_models). */
  activeModels: number;
  /** Jobs of one account that are queued or running. */
  activeJobs: number;
  /** Predictions of one account per UTC day (num_predictions). */
  predictionsPerDay: number;
  /** Longest computation of one job, in milliseconds; then the worker is stopped (prediction_time). */
  predictionMilliseconds: number;
  /** Longest import and compilation of one model, in milliseconds. */
  compileMilliseconds: number;
  /** Public key plus evaluation key of one profile, in bytes (context_size). */
  keyBytes: number;
  /** All files of one deployment, in bytes. */
  modelBytes: number;
  /** One upload, in bytes (max_payload). */
  uploadBytes: number;
  /** All keys and data an account stores, in bytes. */
  storedBytes: number;
  /** Days that inputs and results are kept (expiration). */
  retentionDays: number;
  /** Largest batch size a user may ask for. */
  batchSize: number;
  /** Program tasks of one account that are queued or running. */
  activeTasks: number;
  /** Longest computation of one program task, in milliseconds; then the worker is stopped. */
  taskMilliseconds: number;
  /** One server key of a program, in bytes. */
  programKeyBytes: number;
  /** Server keys of one account. */
  programKeys: number;
  /** Days that a server key lives after its last upload. */
  keyDays: number;
  /** One encrypted input of a program, in bytes; a program may allow less. */
  taskInputBytes: number;
  /** API tokens of one account. */
  tokens: number;
  /** Requests per minute: per address to sign up and sign in, per account or address to everything else. */
  authPerMinute: number;
  requestsPerMinute: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  deployedModels: 500,
  activeModels: 500,
  activeJobs: 200,
  predictionsPerDay: 100_000,
  predictionMilliseconds: 15 * 60_000,
  compileMilliseconds: 2 * 60_000,
  keyBytes: 1e9,
  modelBytes: 640 * 2 ** 20,
  uploadBytes: 5e9,
  storedBytes: 50e9,
  retentionDays: 30,
  batchSize: 65_536,
  activeTasks: 100,
  taskMilliseconds: 60 * 60_000,
  programKeyBytes: 64 * 2 ** 20,
  programKeys: 100,
  keyDays: 30,
  taskInputBytes: 32 * 2 ** 20,
  tokens: 100,
  authPerMinute: 20,
  requestsPerMinute: 6000,
};

/** Defaults with overrides; throws ConfigError LIMITS_INVALID on an unknown name or a value that is no positive number. */
export function resolveLimits(overrides: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!(name in DEFAULT_LIMITS)) {
      throw new ConfigError(
        'LIMITS_INVALID',
        `limits.${name} is not a limit; known: ${Object.keys(DEFAULT_LIMITS).join(', ')}`,
      );
    }
    if (value !== undefined && !(typeof value === 'number' && value > 0)) {
      throw new ConfigError(
        'LIMITS_INVALID',
        `limits.${name} must be a positive number, got ${String(value)}`,
      );
    }
  }
  const set = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  return { ...DEFAULT_LIMITS, ...set };
}
