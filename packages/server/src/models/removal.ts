/**
 * Deleting what belongs to users of a model. Rows go first and blobs after: a crash in between leaves
 * blobs that nothing refers to, which the sweep at the next start removes.
 * @module
 */
import type { BlobStore } from '../blobs/store.ts';
import { ACTIVE } from '../jobs/rows.ts';
import type { Services } from '../services.ts';

/** Deletes the blobs; gives the keys back, for the workers to forget. */
export async function removeBlobs(blobs: BlobStore, keys: (string | null)[]): Promise<string[]> {
  const all = [...new Set(keys.filter((key) => key !== null))];
  for (const key of all) await blobs.delete(key);
  return all;
}

/** Cancels the active jobs of these enrolments and waits until their computations have ended. */
export async function stopJobs({ db, runner }: Services, enrolmentIds: string[]): Promise<void> {
  if (enrolmentIds.length === 0) return;
  const jobs = await db
    .selectFrom('jobs')
    .select('id')
    .where('state', 'in', ACTIVE)
    .where('enrolment_id', 'in', enrolmentIds)
    .execute();
  for (const job of jobs) await runner.cancel('jobs', job.id);
}

/** Deletes keys, data, upload links, jobs and results of one enrolment; the registration itself stays. */
export async function removeUserData(services: Services, enrolmentId: string): Promise<void> {
  const { db, blobs, runner } = services;
  await stopJobs(services, [enrolmentId]);
  const doomed = await db.transaction().execute(async (tx) => {
    const objects = await tx
      .deleteFrom('objects')
      .where('enrolment_id', '=', enrolmentId)
      .returning('blob')
      .execute();
    const jobs = await tx
      .deleteFrom('jobs')
      .where('enrolment_id', '=', enrolmentId)
      .returning(['result_blob', 'input_blob', 'public_blob', 'evaluation_blob'])
      .execute();
    await tx.deleteFrom('uploads').where('enrolment_id', '=', enrolmentId).execute();
    return [
      ...objects.map((object) => object.blob),
      ...jobs.flatMap((job) => [job.result_blob, job.input_blob, job.public_blob, job.evaluation_blob]),
    ];
  });
  runner.forget(await removeBlobs(blobs, doomed));
}
