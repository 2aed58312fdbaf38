/** A database that refuses writes for a while: work waits for it and ends, and no row says Running for ever. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { programNamed } from '@velum/programs';
import { sql } from 'kysely';
import { ProgramUser } from '../test/program-rig.ts';
import { type Rig, startRig, until } from '../test/rig.ts';

const ADS = programNamed('ad_targeting');
const logged: string[] = [];

let rig: Rig;
let user: ProgramUser;

before(async () => {
  const stream = { write: (line: string) => void logged.push(line) };
  rig = await startRig({ leaseMilliseconds: 400, logger: { level: 'warn', stream } });
  user = await ProgramUser.local(rig.url);
});
after(() => rig.close());

/** Every change of a task to this state fails until the function that comes back is called. */
async function refuse(state: string): Promise<() => Promise<void>> {
  const { db } = rig.services;
  await sql`create trigger refuse before update on tasks when new.state = ${sql.lit(state)} and old.state <> new.state
    begin select raise(abort, 'no room'); end`.execute(db);
  return async () => {
    await sql`drop trigger refuse`.execute(db);
  };
}

const refusals = () => logged.filter((line) => line.includes('no room')).length;

for (const state of ['Running', 'Completed']) {
  test(`a change to ${state} that the database refuses is made when it answers again`, async () => {
    const seen = refusals();
    const allow = await refuse(state);
    const task = await user.start('ad_targeting', ADS.sample());
    // Longer than the lease: nobody takes it for abandoned meanwhile.
    await until(() => refusals() >= seen + 4, 'refusals');
    assert.equal((await user.status(task)).status, state === 'Running' ? 'queued' : 'started');
    await allow();
    const ended = await user.waitFor(task, ['success', 'failure']);
    assert.deepEqual([ended.status, ended.attempts], ['success', 1]);
    assert.deepEqual(await user.decode('ad_targeting', task), ADS.clear(ADS.sample()));
  });
}

test('a row that says Running under our own lease, and is not, is taken back', async () => {
  const { db, pool } = rig.services;
  const pid = await until(() => pool.idle === 1 && pool.pids.at(-1), 'a worker');
  process.kill(pid, 'SIGSTOP');
  const first = await user.start('ad_targeting', ADS.sample());
  await user.waitFor(first, ['started']);
  const second = await user.start('ad_targeting', ADS.sample());
  const lost = { state: 'Running', claim: 'lost', attempts: 1 } as const;
  await db.updateTable('tasks').set(lost).where('id', '=', second.task_id).execute();
  await until(async () => (await user.status(second)).status === 'queued', 'the task in the queue again');
  process.kill(pid, 'SIGCONT');
  for (const task of [first, second]) {
    assert.equal((await user.waitFor(task, ['success', 'failure'])).status, 'success');
    assert.deepEqual(await user.decode('ad_targeting', task), ADS.clear(ADS.sample()));
  }
});

test('a full database says so, and is itself again when there is room', async () => {
  const { db } = rig.services;
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db);
  await sql`pragma max_page_count = ${sql.lit(rows[0].page_count)}`.execute(db);
  const codes = new Set<string>();
  for (let i = 0; i < 200 && codes.size === 0; i++) {
    const answer = await user.tryStart('ad_targeting', user.encode('ad_targeting', ADS.sample()));
    if (answer.status !== 200) codes.add(answer.json.code);
  }
  assert.deepEqual([...codes], ['STORAGE_FULL']);
  assert.ok(!logged.some((line) => line.includes('cannot rollback')));
  await sql`pragma max_page_count = 1000000`.execute(db);
  await until(async () => (await user.ok('GET', '/list_current_tasks')).json.length === 0, 'the end of all');
  const task = await user.start('ad_targeting', ADS.sample());
  assert.equal((await user.waitFor(task, ['success', 'failure'])).status, 'success');
});

test('the database is for its owner alone', async () => {
  for (const file of ['velum.sqlite', 'velum.sqlite-wal', 'velum.sqlite-shm']) {
    assert.equal((await stat(join(rig.dataDir, file))).mode & 0o777, 0o600, file);
  }
});
