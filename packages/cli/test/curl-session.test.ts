/** The session with curl of docs/programs.md, typed as it stands there, against servers in dev. @module */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory, testServer, VELUM, velum } from './harness.ts';

/** `jq -r .name` of one document on stdin, for a machine that has no jq. */
const JQ = `let text = '';
process.stdin.on('data', (part) => (text += part));
process.stdin.on('end', () => console.log(JSON.parse(text)[process.argv.at(-1).slice(1)]));`;

/** Runs the lines of the page in a new directory, the server's address put in, and checks what they print. */
async function session(t: TestContext, url: string): Promise<void> {
  const page = await readFile(fileURLToPath(new URL('../../../docs/programs.md', import.meta.url)), 'utf8');
  const [, lines] = /```bash\n(URL=.*?)```/s.exec(page)!;
  const [, printed] = /The last line prints\n\n```\n(.*?)```/s.exec(page)!;
  const script = lines.replace(/^URL=.*$/m, `URL=${url}`);
  assert.notEqual(script, lines);
  const { path, remove } = await temporaryDirectory();
  t.after(remove);
  const bin = join(path, 'bin');
  await mkdir(bin);
  const command = async (name: string, ...words: string[]): Promise<void> => {
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    await writeFile(join(bin, name), `#!/bin/sh\nexec ${quoted} "$@"\n`);
    await chmod(join(bin, name), 0o755);
  };
  await command('velum', process.execPath, VELUM);
  if (spawnSync('jq', ['--version']).status !== 0) {
    t.diagnostic('no jq on this machine: node reads the two fields instead');
    await command('jq', process.execPath, '-e', JQ, '--');
  }
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: path,
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, VELUM_CONFIG_DIR: join(path, 'config') },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part) => (stdout += part));
  child.stderr.on('data', (part) => (stderr += part));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, stdout + stderr);
  assert.ok(stdout.endsWith(printed), stdout);
  const status = /\{"status":"(queued|started|success)".*?"task_id":"([0-9a-f-]{36})"/.exec(stdout);
  assert.ok(status, stdout);
  const events = [...stdout.matchAll(/^event: (\w+)$/gm)].map(([, event]) => event);
  assert.equal(events.at(-1), 'success', stdout);
  assert.ok(events.every((event) => ['queued', 'started', 'success'].includes(event)));
  const result = JSON.parse(await readFile(join(path, 'result.json'), 'utf8'));
  assert.deepEqual(
    [result.status, result.task_id, result.output_file_path.length],
    ['success', status[2], 3],
  );
}

type Undo = (() => Promise<void>)[];

/** A command that runs until it is stopped, once it has said that it is ready. */
async function background(
  undo: Undo,
  file: string,
  args: string[],
  ready: RegExp,
): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  undo.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    if (!ready.test(line)) continue;
    child.stdout!.resume();
    return { child, line };
  }
  throw new Error(`${file} ${args.join(' ')} ended before it was ready`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

test('the lines of the page, with files that velum makes', async (t) => {
  const server = await testServer();
  t.after(() => server.close());
  await session(t, server.url);
});

test('the same with the queue in Redis and two worker processes', async (t) => {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    t.diagnostic('no Redis: install redis-server; the session above ran without');
    return;
  }
  const { path, remove } = await temporaryDirectory();
  const undo: Undo = [remove];
  // what was started last ends first: the queue outlives those that use it
  t.after(async () => {
    for (const step of undo.reverse()) await step();
  });
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', path];
  await background(undo, 'redis-server', settings, /Ready to accept connections/);
  const shared = ['--redis', `redis://127.0.0.1:${port}`, '--data', join(path, 'data'), '--json'];
  const node = (...args: string[]) => background(undo, process.execPath, [VELUM, ...args, ...shared], /^\{/);
  const { line } = await node('serve', '--port', '0', '--workers', '0', '--env', 'dev');
  const { url } = JSON.parse(line);
  const workers = await Promise.all([node('worker', '--threads', '1'), node('worker', '--threads', '1')]);
  await session(t, url);
  // one of them is enough
  workers[0].child.kill('SIGKILL');
  const input = JSON.stringify({ profile: { age: 35, interests: ['music'] } });
  const env = { VELUM_CONFIG_DIR: join(path, 'config') };
  const run = await velum(
    ['program', 'run', 'ad_targeting', '--input', '-', '--url', url, '--json'],
    env,
    input,
  );
  assert.equal(run.code, 0, run.stdout + run.stderr);
  assert.equal(run.json().agrees, true);
});
