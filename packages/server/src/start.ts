/**
 * Starts the service: directory, lock, database, blobs, workers, recovery, HTTP; and stops it in reverse.
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buildApp, createApp } from './app.ts';
import { FsBlobStore } from './blobs/fs.ts';
import { loadServerSecret } from './blobs/links.ts';
import { resolveConfig, type ServerConfig, type ServerOptions } from './config.ts';
import { openDatabase } from './db/open.ts';
import { ConfigError } from './errors.ts';
import { Compiler } from './jobs/compile.ts';
import { WorkerPool } from './jobs/pool.ts';
import { JobRunner } from './jobs/runner.ts';
import { lockDataDir } from './lock.ts';
import { Metrics } from './metrics.ts';
import { expire, sweepOrphans } from './models/maintenance.ts';
import { API_PREFIX, type Services } from './services.ts';

export interface RunningServer {
  /** Base URL, without a trailing slash. */
  url: string;
  /** `{url}/api/v0.1` */
  apiUrl: string;
  /** Stops gracefully: no new requests, a running job gets a moment, queued jobs wait for the next start. */
  close(): Promise<void>;
}

const MAINTENANCE_MILLISECONDS = 3_600_000;

/** Throws ConfigError when it cannot start; then nothing is left running or locked. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { server } = await startWithServices(options);
  return server;
}

/** As startServer, with the insides: for tests. */
export async function startWithServices(
  options: ServerOptions,
): Promise<{ server: RunningServer; services: Services; app: ReturnType<typeof createApp> }> {
  const config = resolveConfig(options);
  /** What has to be undone, latest first. */
  const undo: (() => unknown)[] = [];
  const unwind = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
      throw new ConfigError('DATA_DIR_UNUSABLE', `cannot create ${config.dataDir}: ${cause.message}`, {
        cause,
      });
    });
    undo.push(lockDataDir(config.dataDir));
    const db = await openDatabase({
      dataDir: config.dataDir,
      databaseUrl: config.databaseUrl,
      synchronous: config.sqliteSynchronous,
    });
    undo.push(() => db.destroy());
    const blobs = await FsBlobStore.open(join(config.dataDir, 'blobs'), { owner: true });
    const secret = await loadServerSecret(config.dataDir);
    const owner = createHash('sha256').update('velum lease owner').update(secret).digest('hex').slice(0, 32);

    const app = createApp(config);
    const metrics = new Metrics();
    const lastLines: string[] = [];
    const worker = {
      store: blobs.descriptor,
      cacheBytes: config.workerCacheBytes,
      onOutput: (line: string) => {
        app.log.warn({ worker: line }, 'worker output');
        lastLines.push(line);
        if (lastLines.length > 20) lastLines.shift();
      },
    };
    const pool = new WorkerPool({
      ...worker,
      size: config.workers,
      prefetchMilliseconds: config.limits.predictionMilliseconds,
      onCrash: () => metrics.workerCrashes.inc(),
    });
    const compiler = new Compiler(worker, config.limits);
    const runner = new JobRunner({
      db,
      blobs,
      pool,
      limits: config.limits,
      owner,
      log: app.log,
      onFinished: (job) => {
        metrics.jobsFinished.inc({ state: job.state });
        if (job.compute_ms !== null) metrics.compute.observe(job.compute_ms / 1000);
      },
    });
    metrics.watch({
      queueDepth: () => runner.queue.depth,
      jobsRunning: () => runner.running,
      workersReady: () => pool.alive,
      workersIdle: () => pool.idle,
    });
    const services: Services = {
      config,
      db,
      blobs,
      pool,
      compiler,
      runner,
      metrics,
      secret,
      publicUrl: config.publicUrl ?? '',
      closing: false,
    };
    await buildApp(app, services, owner);

    undo.push(() => pool.stop());
    await pool.start().catch((cause: unknown) => {
      throw new ConfigError(
        'WORKER_START_FAILED',
        `no compute worker could start: ${lastLines.join('\n') || String(cause)}`,
        { cause },
      );
    });
    await expire(services);
    undo.push(() => runner.stop(config.shutdownMilliseconds));
    await runner.start();
    const orphans = await sweepOrphans(services);
    if (orphans > 0) app.log.info({ orphans }, 'removed blobs that nothing refers to');

    undo.push(() => app.close());
    const url = await listen(app, config);
    services.publicUrl ||= url;
    const maintenance = setInterval(() => {
      expire(services).catch((error: unknown) => app.log.error({ err: error }, 'maintenance failed'));
    }, MAINTENANCE_MILLISECONDS).unref();

    let closed: Promise<void> | undefined;
    const close = async () => {
      services.closing = true;
      clearInterval(maintenance);
      compiler.stop();
      await runner.stop(config.shutdownMilliseconds);
      await unwind();
    };
    const server: RunningServer = {
      url,
      apiUrl: url + API_PREFIX,
      close: () => {
        closed ??= close();
        return closed;
      },
    };
    return { server, services, app };
  } catch (error) {
    await unwind();
    throw error;
  }
}

async function listen(app: ReturnType<typeof createApp>, config: ServerConfig): Promise<string> {
  try {
    await app.listen({ host: config.host, port: config.port, listenTextResolver: () => 'listening' });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new ConfigError(
        'PORT_IN_USE',
        `port ${config.port} on ${config.host} is in use: stop the other server, or choose another port`,
        { cause },
      );
    }
    throw new ConfigError('LISTEN_FAILED', `cannot listen on ${config.host}:${config.port}: ${message}`, {
      cause,
    });
  }
  const { address, port, family } = app.server.address() as AddressInfo;
  const wildcard = address === '0.0.0.0' || address === '::';
  const host = wildcard ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
