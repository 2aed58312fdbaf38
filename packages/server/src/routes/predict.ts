/**
 * Rows 14 and 15: predict, waiting or not.
 * @module
 */
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { findCurrentProfile } from '../models/enrolments.ts';
import { checkName } from '../models/names.ts';
import { createJob } from '../models/predictions.ts';
import { jobUrl, type Services } from '../services.ts';
import { type App, sendBlob, sendText } from './app-type.ts';
import { throwUnlessCompleted } from './job-view.ts';
import { problem } from './schemas.ts';

export function predictRoutes(app: App, services: Services, owner: string): void {
  const { blobs, runner, metrics } = services;

  app.post(
    '/:service/:name/:version/predict/:data',
    {
      schema: {
        operationId: 'predict',
        tags: ['Using a model'],
        summary: 'Predict',
        description:
          'Predicts on uploaded data. By default the request waits and answers the encrypted result, with `Server-Timing: compute, queue` in milliseconds; closing the connection cancels the job. With `?sync=False` it answers the job URL at once.',
        params: Type.Object({
          service: Type.String({ description: 'service_id of the owner' }),
          name: Type.String({ description: 'Model name' }),
          version: Type.String({ description: 'Model version' }),
          data: Type.String({ description: 'Name of uploaded data' }),
        }),
        querystring: Type.Object({
          sync: Type.Optional(Type.String({ description: '`False` starts a job and returns' })),
        }),
        response: {
          200: {
            description: 'The encrypted result; with sync=False the job URL',
            content: {
              'application/octet-stream': { schema: Type.String({ format: 'binary' }) },
              'text/plain': { schema: Type.String() },
            },
          },
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const dataName = checkName('data name', request.params.data);
      const current = await findCurrentProfile(services, account.id, request.params);
      const job = await createJob(services, current, dataName, owner);
      const url = jobUrl(services, current.model.service_id, job.id);
      if (/^(false|0|no)$/i.test(request.query.sync ?? '')) {
        runner.enqueue('jobs', job.id);
        return sendText(reply, url);
      }
      const ending = runner.wait('jobs', job.id);
      const onClose = () =>
        void runner.cancel('jobs', job.id).catch((error: unknown) => request.log.error(error));
      // Emitted when the client goes away, and after the answer; the latter is unsubscribed first.
      reply.raw.once('close', onClose);
      if (reply.raw.destroyed) onClose();
      else runner.enqueue('jobs', job.id);
      const ended = await ending.finally(() => reply.raw.off('close', onClose));
      const result = throwUnlessCompleted(ended, url);
      metrics.bytes.inc({ direction: 'out', kind: 'result' }, ended.bytes_out ?? 0);
      const queued = (ended.started_at ?? ended.queued_at) - ended.queued_at;
      reply
        .header('server-timing', `compute;dur=${(ended.compute_ms ?? 0).toFixed(3)}, queue;dur=${queued}`)
        .header('content-location', `${url}get_results`);
      return sendBlob(reply, blobs, result);
    },
  );
}
