/**
 * Starts the service: directory, lock, database, blobs, workers, recovery, HTTP; and stops it in reverse.
 * @module
 */
import { mkdir } from 'node:fs/promises';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buildApp, createApp } from './app.ts';
import { openCompute } from './compute.ts';
import { resolveConfig, type ServerConfig, type ServerOptions } from './config.ts';
import { clearTextWarning, renewTls } from './environment.ts';
import { ConfigError } from './errors.ts';
import { Compiler } from './jobs/compile.ts';
import { lockDataDir } from './lock.ts';
import { Metrics } from './metrics.ts';
import { expire, sweepOrphans } from './models/maintenance.ts';
import { countTasks } from './programs/tasks.ts';
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
    const app = createApp(config);
    const metrics = new Metrics();
    const compute = await openCompute({ config, metrics, log: app.log, server: true, undo });
    const { pool, runner, owner } = compute;
    const compiler = new Compiler({ ...compute.worker, threads: 1 }, config.limits);
    metrics.watch({
      queueDepth: () => runner.depth(),
      jobsRunning: () => runner.running,
      tasks: () => countTasks(compute.db),
      workersReady: () => pool.alive,
      workersIdle: () => pool.idle,
    });
    const services: Services = {
      config,
      db: compute.db,
      blobs: compute.blobs,
      pool,
      compiler,
      runner,
      metrics,
      secret: compute.secret,
      publicUrl: config.publicUrl ?? '',
      closing: false,
    };
    await buildApp(app, services, owner);

    await expire(services);
    undo.push(() => runner.stop(config.shutdownMilliseconds));
    await runner.start();
    const orphans = await sweepOrphans(services);
    if (orphans > 0) app.log.info({ orphans }, 'removed blobs that nothing refers to');

    undo.push(() => app.close());
    const url = await listen(app, config);
    services.publicUrl ||= url;
    const warning = clearTextWarning(config);
    if (warning !== undefined) {
      if (config.logger === false) process.emitWarning(warning, 'VelumWarning');
      else app.log.warn(warning);
    }
    const maintenance = setInterval(() => {
      expire(services)
        .then(() => renewTls(app.server as HttpsServer, config))
        .catch((error: unknown) => app.log.error({ err: error }, 'maintenance failed'));
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
  return `${config.tlsKey === undefined ? 'http' : 'https'}://${host}:${port}`;
}
