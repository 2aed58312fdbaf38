import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { resultKey } from '../src/jobs/work.ts';
import { ModelUser, startRig, TINY_RESULT, TINY_ROW, temporaryDirectory, User, until } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

export function recoverySuite(fresh: FreshDatabase): void {
  describe('recovery', () => {
    test('a graceful stop keeps queued and running jobs; the next start finishes them', async () => {
      const dataDir = await temporaryDirectory();
      const database = await fresh();
      const rig = await startRig({ dataDir, ...database });
      const user = await ModelUser.enrol(
        await User.signUp(rig.api),
        await (await User.signUp(rig.api)).deploy('m'),
      );
      await user.uploadRows('d', [TINY_ROW]);
      // Stopped, the worker holds the first job for as long as we like.
      await until(() => rig.services.pool.idle === 1, 'an idle worker');
      for (const pid of rig.services.pool.pids) process.kill(pid, 'SIGSTOP');
      const jobs = [await user.start('d'), await user.start('d'), await user.start('d')];
      await user.waitFor(jobs[0], ['Running']);
      assert.equal((await user.status(jobs[2])).rank, 2);
      const waiting = user.user.call('POST', `${user.url}predict/d`, { any: true });
      await new Promise((go) => setTimeout(go, 100));
      await rig.close();
      assert.equal((await waiting).json.code, 'SHUTTING_DOWN');

      const again = await startRig({ dataDir, ...database });
      const headers = { authorization: `Bearer ${user.user.token}` };
      for (const job of jobs) {
        const moved = job.replace(rig.url, again.url);
        const status = await user.waitFor(moved, ['Completed', 'Failed', 'Cancelled']);
        assert.equal(status.state, 'Completed');
        const result = await fetch(`${moved}get_results`, { headers });
        const [[value]] = await user.keys.decrypt(new Uint8Array(await result.arrayBuffer()));
        assert.ok(Math.abs(value - TINY_RESULT) < 1e-4);
      }
      await again.close();
      await rm(dataDir, { recursive: true, force: true });
    });

    test('a result that was already written is taken, not computed again', async () => {
      const dataDir = await temporaryDirectory();
      const database = await fresh();
      const rig = await startRig({ dataDir, ...database });
      const user = await ModelUser.enrol(
        await User.signUp(rig.api),
        await (await User.signUp(rig.api)).deploy('m'),
      );
      await user.uploadRows('d', [TINY_ROW]);
      const job = await user.start('d');
      await user.waitFor(job, ['Completed']);
      const id = job.split('/').at(-2) as string;
      // As a crash between the worker's rename and the commit would leave it.
      const row = await rig.services.db
        .updateTable('jobs')
        .set({ state: 'Running', result_blob: null, bytes_out: null, finished_at: null, compute_ms: null })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirstOrThrow();
      const written = await rig.services.blobs.read(resultKey(row));
      await rig.close();
      const again = await startRig({ dataDir, ...database });
      const moved = job.replace(rig.url, again.url);
      assert.equal((await user.status(moved)).state, 'Completed');
      const result = await user.user.call('GET', `${moved}get_results`);
      assert.deepEqual(result.bytes, new Uint8Array(written));
      await again.close();
      await rm(dataDir, { recursive: true, force: true });
    });
  });
}
