/** The queue on Redis: several processes compute, any of them and Redis itself may die. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programNamed } from '@velum/programs';
import { manyWeights, ProgramUser, readEvents } from '../test/program-rig.ts';
import { type RedisServer, startRedis } from '../test/redis.ts';
import { blobKeys, ModelUser, type Rig, startRig, TINY_RESULT, TINY_ROW, User, until } from '../test/rig.ts';
import { startWorkers } from './index.ts';

const WEIGHTS = programNamed('weight_stats');
const ADS = programNamed('ad_targeting');
const LEASE = 1500;

class Computer {
  readonly child: ChildProcess;
  readonly name: string;

  private constructor(child: ChildProcess, name: string) {
    this.child = child;
    this.name = name;
  }

  static async start(dataDir: string, redisUrl: string): Promise<Computer> {
    const entry = fileURLToPath(new URL('../test/work.ts', import.meta.url));
    const child = spawn(process.execPath, [entry, dataDir, redisUrl, String(LEASE)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const name = await new Promise<string>((resolve, reject) => {
      child.stdout?.setEncoding('utf8').once('data', (line: string) => resolve(line.trim()));
      child.once('exit', (code) => reject(new Error(`the worker process ended with ${code}`)));
    });
    process.once('exit', () => child.kill('SIGKILL'));
    return new Computer(child, name);
  }

  /** Processes that compute for it. */
  get children(): number[] {
    const { pid } = this.child;
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const ended = new Promise<number | null>((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    return ended;
  }
}

const redis = await startRedis();

if (typeof redis === 'string') test('Redis', (t) => t.diagnostic(redis));
else describe('with Redis', () => suite(redis));

function suite(server: RedisServer): void {
  let rig: Rig;
  let user: ProgramUser;
  let uid: string;
  const computers: Computer[] = [];
  const start = async () => {
    const computer = await Computer.start(rig.dataDir, server.url);
    computers.push(computer);
    return computer;
  };

  before(async () => {
    // The server itself computes nothing.
    rig = await startRig({ redisUrl: server.url, workers: 0, leaseMilliseconds: LEASE });
    user = await ProgramUser.local(rig.url);
    uid = await user.addKey();
    await Promise.all([start(), start()]);
  });
  after(async () => {
    await Promise.all(computers.map((computer) => computer.end('SIGKILL')));
    await rig.close();
    await rm(rig.dataDir, { recursive: true, force: true });
    await server.kill();
  });

  /** The process that computes the task, by the name in its status. */
  async function computerOf(task: { task_id: string }): Promise<Computer> {
    const { worker } = await until(async () => {
      const status = await user.status(task);
      return status.progress?.done > 0 && status;
    }, 'progress');
    const found = computers.find(({ name }) => name === worker);
    assert.ok(found, `a task computed by ${worker}`);
    return found;
  }

  test('tasks and predictions are computed by the other processes', async () => {
    const [one, two, ads] = await Promise.all([
      user.start('weight_stats', manyWeights(3), uid),
      user.start('weight_stats', manyWeights(4), uid),
      user.start('ad_targeting', ADS.sample()),
    ]);
    const events = await readEvents(await fetch(`${rig.url}/get_task_events?task_id=${two.task_id}`));
    assert.equal(events.at(-1)?.event, 'success');
    for (const task of [one, two, ads]) await user.waitFor(task, ['success']);
    assert.deepEqual(await user.decode('weight_stats', one), WEIGHTS.clear(manyWeights(3)));
    assert.deepEqual(await user.decode('weight_stats', two), WEIGHTS.clear(manyWeights(4)));

    const owner = await User.signUp(rig.api);
    const model = await ModelUser.enrol(owner, await owner.deploy('m'));
    await model.uploadRows('d', [TINY_ROW]);
    const answer = await owner.call('POST', `${model.url}predict/d`);
    const [[value]] = await model.keys.decrypt(answer.bytes);
    assert.ok(Math.abs(value - TINY_RESULT) < 1e-4);
    const job = await model.start('d');
    await model.waitFor(job, ['Completed']);
    assert.equal((await fetch(`${rig.url}/ready`)).status, 200);
  });

  test('one of two processes is killed in mid task: every task ends once, with the right result', async () => {
    const inputs = [9, 8, 3, 4, 5, 6].map(manyWeights);
    const tasks = [];
    for (const input of inputs) tasks.push(await user.start('weight_stats', input, uid));
    assert.equal((await user.status(tasks[5])).status, 'queued');
    assert.ok((await user.status(tasks[5])).rank >= 3);
    const victim = await computerOf(tasks[0]);
    await victim.end('SIGKILL');
    for (const task of tasks) await user.waitFor(task, ['success', 'failure', 'revoked']);
    for (const [i, task] of tasks.entries()) {
      assert.equal((await user.status(task)).status, 'success');
      assert.deepEqual(await user.decode('weight_stats', task), WEIGHTS.clear(inputs[i]));
    }
    const rows = await rig.services.db.selectFrom('tasks').selectAll().execute();
    const attempts = tasks.map((task) => rows.find((row) => row.id === task.task_id)?.attempts);
    assert.equal(attempts[0], 2, 'the task of the killed process was tried again, and counted');
    assert.ok(attempts.slice(1).every((count) => count === 1 || count === 2));
    // A result for each task and nothing of a lost attempt.
    const results = (await blobKeys(rig)).filter((key) => key.startsWith('results/'));
    for (const task of tasks) assert.equal(results.filter((key) => key.includes(task.task_id)).length, 3);
    await start();
  });

  test('cancel reaches a computation in another process within a second', async () => {
    const task = await user.start('weight_stats', manyWeights(100), uid);
    const computer = await computerOf(task);
    const [pid] = computer.children;
    const at = performance.now();
    const answer = await user.call('POST', `/cancel_task?task_id=${task.task_id}`);
    assert.equal(answer.json.status, 'revoked');
    await until(() => !computer.children.includes(pid), 'the computation to be gone', 5);
    assert.ok(performance.now() - at < 1000, `${performance.now() - at} ms`);
    assert.deepEqual((await user.result(task)).json.code, 'TASK_REVOKED');
    const next = await user.start('weight_stats', manyWeights(2), uid);
    await user.waitFor(next, ['success']);
  });

  test('the rank is known while the queue does not know the task', async () => {
    const { db, runner } = rig.services;
    const task = await user.start('weight_stats', manyWeights(2), uid);
    await user.waitFor(task, ['success']);
    const lost = { state: 'Queued', lease_owner: 'nobody', lease_until: Date.now() + 60_000 } as const;
    await db.updateTable('tasks').set(lost).where('id', '=', task.task_id).execute();
    assert.equal(await runner.rank('tasks', task.task_id), 1);
    await db.updateTable('tasks').set({ state: 'Completed' }).where('id', '=', task.task_id).execute();
    assert.equal(await runner.rank('tasks', task.task_id), undefined);
  });

  test('a process that is stopped gives its task back at once, and no attempt is held against it', async () => {
    const task = await user.start('weight_stats', manyWeights(8), uid);
    const computer = await computerOf(task);
    assert.equal(await computer.end('SIGTERM'), 0);
    const status = await user.waitFor(task, ['success', 'failure']);
    assert.deepEqual([status.status, status.attempts], ['success', 1]);
    assert.deepEqual(await user.decode('weight_stats', task), WEIGHTS.clear(manyWeights(8)));
    await start();
  });

  test('a process that hangs beyond its lease loses its task, and does no harm when it wakes', async () => {
    const task = await user.start('weight_stats', manyWeights(10), uid);
    const computer = await computerOf(task);
    const pids = [computer.child.pid as number, ...computer.children];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const status = await user.waitFor(task, ['success', 'failure']);
    assert.deepEqual([status.status, status.attempts], ['success', 2]);
    const row = await rig.services.db
      .selectFrom('tasks')
      .selectAll()
      .where('id', '=', task.task_id)
      .executeTakeFirstOrThrow();
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    // It finds its claim gone and kills what it still computes.
    await until(() => !computer.children.includes(pids[1]), 'the old computation to end', 5);
    const results = () => blobKeys(rig).then((keys) => keys.filter((key) => key.includes(task.task_id)));
    assert.deepEqual(
      await results(),
      [0, 1, 2].map((i) => `${row.result_blob}-${i}`),
    );
    assert.deepEqual(await user.decode('weight_stats', task), WEIGHTS.clear(manyWeights(10)));
    const others = await Promise.all(
      [2, 2].map((count) => user.start('weight_stats', manyWeights(count), uid)),
    );
    for (const other of others) await user.waitFor(other, ['success']);
  });

  test('Redis dies with all it holds: 503 for what is new, and nothing that was there is lost', async () => {
    const inputs = [6, 6, 4, 3, 2].map(manyWeights);
    const tasks = [];
    for (const input of inputs) tasks.push(await user.start('weight_stats', input, uid));
    await computerOf(tasks[0]);
    await server.kill();
    const refused = await until(async () => {
      const answer = await user.tryStart('ad_targeting', user.encode('ad_targeting', ADS.sample()));
      return answer.status !== 200 && answer;
    }, 'the loss to be noticed');
    assert.deepEqual([refused.status, refused.json.code], [503, 'QUEUE_UNAVAILABLE']);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await user.status(tasks[4])).status, 'queued');
    const ready = await fetch(`${rig.url}/ready`);
    assert.equal(ready.status, 503);
    assert.match(((await ready.json()) as { detail: string }).detail, /queue/);
    assert.equal((await fetch(`${rig.url}/healthz`)).status, 200);
    // A cancel needs the row alone.
    const cancelled = await user.call('POST', `/cancel_task?task_id=${tasks[4].task_id}`);
    assert.equal(cancelled.json.status, 'revoked');
    await server.start();
    for (const [i, task] of tasks.slice(0, 4).entries()) {
      const status = await user.waitFor(task, ['success', 'failure', 'revoked']);
      assert.equal(status.status, 'success');
      assert.deepEqual(await user.decode('weight_stats', task), WEIGHTS.clear(inputs[i]));
    }
    assert.equal((await fetch(`${rig.url}/ready`)).status, 200);
    await user.waitFor(await user.start('ad_targeting', ADS.sample()), ['success']);
    const alive = computers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    assert.equal(alive.length, 2, 'the worker processes outlived it');
  });

  test('a process that is stopped while Redis is gone ends all the same', async () => {
    const computer = await start();
    await server.kill();
    const at = performance.now();
    assert.equal(await computer.end('SIGTERM'), 0);
    assert.ok(performance.now() - at < 10_000, `${performance.now() - at} ms`);
    await server.start();
    await until(async () => (await fetch(`${rig.url}/ready`)).status === 200, 'Redis to be noticed');
  });

  test('the server dies and comes back: workers go on, what waited is still there', async () => {
    const tasks = [];
    for (const count of [5, 4, 3]) tasks.push(await user.start('weight_stats', manyWeights(count), uid));
    const { dataDir } = rig;
    await rig.server.close();
    rig = await startRig({ redisUrl: server.url, workers: 1, leaseMilliseconds: LEASE, dataDir });
    user = await ProgramUser.local(rig.url);
    for (const task of tasks)
      assert.equal((await user.waitFor(task, ['success', 'failure'])).status, 'success');
  });
}

test('what cannot start says why', async () => {
  await assert.rejects(startWorkers({ dataDir: '/nowhere' }), { code: 'REDIS_REQUIRED' });
  await assert.rejects(startRig({ redisUrl: 'redis://127.0.0.1:1' }), { code: 'REDIS_UNREACHABLE' });
  await assert.rejects(startRig({ redisUrl: 'http://127.0.0.1:1' }), { code: 'CONFIG_INVALID' });
  await assert.rejects(startRig({ workers: 0 }), { code: 'CONFIG_INVALID' });
});
