/** Tasks that run for a while: progress, rank, cancel, crashes, limits. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { programNamed } from '@velum/programs';
import { manyWeights, ProgramUser, readEvents } from '../test/program-rig.ts';
import { blobKeys, type Rig, request, startRig, until } from '../test/rig.ts';

const WEIGHTS = programNamed('weight_stats');
const ADS = programNamed('ad_targeting');

let rig: Rig;
let user: ProgramUser;
let uid: string;

before(async () => {
  rig = await startRig();
  user = await ProgramUser.local(rig.url);
  uid = await user.addKey();
});
after(() => rig.close());

/** Stops the worker in its tracks, so that the next task stays started as long as the test likes. */
async function freezeWorker(): Promise<number> {
  const pid = await until(() => rig.services.pool.idle === 1 && rig.services.pool.pids.at(-1), 'a worker');
  process.kill(pid, 'SIGSTOP');
  return pid;
}

const gone = (pid: number) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

test('events: queued with the rank, started with bootstraps done of total and seconds left, then the end', async () => {
  const first = await user.start('weight_stats', manyWeights(12), uid);
  const second = await user.start('weight_stats', manyWeights(2), uid);
  const [events, later] = await Promise.all(
    [first, second].map(async ({ task_id }) =>
      readEvents(await fetch(`${rig.url}/get_task_events?task_id=${task_id}`)),
    ),
  );
  assert.equal(later[0].event, 'queued');
  assert.equal(later[0].data.rank, 1);
  assert.match(later[0].data.details, /Position in queue: `1 \/ 1`/);
  assert.equal(later.at(-1)?.event, 'success');
  const started = events.filter(({ event }) => event === 'started');
  const { bootstraps } = WEIGHTS.inspect(user.encode('weight_stats', manyWeights(12)));
  assert.ok(started.length >= 3, `${started.length} progress events`);
  for (const { data } of started) assert.equal(data.progress.total, bootstraps);
  const done = started.map(({ data }) => data.progress.done);
  assert.deepEqual(
    done,
    [...done].sort((a, b) => a - b),
  );
  assert.ok(done.at(-1) > 0);
  const estimated = started.find(({ data }) => data.progress.seconds_left !== undefined);
  assert.ok(estimated && estimated.data.progress.seconds_left > 0, 'an estimate');
  assert.deepEqual(
    events.map(({ id }) => id),
    events.map((_, i) => i + 1),
  );
  assert.equal(events.at(-1)?.event, 'success');
  assert.deepEqual(await user.decode('weight_stats', first), WEIGHTS.clear(manyWeights(12)));
});

test('not ready is 202 with a typed body; the list shows what waits and computes', async () => {
  const pid = await freezeWorker();
  const running = await user.start('weight_stats', manyWeights(2), uid);
  const queued = await user.start('ad_targeting', ADS.sample());
  await user.waitFor(running, ['started']);
  const early = await user.result(running);
  assert.deepEqual([early.status, early.json.status, early.json.progress.done], [202, 'started', 0]);
  assert.ok(Number(early.headers.get('retry-after')) >= 1);
  const waiting = await user.result(queued);
  assert.deepEqual([waiting.status, waiting.json.status, waiting.json.rank], [202, 'queued', 1]);
  const list = (await user.ok('GET', '/list_current_tasks')).json;
  assert.deepEqual(
    list.map((task: { task_id: string; status: string }) => [task.task_id, task.status]),
    [
      [running.task_id, 'started'],
      [queued.task_id, 'queued'],
    ],
  );
  assert.match(list[0].worker, /^velum@[0-9a-f]{8}$/);
  assert.match(list[1].details, /Position in queue: `1 \/ 1`$/);
  process.kill(pid, 'SIGCONT');
  await user.waitFor(running, ['success']);
  await user.waitFor(queued, ['success']);
});

test('cancel ends the computation within a second, and a queued task never begins', async () => {
  const running = await user.start('weight_stats', manyWeights(100), uid);
  const queued = await user.start('weight_stats', manyWeights(100), uid);
  await until(async () => (await user.status(running)).progress?.done > 0, 'progress', 60);
  const [pid] = rig.services.pool.pids;
  const cancel = (task: { task_id: string }) =>
    user.call('POST', `/cancel_task?task_id=${task.task_id}&uid=${uid}`);
  const first = await cancel(queued);
  assert.match(
    first.json.details,
    /^Successfully cancelled the task, previous status=`queued` → new status=`revoked`$/,
  );
  const at = performance.now();
  const answer = await cancel(running);
  assert.ok(performance.now() - at < 1000, `${performance.now() - at} ms`);
  assert.equal(answer.json.status, 'revoked');
  assert.ok(gone(pid), 'the worker process is gone');
  const twice = await cancel(running);
  assert.deepEqual([twice.status, twice.json.status], [200, 'revoked']);
  const result = await user.result(running);
  assert.deepEqual([result.status, result.json.code], [410, 'TASK_REVOKED']);
  assert.equal(result.json.task_status, 'revoked');
  assert.deepEqual((await user.ok('GET', '/list_current_tasks')).json, []);

  const done = await user.start('ad_targeting', ADS.sample());
  await user.waitFor(done, ['success']);
  const late = await user.call('POST', `/cancel_task?task_id=${done.task_id}`);
  assert.deepEqual([late.status, late.json.code, late.json.task_status], [409, 'TASK_FINISHED', 'success']);
  assert.match(late.json.details, /^Cannot cancel this task \(status = `success`\)\. Additional info: /);
  assert.equal((await user.result(done)).status, 200, 'its result is still there');
});

test('a killed worker costs time: the task runs again and its result is right', async () => {
  const task = await user.start('weight_stats', manyWeights(6), uid);
  await until(async () => (await user.status(task)).progress?.done > 0, 'progress', 60);
  process.kill(rig.services.pool.pids[0], 'SIGKILL');
  const status = await user.waitFor(task, ['success', 'failure']);
  assert.equal(status.attempts, 2);
  assert.deepEqual(await user.decode('weight_stats', task), WEIGHTS.clear(manyWeights(6)));
});

test('a task whose worker dies every time fails with a reason; the service stays up', async () => {
  const { pool } = rig.services;
  await until(() => pool.idle === 1, 'a worker');
  let killing = true;
  const kill = () => {
    if (!killing) return;
    if (pool.alive > 0) {
      for (const pid of pool.pids) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It is dead already, and its exit event is on the way.
        }
      }
    }
    setImmediate(kill);
  };
  kill();
  try {
    const task = await user.start('ad_targeting', ADS.sample());
    const status = await user.waitFor(task, ['failure', 'success']);
    assert.deepEqual([status.status, status.reason.code, status.attempts], ['failure', 'WORKER_CRASHED', 3]);
    const answer = await user.result(task);
    assert.deepEqual([answer.status, answer.json.code], [409, 'TASK_CRASHED']);
    assert.equal(answer.json.task_status, 'failure');
    assert.equal(answer.json.reason.code, 'WORKER_CRASHED');
  } finally {
    killing = false;
  }
  await user.waitFor(await user.start('ad_targeting', ADS.sample()), ['success']);
});

test('a task beyond its time limit fails, and tasks are counted', async () => {
  const short = await startRig({ limits: { taskMilliseconds: 200 } });
  try {
    const other = await ProgramUser.local(short.url);
    const task = await other.start('weight_stats', manyWeights(100), await other.addKey());
    const status = await other.waitFor(task, ['failure', 'success']);
    assert.equal(status.reason.code, 'TIME_LIMIT');
    const metrics = (await request('GET', `${short.url}/metrics`)).text;
    assert.match(metrics, /velum_tasks_started_total\{program="weight_stats"\} 1/);
    assert.match(metrics, /velum_tasks\{program="weight_stats",state="Failed"\} 1/);
    assert.match(metrics, /velum_tasks_finished_total\{program="weight_stats",state="Failed"\} 1/);
    assert.equal((await blobKeys(short)).filter((name) => !name.startsWith('keys/')).length, 0);
  } finally {
    await short.close();
  }
});
