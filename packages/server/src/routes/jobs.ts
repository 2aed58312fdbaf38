/**
 * Rows 16 and 17, and what the original lacks: listing, looking at and cancelling jobs.
 * @module
 */
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { ApiError } from '../errors.ts';
import { isActive, type Job } from '../jobs/rows.ts';
import { jobUrl, type Services } from '../services.ts';
import { type App, sendBlob, sendJson, sendText, wantsJson } from './app-type.ts';
import { describeJob, JobSchema, State, Status, statusOf, throwUnlessCompleted } from './job-view.ts';
import { binary, JobParams, json, problem } from './schemas.ts';

const cursor = (job: Job): string => `${job.queued_at}_${job.id}`;

export function jobRoutes(app: App, services: Services): void {
  const { db, blobs, runner, metrics } = services;

  /** The account's own job under the service id of its model; anybody else's is JOB_NOT_FOUND. */
  async function findOwnJob(accountId: string, params: { service: string; job: string }): Promise<Job> {
    const job = await db
      .selectFrom('jobs')
      .innerJoin('accounts', 'accounts.id', 'jobs.owner_id')
      .selectAll('jobs')
      .where('jobs.id', '=', params.job)
      .where('jobs.account_id', '=', accountId)
      .where('accounts.service_id', '=', params.service)
      .executeTakeFirst();
    if (!job) throw new ApiError('JOB_NOT_FOUND', 'this account has no job at this address');
    return job;
  }

  app.get(
    '/:service/:job/check_status',
    {
      schema: {
        operationId: 'checkStatus',
        tags: ['Jobs'],
        summary: 'Status of a job',
        description:
          'Text by default: Running, Completed, Failed or Cancelled. Clients of the original poll while the text is `Running`, so a queued job reads `Running` there too. With `Accept: application/json` the state is exact (Queued among them), with reason, progress and rank.',
        params: JobParams,
        response: {
          200: {
            description: 'The state',
            content: {
              'text/plain': { schema: Type.String() },
              'application/json': { schema: Type.Object(Status) },
            },
          },
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const job = await findOwnJob(principalOf(request).account.id, request.params);
      reply.header('cache-control', 'no-store');
      if (!wantsJson(request)) return sendText(reply, job.state === 'Queued' ? 'Running' : job.state);
      return sendJson(reply, await statusOf(services, job));
    },
  );

  app.get(
    '/:service/:job/get_results',
    {
      schema: {
        operationId: 'getResults',
        tags: ['Jobs'],
        summary: 'Result of a job',
        description: '409 while the job is not finished; 422 or 500 with the reason when it failed.',
        params: JobParams,
        response: { 200: binary('Container of kind `result`'), default: problem },
      },
    },
    async (request, reply) => {
      const job = await findOwnJob(principalOf(request).account.id, request.params);
      const result = throwUnlessCompleted(job, jobUrl(services, request.params.service, job.id));
      metrics.bytes.inc({ direction: 'out', kind: 'result' }, job.bytes_out ?? 0);
      return sendBlob(reply, blobs, result);
    },
  );

  app.get(
    '/:service/:job',
    {
      schema: {
        operationId: 'getJob',
        tags: ['Jobs'],
        summary: 'A job',
        params: JobParams,
        response: { 200: json('The job', JobSchema), default: problem },
      },
    },
    async (request) => {
      const job = await findOwnJob(principalOf(request).account.id, request.params);
      return describeJob(services, job, request.params.service);
    },
  );

  app.delete(
    '/:service/:job',
    {
      schema: {
        operationId: 'cancelJob',
        tags: ['Jobs'],
        summary: 'Cancel a job',
        description:
          'Stops a queued or running job; a running computation is ended at once. Cancelling twice is no error; a job that has finished is answered with 409.',
        params: JobParams,
        response: { 200: json('The cancelled job', JobSchema), default: problem },
      },
    },
    async (request) => {
      const { account } = principalOf(request);
      const job = await findOwnJob(account.id, request.params);
      const cancelled = isActive(job) && (await runner.cancel('jobs', job.id));
      const after = await findOwnJob(account.id, request.params);
      if (!cancelled && after.state !== 'Cancelled') {
        throw new ApiError('JOB_FINISHED', `the job is ${after.state}`);
      }
      return describeJob(services, after, request.params.service);
    },
  );

  app.get(
    '/jobs',
    {
      schema: {
        operationId: 'listJobs',
        tags: ['Jobs'],
        summary: 'List jobs',
        description: 'Jobs of this account, newest first.',
        querystring: Type.Object({
          state: Type.Optional(State),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
          before: Type.Optional(Type.String({ description: '`next` of the page before this one' })),
        }),
        response: {
          200: json(
            'A page of jobs',
            Type.Object({
              jobs: Type.Array(JobSchema),
              next: Type.Union([Type.String(), Type.Null()], {
                description: 'Give it as `before` for the next page; null at the end',
              }),
            }),
          ),
          default: problem,
        },
      },
    },
    async (request) => {
      const { state, before } = request.query;
      const limit = request.query.limit ?? 100;
      let query = db
        .selectFrom('jobs')
        .innerJoin('accounts', 'accounts.id', 'jobs.owner_id')
        .selectAll('jobs')
        .select('accounts.service_id')
        .where('jobs.account_id', '=', principalOf(request).account.id)
        .orderBy('jobs.queued_at', 'desc')
        .orderBy('jobs.id', 'desc')
        .limit(limit);
      if (state) query = query.where('jobs.state', '=', state);
      if (before !== undefined) {
        const [, time, id] = /^(\d{1,15})_([0-9a-f-]{36})$/.exec(before) ?? [];
        if (!id) throw new ApiError('REQUEST_INVALID', '`before` is no `next` of an earlier page');
        query = query.where((eb) =>
          eb.or([
            eb('jobs.queued_at', '<', Number(time)),
            eb.and([eb('jobs.queued_at', '=', Number(time)), eb('jobs.id', '<', id)]),
          ]),
        );
      }
      const rows = await query.execute();
      return {
        jobs: await Promise.all(rows.map((row) => describeJob(services, row, row.service_id))),
        next: rows.length === limit ? cursor(rows[rows.length - 1]) : null,
      };
    },
  );
}
