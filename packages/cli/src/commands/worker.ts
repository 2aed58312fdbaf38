/**
 * worker: a process that computes what a server queues in Redis, until a signal ends it.
 * @module
 */
import type { Command } from 'commander';
import { print, printJson } from '../output.ts';
import { command, threadCount } from '../program.ts';
import type { Terminal } from '../terminal.ts';
import { threadsOf, workerCount } from './serve.ts';

interface WorkerOptions {
  redis?: string;
  data?: string;
  database?: string;
  workers?: number;
  threads?: number | 'auto';
  log?: string;
  json?: boolean;
}

export function workerCommand(terminal: Terminal): Command {
  return command('worker', 'compute what a server queues in Redis', [
    'velum serve --redis redis://127.0.0.1:6379 --data /srv/velum --workers 0 &',
    'velum worker --redis redis://127.0.0.1:6379 --data /srv/velum --workers 2',
  ])
    .option('--redis <url>', 'the queue (VELUM_REDIS_URL)')
    .option('--data <dir>', "the server's directory (default ./.velum; VELUM_DATA_DIR)")
    .option('--database <url>', "the server's database, if it is not in that directory (VELUM_DATABASE_URL)")
    .option('--workers <n>', 'compute processes (default 1; VELUM_WORKERS)', workerCount)
    .option('--threads <n>', 'threads of each, or auto (VELUM_THREADS)', threadCount)
    .option('--log <level>', 'log to stdout: fatal, error, warn, info, debug, trace (VELUM_LOG_LEVEL)')
    .action((options: WorkerOptions) => workerAction(terminal, options));
}

async function workerAction(terminal: Terminal, options: WorkerOptions): Promise<void> {
  const { startWorkers } = await import('@velum/server');
  const workers = await startWorkers({
    redisUrl: options.redis,
    dataDir: options.data,
    databaseUrl: options.database,
    workers: options.workers,
    computeThreads: threadsOf(options.threads),
    logger: options.log,
  });
  if (options.json) printJson(terminal, { pid: process.pid });
  else
    print(terminal, 'Taking work from the queue. Stop with Ctrl-C; what is unfinished is taken by others.');
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await workers.close();
}
