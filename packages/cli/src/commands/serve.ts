/**
 * serve: the service, until a signal ends it.
 * @module
 */
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { print, printJson } from '../output.ts';
import { command, portNumber, threadCount } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface ServeOptions {
  host?: string;
  port?: number;
  data?: string;
  workers?: number;
  threads?: number | 'auto';
  env?: 'dev' | 'staging' | 'prod';
  redis?: string;
  tlsKey?: string;
  tlsCert?: string;
  database?: string;
  publicUrl?: string;
  log?: string;
  json?: boolean;
}

export function serveCommand(terminal: Terminal): Command {
  return command('serve', 'run the service', [
    'velum serve',
    'velum serve --host 0.0.0.0 --port 5001 --data /var/lib/velum --workers 2',
    'velum serve --database postgres://velum@localhost/velum',
    'velum serve --env prod --host 0.0.0.0 --tls-key privkey.pem --tls-cert fullchain.pem',
    'velum serve --redis redis://127.0.0.1:6379 --workers 0      and `velum worker` as often as wanted',
  ])
    .option('--host <address>', 'address to listen on (default 127.0.0.1; VELUM_HOST)')
    .option('--port <n>', 'port, 0 for any free one (default 5001; VELUM_PORT)', portNumber)
    .option('--data <dir>', 'directory of database, blobs and secret (default ./.velum; VELUM_DATA_DIR)')
    .option('--workers <n>', 'compute processes; 0 with --redis (default 1; VELUM_WORKERS)', workerCount)
    .option('--threads <n>', 'threads of each compute process, or auto (VELUM_THREADS)', threadCount)
    .addOption(
      new Option(
        '--env <environment>',
        'dev: programs are open to this machine alone; staging, prod: tokens and TLS (default dev; VELUM_ENV)',
      ).choices(['dev', 'staging', 'prod']),
    )
    .option('--tls-key <path>', 'listen with TLS: PEM file of the private key (VELUM_TLS_KEY)')
    .option('--tls-cert <path>', 'and of the certificate with its chain (VELUM_TLS_CERT)')
    .option(
      '--redis <url>',
      'keep the queue in Redis, so that worker processes share the work (VELUM_REDIS_URL)',
    )
    .option('--database <url>', 'postgres URL instead of SQLite in the data directory (VELUM_DATABASE_URL)')
    .option('--public-url <url>', 'base of the URLs handed out, behind a proxy (VELUM_PUBLIC_URL)')
    .option('--log <level>', 'log to stdout: fatal, error, warn, info, debug, trace (VELUM_LOG_LEVEL)')
    .action((options: ServeOptions) => serveAction(terminal, options));
}

export function workerCount(text: string): number {
  const value = Number(text);
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Give a number of processes.');
  return value;
}

export const threadsOf = (threads: number | 'auto' | undefined): number | undefined =>
  threads === 'auto' ? availableParallelism() : threads;

async function serveAction(terminal: Terminal, options: ServeOptions): Promise<void> {
  const { startServer } = await import('@velum/server');
  const server = await startServer({
    host: options.host,
    port: options.port,
    dataDir: options.data,
    workers: options.workers,
    computeThreads: threadsOf(options.threads),
    environment: options.env,
    tlsKey: options.tlsKey,
    tlsCert: options.tlsCert,
    redisUrl: options.redis,
    databaseUrl: options.database,
    publicUrl: options.publicUrl,
    logger: options.log,
  });
  if (options.json) printJson(terminal, { url: server.url, api_url: server.apiUrl, pid: process.pid });
  else {
    print(terminal, `Velum listens on ${server.url}`);
    print(terminal, `  API   ${server.apiUrl}`);
    print(terminal, `  docs  ${server.url}/docs`);
    print(terminal, 'Stop with Ctrl-C; queued and running jobs continue after the next start.');
  }
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await server.close();
}
