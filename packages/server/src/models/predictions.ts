/**
 * Starting a prediction: a Queued job row that names the blobs it will read.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { ApiError } from '../errors.ts';
import { ACTIVE, type Job } from '../jobs/rows.ts';
import type { Services } from '../services.ts';
import type { CurrentProfile } from './enrolments.ts';

/** Throws ApiError KEYS_MISSING, DATA_NOT_FOUND, QUOTA_EXCEEDED or QUEUE_UNAVAILABLE. The caller enqueues it. */
export async function createJob(
  { db, config, runner }: Services,
  current: CurrentProfile,
  dataName: string,
  owner: string,
): Promise<Job> {
  const { limits } = config;
  runner.checkQueue();
  const now = Date.now();
  return db.transaction().execute(async (tx) => {
    const objects = await tx
      .selectFrom('objects')
      .select(['kind', 'name', 'blob', 'bytes'])
      .where('enrolment_id', '=', current.id)
      .where((eb) =>
        eb.or([
          eb('kind', 'in', ['public-key', 'evaluation-key']),
          eb.and([eb('kind', '=', 'input'), eb('name', '=', dataName)]),
        ]),
      )
      .execute();
    const find = (kind: string) => objects.find((object) => object.kind === kind);
    const publicKey = find('public-key');
    const evaluationKey = find('evaluation-key');
    const input = find('input');
    if (!publicKey || !evaluationKey) {
      const missing = [...(publicKey ? [] : ['public key']), ...(evaluationKey ? [] : ['evaluation key'])];
      throw new ApiError('KEYS_MISSING', `missing for the current profile: ${missing.join(', ')}`);
    }
    if (!input) throw new ApiError('DATA_NOT_FOUND', `no data ${JSON.stringify(dataName)} is stored`);

    const { active } = await tx
      .selectFrom('jobs')
      .select((eb) => eb.fn.countAll<number>().as('active'))
      .where('state', 'in', ACTIVE)
      .where('account_id', '=', current.accountId)
      .executeTakeFirstOrThrow();
    checkQuota('activeJobs', Number(active), limits.activeJobs);
    const { today } = await tx
      .selectFrom('usage')
      .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('predictions'), eb.lit(0)).as('today'))
      .where('account_id', '=', current.accountId)
      .where('day', '=', new Date(now).toISOString().slice(0, 10))
      .executeTakeFirstOrThrow();
    checkQuota('predictionsPerDay', Number(today), limits.predictionsPerDay);

    return tx
      .insertInto('jobs')
      .values({
        id: randomUUID(),
        account_id: current.accountId,
        enrolment_id: current.id,
        profile_id: current.variant.profile_id,
        model_name: current.model.name,
        model_version: current.model.version,
        owner_id: current.model.owner_id,
        data_name: dataName,
        state: 'Queued',
        ...runner.works.jobs.rows.lease(owner),
        plan_blob: current.variant.plan_blob,
        public_blob: publicKey.blob,
        evaluation_blob: evaluationKey.blob,
        input_blob: input.blob,
        bytes_in: input.bytes,
        queued_at: now,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

function checkQuota(quota: string, used: number, limit: number): void {
  if (used >= limit)
    throw new ApiError('QUOTA_EXCEEDED', `${quota}: ${used} of ${limit} used`, { quota, limit });
}
