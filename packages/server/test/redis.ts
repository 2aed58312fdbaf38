/**
 * A Redis of the test's own: on a free port of this machine, without persistence.
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { until } from './rig.ts';

export interface RedisServer {
  url: string;
  /** Kills it with everything it holds. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
}

/** The reason as text when there is no Redis here. */
export async function startRedis(): Promise<RedisServer | string> {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'no Redis: install redis-server; only the queue in the process is tested';
  }
  const port = await freePort();
  let child: ChildProcess;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      child = spawn('redis-server', [...settings, '--dir', tmpdir()], { stdio: 'ignore' });
      const client = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
      client.on('error', () => {});
      await until(() => client.ping().then((answer) => answer === 'PONG'), 'Redis');
      client.disconnect();
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
  await server.start();
  // A test that breaks off leaves none behind.
  process.once('exit', () => child.kill('SIGKILL'));
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
