/**
 * A process that computes and serves no HTTP: takes work from Redis and records its results in the database and
 * blob directory of the server. As many as there are machines that share both may run.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Fastify from 'fastify';
import { openCompute } from './compute.ts';
import { resolveConfig, type ServerOptions } from './config.ts';
import { ConfigError } from './errors.ts';
import { loggerOptions } from './logger.ts';
import { Metrics } from './metrics.ts';

/** Those of the server that matter here; `redisUrl` (VELUM_REDIS_URL) is needed. */
export type WorkersOptions = Pick<
  ServerOptions,
  | 'dataDir'
  | 'databaseUrl'
  | 'redisUrl'
  | 'workers'
  | 'adCatalogue'
  | 'computeThreads'
  | 'workerCacheBytes'
  | 'leaseMilliseconds'
  | 'limits'
  | 'sqliteSynchronous'
  | 'shutdownMilliseconds'
  | 'logger'
>;

export interface RunningWorkers {
  /** Names this process in the answers of the server (`velum@…`). */
  name: string;
  /** Compute workers that are up. */
  readonly alive: number;
  /** Jobs and tasks being computed. */
  readonly running: number;
  /** Stops gracefully: running work gets a moment, then goes back to the queue. */
  close(): Promise<void>;
}

const NETWORK = [
  'VELUM_ENV',
  'VELUM_HOST',
  'VELUM_PORT',
  'VELUM_PUBLIC_URL',
  'VELUM_TRUST_PROXY',
  'VELUM_TLS_KEY',
  'VELUM_TLS_CERT',
];

/** Throws ConfigError when it cannot start; then nothing is left running. */
export async function startWorkers(options: WorkersOptions = {}): Promise<RunningWorkers> {
  // Server and workers may share a file of settings; what is about the network says nothing here.
  const env = Object.entries(process.env).filter(([name]) => !NETWORK.includes(name));
  const config = resolveConfig(options, Object.fromEntries(env));
  if (config.redisUrl === undefined) {
    throw new ConfigError(
      'REDIS_REQUIRED',
      'worker processes take their work from Redis: set redisUrl (VELUM_REDIS_URL), and start the server with the same',
    );
  }
  if (config.workers === 0) {
    throw new ConfigError('CONFIG_INVALID', 'workers must be an integer from 1 here, got 0');
  }
  const database = join(config.dataDir, 'velum.sqlite');
  if (!existsSync(config.dataDir)) {
    throw new ConfigError(
      'DATA_DIR_MISSING',
      `the data directory ${config.dataDir} is not there: workers need that of the server (--data, VELUM_DATA_DIR); start the server first`,
    );
  }
  if (config.databaseUrl === undefined && !existsSync(database)) {
    throw new ConfigError(
      'DATABASE_MISSING',
      `the database ${database} is not there: start the server first, or set VELUM_DATABASE_URL as it has`,
    );
  }
  const { log } = Fastify({ logger: loggerOptions(config.logger) });
  const undo: (() => unknown)[] = [];
  const unwind = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const owner = randomBytes(16).toString('hex');
  try {
    const { runner, pool } = await openCompute(
      { config, metrics: new Metrics(), log, server: false, undo },
      owner,
    );
    undo.push(() => runner.stop(config.shutdownMilliseconds));
    await runner.start();
    let closed: Promise<void> | undefined;
    return {
      name: `velum@${owner.slice(0, 8)}`,
      get alive() {
        return pool.alive;
      },
      get running() {
        return runner.running;
      },
      close: () => {
        closed ??= unwind();
        return closed;
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}
