/**
 * Configuration: options of startServer, each readable from a VELUM_* variable when the option is absent.
 * @module
 */
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { ConfigError } from './errors.ts';
import { type Limits, resolveLimits } from './limits.ts';
import type { LoggerOption } from './logger.ts';

export interface ServerOptions {
  /** Address to listen on. VELUM_HOST, default 127.0.0.1. */
  host?: string;
  /** Port, 0 for any free one. VELUM_PORT, default 5001. */
  port?: number;
  /** Directory of database, blobs and the server secret. VELUM_DATA_DIR, default ./.velum. */
  dataDir?: string;
  /** postgres://…; SQLite in dataDir without it. VELUM_DATABASE_URL. */
  databaseUrl?: string;
  /** Base of the URLs handed out, when the service stands behind a proxy. VELUM_PUBLIC_URL. */
  publicUrl?: string;
  /** Compute worker processes. VELUM_WORKERS, default 1. */
  workers?: number;
  /** Bytes of plans and keys that each worker keeps in memory. VELUM_WORKER_CACHE_BYTES. */
  workerCacheBytes?: number;
  /** Overrides of single limits. VELUM_LIMITS as a JSON object. */
  limits?: Partial<Limits>;
  /** Life time of upload links in seconds. VELUM_UPLOAD_LINK_SECONDS, default 60. */
  uploadLinkSeconds?: number;
  /** Life time of session tokens in seconds. VELUM_SESSION_SECONDS, default 12 hours. */
  sessionSeconds?: number;
  /** Believe X-Forwarded-* headers: only behind a proxy that sets them. VELUM_TRUST_PROXY. */
  trustProxy?: boolean;
  /** SQLite durability: NORMAL survives a killed process, FULL also a power cut. VELUM_SQLITE_SYNCHRONOUS. */
  sqliteSynchronous?: 'NORMAL' | 'FULL';
  /** When set, /metrics asks for it as a bearer token. VELUM_METRICS_TOKEN. */
  metricsToken?: string;
  /** How long close() waits for a running job before it goes back to the queue. VELUM_SHUTDOWN_MS, default 5000. */
  shutdownMilliseconds?: number;
  /** false (default), a level, or a pino configuration. VELUM_LOG_LEVEL. */
  logger?: LoggerOption;
}

export interface ServerConfig {
  host: string;
  port: number;
  dataDir: string;
  databaseUrl?: string;
  publicUrl?: string;
  workers: number;
  workerCacheBytes: number;
  limits: Limits;
  uploadLinkSeconds: number;
  sessionSeconds: number;
  trustProxy: boolean;
  sqliteSynchronous: 'NORMAL' | 'FULL';
  metricsToken?: string;
  shutdownMilliseconds: number;
  logger: LoggerOption;
}

type Environment = Record<string, string | undefined>;

/** Options from VELUM_* variables; throws ConfigError with the variable's name. */
export function optionsFromEnvironment(env: Environment = process.env): ServerOptions {
  const number = (name: string): number | undefined => {
    const text = env[name];
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    if (!Number.isFinite(value)) throw invalid(name, 'a number', text);
    return value;
  };
  const text = (name: string): string | undefined => env[name] || undefined;
  let limits: Partial<Limits> | undefined;
  if (env.VELUM_LIMITS) {
    try {
      limits = JSON.parse(env.VELUM_LIMITS) as Partial<Limits>;
    } catch {
      throw invalid('VELUM_LIMITS', 'a JSON object', env.VELUM_LIMITS);
    }
    if (typeof limits !== 'object' || limits === null || Array.isArray(limits)) {
      throw invalid('VELUM_LIMITS', 'a JSON object', env.VELUM_LIMITS);
    }
  }
  const synchronous = text('VELUM_SQLITE_SYNCHRONOUS')?.toUpperCase();
  if (synchronous !== undefined && synchronous !== 'NORMAL' && synchronous !== 'FULL') {
    throw invalid('VELUM_SQLITE_SYNCHRONOUS', 'NORMAL or FULL', synchronous);
  }
  return {
    host: text('VELUM_HOST'),
    port: number('VELUM_PORT'),
    dataDir: text('VELUM_DATA_DIR'),
    databaseUrl: text('VELUM_DATABASE_URL'),
    publicUrl: text('VELUM_PUBLIC_URL'),
    workers: number('VELUM_WORKERS'),
    workerCacheBytes: number('VELUM_WORKER_CACHE_BYTES'),
    limits,
    uploadLinkSeconds: number('VELUM_UPLOAD_LINK_SECONDS'),
    sessionSeconds: number('VELUM_SESSION_SECONDS'),
    trustProxy: env.VELUM_TRUST_PROXY ? /^(1|true|yes)$/i.test(env.VELUM_TRUST_PROXY) : undefined,
    sqliteSynchronous: synchronous,
    metricsToken: text('VELUM_METRICS_TOKEN'),
    shutdownMilliseconds: number('VELUM_SHUTDOWN_MS'),
    logger: text('VELUM_LOG_LEVEL'),
  };
}

/** Options, then environment, then defaults; checked. Throws ConfigError. */
export function resolveConfig(options: ServerOptions = {}, env: Environment = process.env): ServerConfig {
  const e = optionsFromEnvironment(env);
  const pick = <K extends keyof ServerOptions>(key: K) => options[key] ?? e[key];
  const config: ServerConfig = {
    host: pick('host') ?? '127.0.0.1',
    port: pick('port') ?? 5001,
    dataDir: resolve(pick('dataDir') ?? '.velum'),
    databaseUrl: pick('databaseUrl'),
    publicUrl: pick('publicUrl')?.replace(/\/+$/, ''),
    workers: pick('workers') ?? 1,
    workerCacheBytes: pick('workerCacheBytes') ?? Math.min(2 ** 30, Math.floor(totalmem() / 4)),
    limits: resolveLimits({ ...e.limits, ...options.limits }),
    uploadLinkSeconds: pick('uploadLinkSeconds') ?? 60,
    sessionSeconds: pick('sessionSeconds') ?? 12 * 3600,
    trustProxy: pick('trustProxy') ?? false,
    sqliteSynchronous: pick('sqliteSynchronous') ?? 'NORMAL',
    metricsToken: pick('metricsToken'),
    shutdownMilliseconds: pick('shutdownMilliseconds') ?? 5000,
    logger: pick('logger') ?? false,
  };
  const inRange = (name: keyof ServerConfig, low: number, high: number) => {
    const value = config[name];
    if (!(Number.isInteger(value) && (value as number) >= low && (value as number) <= high)) {
      throw invalid(name, `an integer from ${low} to ${high}`, value);
    }
  };
  inRange('port', 0, 65_535);
  inRange('workers', 1, Math.max(64, availableParallelism()));
  inRange('workerCacheBytes', 2 ** 20, 2 ** 45);
  inRange('uploadLinkSeconds', 1, 24 * 3600);
  inRange('sessionSeconds', 1, 366 * 24 * 3600);
  inRange('shutdownMilliseconds', 0, 3_600_000);
  if (config.publicUrl !== undefined && !/^https?:\/\/[^\s?#]+$/.test(config.publicUrl)) {
    throw invalid('publicUrl', 'an http(s) URL without query', config.publicUrl);
  }
  return config;
}

function invalid(name: string, wanted: string, got: unknown): ConfigError {
  return new ConfigError('CONFIG_INVALID', `${name} must be ${wanted}, got ${JSON.stringify(got)}`);
}
