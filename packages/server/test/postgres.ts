/**
 * A Postgres to test against: the one of VELUM_TEST_DATABASE_URL, or a temporary cluster made with Debian's
 * binaries on a Unix socket. Every test gets a database of its own, so nothing of a given server is touched.
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { until } from './rig.ts';

const run = promisify(execFile);

export interface PostgresServer {
  /** A new empty database. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

/** The reason as text when there is no Postgres here. */
export async function startPostgres(): Promise<PostgresServer | string> {
  const given = process.env.VELUM_TEST_DATABASE_URL;
  if (given) return serverAt(given, async () => {});
  const initdb = globSync('/usr/lib/postgresql/*/bin/initdb').sort().at(-1);
  if (!initdb) {
    return 'no Postgres: set VELUM_TEST_DATABASE_URL or install postgresql; only SQLite is tested';
  }
  const directory = await mkdtemp(join(tmpdir(), 'velum-postgres-'));
  const data = join(directory, 'data');
  // Postgres refuses to run as root.
  const as = process.getuid?.() === 0 ? await unprivileged() : {};
  if (as.uid !== undefined) await chown(directory, as.uid, as.gid as number);
  await run(initdb, ['-D', data, '-U', 'velum', '--auth=trust', '--no-sync', '-E', 'UTF8'], {
    ...as,
    cwd: directory,
  });
  const settings = ['listen_addresses=', `unix_socket_directories=${directory}`, 'fsync=off', 'jit=off'];
  const server: ChildProcess = spawn(
    join(dirname(initdb), 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { ...as, cwd: directory, stdio: 'ignore' },
  );
  await until(() => existsSync(join(directory, '.s.PGSQL.5432')), 'Postgres');
  return serverAt(`postgres://velum@localhost/postgres?host=${directory}`, async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGINT');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
}

async function unprivileged(): Promise<{ uid?: number; gid?: number }> {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  return user ? { uid: Number(user[2]), gid: Number(user[3]) } : {};
}

async function serverAt(url: string, stop: () => Promise<void>): Promise<PostgresServer> {
  const made: string[] = [];
  const admin = async (sql: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await until(
    () =>
      admin('select 1').then(
        () => true,
        () => false,
      ),
    'a Postgres connection',
  );
  return {
    async database() {
      const name = `velum_test_${randomBytes(6).toString('hex')}`;
      await admin(`create database ${name}`);
      made.push(name);
      const target = new URL(url);
      target.pathname = `/${name}`;
      return target.href;
    },
    async stop() {
      for (const name of made) await admin(`drop database if exists ${name} with (force)`);
      await stop();
    },
  };
}
