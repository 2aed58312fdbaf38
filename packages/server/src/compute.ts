/**
 * The part of the service that computes, the same in a server and in a worker process: database, blobs, workers,
 * queue and runner.
 * @module
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { FsBlobStore } from './blobs/fs.ts';
import { loadServerSecret } from './blobs/links.ts';
import type { BlobStore } from './blobs/store.ts';
import type { ServerConfig } from './config.ts';
import { type Db, openDatabase } from './db/open.ts';
import { ConfigError } from './errors.ts';
import { WorkerPool } from './jobs/pool.ts';
import { predictionWork } from './jobs/prediction-work.ts';
import { InProcessQueue, type JobQueue } from './jobs/queue.ts';
import { RedisQueue } from './jobs/redis-queue.ts';
import { Runner } from './jobs/runner.ts';
import type { WorkerSettings } from './jobs/worker-process.ts';
import type { Metrics } from './metrics.ts';
import { readAdCatalogue } from './programs/ad-catalogue.ts';
import { taskWork } from './programs/task-work.ts';

export interface Compute {
  db: Db;
  blobs: BlobStore;
  secret: Buffer;
  /** Identity of this process in the leases. */
  owner: string;
  worker: WorkerSettings;
  pool: WorkerPool;
  queue: JobQueue;
  runner: Runner;
}

export interface ComputeOptions {
  config: ServerConfig;
  metrics: Metrics;
  log: FastifyBaseLogger;
  /** The server migrates the database and cleans the store; it keeps its identity over restarts. */
  server: boolean;
  /** Gets what has to be undone, in order. */
  undo: (() => unknown)[];
}

const identity = (secret: Buffer, what: string): string =>
  createHash('sha256').update(`velum ${what}`).update(secret).digest('hex').slice(0, 32);

/** Opens and starts everything but the runner; `processOwner` names a process that is no server. */
export async function openCompute(options: ComputeOptions, processOwner?: string): Promise<Compute> {
  const { config, metrics, log, server, undo } = options;
  const { limits, leaseMilliseconds } = config;
  if (config.adCatalogue !== undefined) await readAdCatalogue(config.adCatalogue);
  const db = await openDatabase({
    dataDir: config.dataDir,
    databaseUrl: config.databaseUrl,
    synchronous: config.sqliteSynchronous,
    migrate: server,
  });
  undo.push(() => db.destroy());
  const shared = config.redisUrl !== undefined;
  const blobs = await FsBlobStore.open(join(config.dataDir, 'blobs'), { owner: server, shared });
  const secret = await loadServerSecret(config.dataDir);
  const owner = processOwner ?? identity(secret, 'lease owner');

  const lastLines: string[] = [];
  const worker: WorkerSettings = {
    store: blobs.descriptor,
    cacheBytes: config.workerCacheBytes,
    threads: config.computeThreads,
    adCatalogue: config.adCatalogue,
    onOutput: (line) => {
      log.warn({ worker: line }, 'worker output');
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
    },
  };
  const pool = new WorkerPool({
    ...worker,
    size: config.workers,
    prefetchMilliseconds: limits.predictionMilliseconds,
    onCrash: () => metrics.workerCrashes.inc(),
  });
  const queue =
    config.redisUrl === undefined
      ? new InProcessQueue()
      : await RedisQueue.open({
          url: config.redisUrl,
          prefix: `velum-${identity(secret, 'queue').slice(0, 16)}`,
          leaseMilliseconds,
          warn: (error) => log.warn({ err: error }, 'the queue is in trouble'),
        });
  undo.push(() => queue.close());
  const runner = new Runner({
    works: {
      jobs: predictionWork({
        db,
        blobs,
        limits,
        leaseMilliseconds,
        onFinished: (job) => metrics.jobFinished(job),
      }),
      tasks: taskWork({
        db,
        blobs,
        limits,
        leaseMilliseconds,
        onFinished: (task) => metrics.taskFinished(task),
      }),
    },
    queue,
    blobs,
    pool,
    limits,
    owner,
    leaseMilliseconds,
    log,
  });
  undo.push(() => pool.stop());
  await pool.start().catch((cause: unknown) => {
    throw new ConfigError(
      'WORKER_START_FAILED',
      `no compute worker could start: ${lastLines.join('\n') || String(cause)}`,
      { cause },
    );
  });
  return { db, blobs, secret, owner, worker, pool, queue, runner };
}
