/** Killing workers and servers: time is lost, data is not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  ModelUser,
  type Rig,
  startRig,
  TINY_RESULT,
  TINY_ROW,
  temporaryDirectory,
  User,
  until,
} from '../test/rig.ts';

let rig: Rig;
let user: ModelUser;

before(async () => {
  rig = await startRig();
  const owner = await User.signUp(rig.api);
  user = await ModelUser.enrol(owner, await owner.deploy('crash'));
  await user.uploadRows('d', [TINY_ROW]);
});
after(() => rig.close());

/** Stops the worker in its tracks, so that the next job stays Running as long as the test likes. */
async function freezeWorker(): Promise<number> {
  // Idle: keys that were just uploaded may still be loading.
  const pid = await until(() => rig.services.pool.idle === 1 && rig.services.pool.pids.at(-1), 'a worker');
  process.kill(pid, 'SIGSTOP');
  return pid;
}

async function checkResult(job: string, member = user) {
  const result = await member.user.call('GET', `${job}get_results`);
  const [[value]] = await member.keys.decrypt(result.bytes);
  assert.ok(Math.abs(value - TINY_RESULT) < 1e-4);
}

test('a killed worker: its job runs again and completes', async () => {
  const pid = await freezeWorker();
  const job = await user.start('d');
  await user.waitFor(job, ['Running']);
  const text = await user.user.call('GET', `${job}check_status`);
  assert.equal(text.text, 'Running');
  const early = await user.user.call('GET', `${job}get_results`, { any: true });
  assert.equal(early.status, 409);
  assert.equal(early.json.code, 'JOB_NOT_FINISHED');
  process.kill(pid, 'SIGKILL');
  await user.waitFor(job, ['Completed']);
  await checkResult(job);
  assert.equal((await user.user.call('GET', job)).json.attempts, 2);
});

test('a job whose worker dies every time fails with WORKER_CRASHED, the service stays up', async () => {
  const { pool } = rig.services;
  await until(() => pool.alive === 1, 'a worker');
  let killing = true;
  // Between two turns of the event loop: a worker dies right after it was handed the job.
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
    const job = await user.start('d');
    const status = await user.waitFor(job, ['Failed', 'Completed']);
    assert.equal(status.state, 'Failed');
    assert.equal(status.reason.code, 'WORKER_CRASHED');
    assert.equal((await user.user.call('GET', job)).json.attempts, 3);
    const answer = await user.user.call('GET', `${job}get_results`, { any: true });
    assert.equal(answer.status, 500);
    assert.equal(answer.json.code, 'JOB_CRASHED');
  } finally {
    killing = false;
  }
  assert.equal((await user.user.call('POST', `${user.url}predict/d`)).status, 200);
});

test('cancel really stops a running computation, and a queued one never begins', async () => {
  const pid = await freezeWorker();
  const running = await user.start('d');
  const queued = await user.start('d');
  await user.waitFor(running, ['Running']);
  assert.deepEqual(
    { ...(await user.status(queued)), progress: 0 },
    { state: 'Queued', progress: 0, rank: 1 },
  );
  assert.equal((await user.user.call('DELETE', queued)).json.state, 'Cancelled');
  assert.equal((await user.user.call('DELETE', running)).json.state, 'Cancelled');
  assert.throws(() => process.kill(pid, 0), 'the worker process is gone');
  for (const job of [running, queued]) {
    assert.equal((await user.user.call('GET', `${job}check_status`)).text, 'Cancelled');
    assert.equal(
      (await user.user.call('GET', `${job}get_results`, { any: true })).json.code,
      'JOB_CANCELLED',
    );
    assert.equal((await user.user.call('DELETE', job)).status, 200, 'twice is no error');
  }
  const after = await user.start('d');
  await user.waitFor(after, ['Completed']);
  const late = await user.user.call('DELETE', after, { any: true });
  assert.equal(late.json.code, 'JOB_FINISHED');
  await checkResult(after);
});

test('a client that leaves a waiting predict cancels its job', async () => {
  const pid = await freezeWorker();
  const abort = new AbortController();
  const waiting = user.user
    .call('POST', `${user.url}predict/d`, { signal: abort.signal })
    .catch(() => 'left');
  const job = await until(async () => {
    const { jobs } = (await user.user.call('GET', '/jobs?state=Running')).json;
    return jobs[0]?.job_url as string | undefined;
  }, 'the job to run');
  abort.abort();
  assert.equal(await waiting, 'left');
  await user.waitFor(job, ['Cancelled']);
  await until(() => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  }, 'the worker to be stopped');
  assert.equal((await user.user.call('POST', `${user.url}predict/d`)).status, 200);
});

test('unregistering stops a running job', async () => {
  const owner = await User.signUp(rig.api);
  const other = await ModelUser.enrol(owner, await owner.deploy('leaving'));
  await other.uploadRows('d', [TINY_ROW]);
  const pid = await freezeWorker();
  await other.waitFor(await other.start('d'), ['Running']);
  await owner.call('DELETE', `${other.url}application/unregister_user`);
  assert.throws(() => process.kill(pid, 0));
  assert.deepEqual((await owner.call('GET', '/jobs')).json.jobs, []);
});

test('kill -9 of the whole server in the middle of a job: nothing is lost', async () => {
  const dataDir = await temporaryDirectory();
  const entry = fileURLToPath(new URL('../test/serve.ts', import.meta.url));
  const serve = async () => {
    const child = spawn(process.execPath, [entry, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding('utf8').once('data', (line: string) => resolve(line.trim()));
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
    return { child, url };
  };
  const first = await serve();
  const owner = await User.signUp(`${first.url}/api/v0.1`);
  const member = await ModelUser.enrol(owner, await owner.deploy('kill'));
  await member.uploadRows('d', [TINY_ROW]);
  // After a prediction the worker is idle: stopped while it still loads the new keys, it would never get the job.
  await owner.call('POST', `${member.url}predict/d`);
  const worker = Number(
    readFileSync(`/proc/${first.child.pid}/task/${first.child.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .at(-1),
  );
  process.kill(worker, 'SIGSTOP');
  const jobs = [await member.start('d'), await member.start('d')];
  await member.waitFor(jobs[0], ['Running']);
  const exited = new Promise((resolve) => first.child.once('exit', resolve));
  first.child.kill('SIGKILL');
  await exited;

  const second = await serve();
  // The orphan wakes up, finds its server gone, and ends by itself.
  process.kill(worker, 'SIGCONT');
  for (const job of jobs) {
    const moved = job.replace(first.url, second.url);
    const status = await member.waitFor(moved, ['Completed', 'Failed', 'Cancelled']);
    assert.equal(status.state, 'Completed');
    await checkResult(moved, member);
  }
  await until(() => {
    try {
      // A zombie is as good as gone: its parent is, and who adopts it decides when to reap.
      return / [ZX] /.test(readFileSync(`/proc/${worker}/stat`, 'utf8'));
    } catch {
      return true;
    }
  }, 'the orphaned worker to end');
  const ended = new Promise((resolve) => second.child.once('exit', resolve));
  second.child.kill('SIGTERM');
  assert.equal(await ended, 0);
  await rm(dataDir, { recursive: true, force: true });
});

test('two servers cannot share a data directory', async () => {
  await assert.rejects(startRig({ dataDir: rig.dataDir }), { code: 'DATA_DIR_IN_USE' });
  assert.equal((await fetch(`${rig.url}/ready`)).status, 200);
});
