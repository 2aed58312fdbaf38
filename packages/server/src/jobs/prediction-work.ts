/**
 * Predictions as work: what the worker loads, and the usage counters that end with a job.
 * @module
 */
import type { Transaction } from 'kysely';
import { releaseBlobs } from '../blobs/release.ts';
import type { BlobStore } from '../blobs/store.ts';
import type { Db } from '../db/open.ts';
import type { Database } from '../db/schema.ts';
import type { Limits } from '../limits.ts';
import { type Job, type Outcome, WorkRows } from './rows.ts';
import { resultKey, type Work } from './work.ts';

export interface PredictionWorkOptions {
  db: Db;
  blobs: BlobStore;
  limits: Limits;
  leaseMilliseconds: number;
  onFinished?(job: Job): void;
}

export function predictionWork(options: PredictionWorkOptions): Work<'jobs'> {
  const { db, blobs, limits } = options;
  return {
    rows: jobRows(db, options.leaseMilliseconds),
    noun: 'job',
    timeoutMs: limits.predictionMilliseconds,
    task: (job) => ({
      kind: 'predict',
      planBlob: job.plan_blob,
      publicBlob: job.public_blob,
      evaluationBlob: job.evaluation_blob,
      inputBlob: job.input_blob,
      profileId: job.profile_id,
      resultBlob: resultKey(job),
    }),
    resultBlobs: (job) => [resultKey(job)],
    progress: ({ done, total }) => ({ fraction: total > 0 ? done / total : 0 }),
    ended: async (job) => {
      await releaseBlobs(db, blobs, [job.input_blob, job.public_blob, job.evaluation_blob]);
    },
    onFinished: options.onFinished,
  };
}

export const jobRows = (db: Db, leaseMilliseconds: number): WorkRows<'jobs'> =>
  new WorkRows(db, 'jobs', leaseMilliseconds, countUsage);

async function countUsage(tx: Transaction<Database>, job: Job, outcome: Outcome): Promise<void> {
  const failed = outcome.state === 'Failed' ? 1 : 0;
  const count = {
    predictions: 1 - failed,
    failures: failed,
    compute_ms: outcome.computeMs ?? 0,
    bytes_in: job.bytes_in,
    bytes_out: outcome.bytesOut ?? 0,
  };
  await tx
    .insertInto('usage')
    .values({
      owner_id: job.owner_id,
      account_id: job.account_id,
      model_name: job.model_name,
      model_version: job.model_version,
      day: new Date().toISOString().slice(0, 10),
      ...count,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['account_id', 'day', 'owner_id', 'model_name', 'model_version'])
        .doUpdateSet((eb) => ({
          predictions: eb('usage.predictions', '+', count.predictions),
          failures: eb('usage.failures', '+', count.failures),
          compute_ms: eb('usage.compute_ms', '+', count.compute_ms),
          bytes_in: eb('usage.bytes_in', '+', count.bytes_in),
          bytes_out: eb('usage.bytes_out', '+', count.bytes_out),
        })),
    )
    .execute();
}
