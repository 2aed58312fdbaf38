/**
 * How jobs look from outside.
 * @module
 */
import { Type } from 'typebox';
import { ApiError } from '../errors.ts';
import type { Job } from '../jobs/rows.ts';
import { jobUrl, modelUrl, type Services } from '../services.ts';
import { iso, isoOrNull, Time, TimeOrNull } from './schemas.ts';

export const State = Type.Union([
  Type.Literal('Queued'),
  Type.Literal('Running'),
  Type.Literal('Completed'),
  Type.Literal('Failed'),
  Type.Literal('Cancelled'),
]);

export const Status = {
  state: State,
  reason: Type.Optional(
    Type.Object({ code: Type.String(), message: Type.String() }, { description: 'Why a job failed' }),
  ),
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  rank: Type.Optional(Type.Integer({ description: 'Place in the queue, 1 is next' })),
  compute_ms: Type.Optional(Type.Number({ description: 'Computation of a completed job, milliseconds' })),
};

export const JobSchema = Type.Object({
  job_id: Type.String(),
  job_url: Type.String(),
  model_url: Type.String(),
  data_name: Type.String(),
  ...Status,
  attempts: Type.Integer(),
  bytes_in: Type.Integer(),
  bytes_out: Type.Optional(Type.Integer()),
  queued_at: Time,
  started_at: TimeOrNull,
  finished_at: TimeOrNull,
  expires_at: TimeOrNull,
});

export async function statusOf({ runner }: Services, job: Job) {
  const rank = job.state === 'Queued' ? await runner.rank('jobs', job.id) : undefined;
  const live = job.state === 'Running' ? runner.live('jobs', job.id) : undefined;
  return {
    state: job.state,
    ...(job.reason_code === null
      ? {}
      : { reason: { code: job.reason_code, message: job.reason ?? job.reason_code } }),
    progress: live && live.total > 0 ? live.done / live.total : job.progress,
    ...(rank === undefined ? {} : { rank }),
    ...(job.compute_ms === null ? {} : { compute_ms: job.compute_ms }),
  };
}

export async function describeJob(services: Services, job: Job, serviceId: string) {
  return {
    job_id: job.id,
    job_url: jobUrl(services, serviceId, job.id),
    model_url: modelUrl(services, serviceId, job.model_name, job.model_version),
    data_name: job.data_name,
    ...(await statusOf(services, job)),
    attempts: job.attempts,
    bytes_in: job.bytes_in,
    ...(job.bytes_out === null ? {} : { bytes_out: job.bytes_out }),
    queued_at: iso(job.queued_at),
    started_at: isoOrNull(job.started_at),
    finished_at: isoOrNull(job.finished_at),
    expires_at: isoOrNull(job.expires_at),
  };
}

/** Failures of the service itself rather than of the input. */
export const SERVICE_FAULTS = ['INTERNAL', 'WORKER_CRASHED', 'STORAGE_FULL'];

/** The blob of the result; throws the ApiError that says why there is none. */
export function throwUnlessCompleted(job: Job, url: string): string {
  switch (job.state) {
    case 'Queued':
    case 'Running':
      throw new ApiError('JOB_NOT_FINISHED', `the job is ${job.state}`, { job_url: url });
    case 'Cancelled':
      throw new ApiError('JOB_CANCELLED', 'the job was cancelled', { job_url: url });
    case 'Failed': {
      const code = job.reason_code ?? 'INTERNAL';
      const reason = { code, message: job.reason ?? code };
      const kind = SERVICE_FAULTS.includes(code) ? 'JOB_CRASHED' : 'JOB_FAILED';
      throw new ApiError(kind, `${code}: ${reason.message}`, { reason, job_url: url });
    }
    case 'Completed':
      if (job.result_blob === null) {
        throw new ApiError('RESULT_EXPIRED', 'the result is no longer kept', { job_url: url });
      }
      return job.result_blob;
  }
}
