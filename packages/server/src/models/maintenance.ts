/**
 * What time takes away: expired inputs, results, links and tokens; and the orphans that a crash leaves.
 * @module
 */

import { releaseBlobs } from '../blobs/release.ts';
import { BLOB_AREAS } from '../blobs/store.ts';
import type { StoredFile } from '../jobs/protocol.ts';
import { ACTIVE } from '../jobs/rows.ts';
import { resultKey } from '../jobs/work.ts';
import { expireServerKeys } from '../programs/keys.ts';
import { taskBlobs } from '../programs/task-work.ts';
import { expireTasks } from '../programs/tasks.ts';
import type { Services } from '../services.ts';
import { removeBlobs } from './removal.ts';

/** An expired link is kept this long, so that using it late is answered with "expired", not "unknown". */
const EXPIRED_LINKS = 3_600_000;
/** Likewise for tokens. */
const EXPIRED_TOKENS = 7 * 86_400_000;

export async function expire(services: Services, now: number = Date.now()): Promise<void> {
  const { db, blobs, runner } = services;
  const inputs = await db.deleteFrom('objects').where('expires_at', '<', now).returning('blob').execute();
  runner.forget(
    await releaseBlobs(
      db,
      blobs,
      inputs.map((input) => input.blob),
    ),
  );
  const expired = await db
    .selectFrom('jobs')
    .select(['id', 'result_blob'])
    .where('expires_at', '<', now)
    .where('result_blob', 'is not', null)
    .execute();
  for (const job of expired) {
    await db.updateTable('jobs').set({ result_blob: null }).where('id', '=', job.id).execute();
    await removeBlobs(blobs, [job.result_blob]);
  }
  await expireTasks(services, now);
  await expireServerKeys(services, now);
  await db
    .deleteFrom('uploads')
    .where('expires_at', '<', now - EXPIRED_LINKS)
    .execute();
  await db
    .deleteFrom('tokens')
    .where('expires_at', '<', now - EXPIRED_TOKENS)
    .execute();
}

/** Where other processes compute meanwhile, a young blob may be one whose row is about to change. */
const SHARED_ORPHAN_AGE = 3_600_000;

/** Deletes every blob that no row refers to. Only at the start, while nothing is being uploaded. */
export async function sweepOrphans({ db, blobs, config }: Services): Promise<number> {
  const before = Date.now() - (config.redisUrl === undefined ? -Infinity : SHARED_ORPHAN_AGE);
  const kept = new Set<string>();
  const keep = (key: string | null) => key !== null && kept.add(key);
  for (const { files } of await db.selectFrom('models').select('files').execute()) {
    for (const file of JSON.parse(files) as StoredFile[]) keep(file.blob);
  }
  for (const row of await db.selectFrom('variants').select('plan_blob').execute()) keep(row.plan_blob);
  for (const row of await db.selectFrom('objects').select('blob').execute()) keep(row.blob);
  const results = await db
    .selectFrom('jobs')
    .select('result_blob')
    .where('result_blob', 'is not', null)
    .execute();
  for (const row of results) keep(row.result_blob);
  for (const job of await db.selectFrom('jobs').selectAll().where('state', 'in', ACTIVE).execute()) {
    for (const key of [job.input_blob, job.public_blob, job.evaluation_blob, resultKey(job)]) keep(key);
  }
  for (const row of await db.selectFrom('program_keys').select('blob').execute()) keep(row.blob);
  const tasks = await db
    .selectFrom('tasks')
    .selectAll()
    .where((eb) => eb.or([eb('result_blob', 'is not', null), eb('state', 'in', ACTIVE)]))
    .execute();
  for (const task of tasks) {
    for (const key of taskBlobs(task)) keep(key);
    if (task.result_blob === null) for (const key of [task.input_blob, task.key_blob]) keep(key);
  }
  let deleted = 0;
  for (const area of BLOB_AREAS) {
    for await (const { key, modifiedAt } of blobs.list(`${area}/`)) {
      if (kept.has(key) || modifiedAt > before) continue;
      await blobs.delete(key);
      deleted++;
    }
  }
  return deleted;
}
