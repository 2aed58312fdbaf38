/**
 * serve: the service, until a signal ends it.
 * @module
 */
import type { Command } from 'commander';
import { print, printJson } from '../output.ts';
import { command, portNumber, positiveInteger } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface ServeOptions {
  host?: string;
  port?: number;
  data?: string;
  workers?: number;
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
  ])
    .option('--host <address>', 'address to listen on (default 127.0.0.1; VELUM_HOST)')
    .option('--port <n>', 'port, 0 for any free one (default 5001; VELUM_PORT)', portNumber)
    .option('--data <dir>', 'directory of database, blobs and secret (default ./.velum; VELUM_DATA_DIR)')
    .option('--workers <n>', 'compute processes (default 1; VELUM_WORKERS)', positiveInteger)
    .option('--database <url>', 'postgres URL instead of SQLite in the data directory (VELUM_DATABASE_URL)')
    .option('--public-url <url>', 'base of the URLs handed out, behind a proxy (VELUM_PUBLIC_URL)')
    .option('--log <level>', 'log to stdout: fatal, error, warn, info, debug, trace (VELUM_LOG_LEVEL)')
    .action((options: ServeOptions) => serveAction(terminal, options));
}

async function serveAction(terminal: Terminal, options: ServeOptions): Promise<void> {
  const { startServer } = await import('@velum/server');
  const server = await startServer({
    host: options.host,
    port: options.port,
    dataDir: options.data,
    workers: options.workers,
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
