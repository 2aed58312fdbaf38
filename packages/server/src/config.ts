/**
 * Configuration: options of startServer, each readable from a VELUM_* variable when the option is absent.
 * @module
 */
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { checkEnvironment, ENVIRONMENTS, type Environment } from './environment.ts';
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
  /**
   * dev: the program routes are open, to this machine alone. staging, prod: bearer tokens and TLS; prod also hides
   * details. The model API has its accounts in all of them. VELUM_ENV, default dev.
   */
  environment?: Environment;
  /** PEM files of the private key and the certificate chain: listen with TLS. VELUM_TLS_KEY, VELUM_TLS_CERT. */
  tlsKey?: string;
  tlsCert?: string;
  /** redis://… or rediss://…: the queue is BullMQ there, and worker processes may share the work. VELUM_REDIS_URL. */
  redisUrl?: string;
  /** Compute worker processes; 0 only with redisUrl, when other processes compute. VELUM_WORKERS, default 1. */
  workers?: number;
  /**
   * A .npy file of rows x 62 weights (uint8): the catalogue that ad_targeting scores instead of Velum's own.
   * VELUM_AD_CATALOGUE; worker processes need the same.
   */
  adCatalogue?: string;
  /** Threads of one compute worker. VELUM_THREADS, default processors / workers. */
  computeThreads?: number;
  /** How long a process may be silent before its jobs are given to others. VELUM_LEASE_MS, default 30000. */
  leaseMilliseconds?: number;
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
  environment: Environment;
  /** The program routes ask for no token. */
  openPrograms: boolean;
  tlsKey?: string;
  tlsCert?: string;
  redisUrl?: string;
  workers: number;
  adCatalogue?: string;
  computeThreads: number;
  leaseMilliseconds: number;
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

type Variables = Record<string, string | undefined>;

/** Options from VELUM_* variables; throws ConfigError with the variable's name. */
export function optionsFromEnvironment(env: Variables = process.env): ServerOptions {
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
    environment: text('VELUM_ENV') as Environment | undefined,
    tlsKey: text('VELUM_TLS_KEY'),
    tlsCert: text('VELUM_TLS_CERT'),
    redisUrl: text('VELUM_REDIS_URL'),
    workers: number('VELUM_WORKERS'),
    adCatalogue: text('VELUM_AD_CATALOGUE'),
    computeThreads: env.VELUM_THREADS === 'auto' ? availableParallelism() : number('VELUM_THREADS'),
    leaseMilliseconds: number('VELUM_LEASE_MS'),
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
export function resolveConfig(options: ServerOptions = {}, env: Variables = process.env): ServerConfig {
  const e = optionsFromEnvironment(env);
  const pick = <K extends keyof ServerOptions>(key: K) => options[key] ?? e[key];
  const workers = pick('workers') ?? 1;
  const adCatalogue = pick('adCatalogue');
  const config: ServerConfig = {
    host: pick('host') ?? '127.0.0.1',
    port: pick('port') ?? 5001,
    dataDir: resolve(pick('dataDir') ?? '.velum'),
    databaseUrl: pick('databaseUrl'),
    publicUrl: pick('publicUrl')?.replace(/\/+$/, ''),
    environment: pick('environment') ?? 'dev',
    openPrograms: false,
    tlsKey: pick('tlsKey'),
    tlsCert: pick('tlsCert'),
    redisUrl: pick('redisUrl'),
    workers,
    adCatalogue: adCatalogue === undefined ? undefined : resolve(adCatalogue),
    computeThreads:
      pick('computeThreads') ?? Math.max(1, Math.floor(availableParallelism() / (workers || 1))),
    leaseMilliseconds: pick('leaseMilliseconds') ?? 30_000,
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
  if (config.workers === 0 && config.redisUrl === undefined) {
    throw invalid(
      'workers',
      'from 1 without Redis (0 leaves the work to worker processes: set VELUM_REDIS_URL or --redis)',
      0,
    );
  }
  inRange('workers', config.redisUrl === undefined ? 1 : 0, Math.max(64, availableParallelism()));
  inRange('computeThreads', 1, 64);
  inRange('leaseMilliseconds', 200, 3_600_000);
  inRange('workerCacheBytes', 2 ** 20, 2 ** 45);
  inRange('uploadLinkSeconds', 1, 24 * 3600);
  inRange('sessionSeconds', 1, 366 * 24 * 3600);
  inRange('shutdownMilliseconds', 0, 3_600_000);
  if (config.publicUrl !== undefined && !/^https?:\/\/[^\s?#]+$/.test(config.publicUrl)) {
    throw invalid('publicUrl', 'an http(s) URL without query', config.publicUrl);
  }
  if (config.redisUrl !== undefined && !/^rediss?:\/\/[^\s]+$/.test(config.redisUrl)) {
    // The URL may carry a password.
    throw invalid('redisUrl', 'a redis:// or rediss:// URL', `${config.redisUrl.slice(0, 8)}…`);
  }
  if (!ENVIRONMENTS.includes(config.environment)) {
    throw invalid('environment (VELUM_ENV)', ENVIRONMENTS.join(', '), config.environment);
  }
  const explicit = pick('environment') !== undefined;
  return { ...config, openPrograms: checkEnvironment(config, explicit) };
}

function invalid(name: string, wanted: string, got: unknown): ConfigError {
  return new ConfigError('CONFIG_INVALID', `${name} must be ${wanted}, got ${JSON.stringify(got)}`);
}
