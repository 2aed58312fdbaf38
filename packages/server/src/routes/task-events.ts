/**
 * Live progress of a task as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * @module
 */
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { ApiError } from '../errors.ts';
import { isActive } from '../jobs/rows.ts';
import { readFields } from '../programs/form.ts';
import { describeTask } from '../programs/task-view.ts';
import { findTask } from '../programs/tasks.ts';
import type { Services } from '../services.ts';
import { type App, unchecked } from './app-type.ts';
import { MAYBE_TOKEN, tags } from './programs.ts';
import { problem } from './schemas.ts';
import { FIELDS, requireTask, TaskQuery } from './tasks.ts';

const LOOK_MILLISECONDS = 250;
/** Proxies cut connections that are silent for a minute or less. */
const HEARTBEAT_MILLISECONDS = 15_000;

/** Each looks at the database a few times a second. */
const MOST_STREAMS = 50;

export function taskEventRoutes(app: App, services: Services): void {
  /** Open streams by account. */
  const open = new Map<string, number>();

  app.get(
    '/get_task_events',
    {
      validatorCompiler: unchecked,
      schema: {
        operationId: 'getTaskEvents',
        tags,
        summary: 'Follow a task',
        description: `Server-sent events named after the status: \`queued\` with the rank, \`started\` with bootstraps done of total and estimated seconds left, then \`success\`, \`failure\` or \`revoked\`, after which the stream ends; the data of each is the body of get_task_status. A stream begins with the current status, so one that was broken is simply opened again; \`Last-Event-ID\` only continues the numbers. ${FIELDS}`,
        security: MAYBE_TOKEN,
        querystring: TaskQuery,
        response: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: Type.String() } } },
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const task = await requireTask(services, account.id, await readFields(request));
      const last = Number(request.headers['last-event-id']);
      const first = Number.isSafeInteger(last) && last >= 0 ? last + 1 : 1;
      const streams = open.get(account.id) ?? 0;
      if (streams >= MOST_STREAMS) {
        throw new ApiError('QUOTA_EXCEEDED', `eventStreams: ${streams} of ${MOST_STREAMS} used`, {
          quota: 'eventStreams',
          limit: MOST_STREAMS,
        });
      }
      open.set(account.id, streams + 1);
      reply.raw.once('close', () => {
        const left = (open.get(account.id) ?? 1) - 1;
        if (left > 0) open.set(account.id, left);
        else open.delete(account.id);
      });
      return sendEvents(reply, taskEvents(services, account.id, task.id, first));
    },
  );
}

function sendEvents(reply: FastifyReply, events: AsyncGenerator<string>): FastifyReply {
  return reply
    .header('content-type', 'text/event-stream; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .send(Readable.from(events));
}

/** The text of the stream; ends after the end state, when the record goes, and when the server stops. */
async function* taskEvents(
  services: Services,
  accountId: string,
  taskId: string,
  firstId: number,
): AsyncGenerator<string> {
  let id = firstId;
  let sent = '';
  let spoke = Date.now();
  yield 'retry: 1000\n\n';
  while (!services.closing) {
    const task = await findTask(services, accountId, taskId);
    if (!task) return;
    const status = await describeTask(services, task);
    const data = JSON.stringify(status);
    if (data !== sent) {
      sent = data;
      spoke = Date.now();
      yield `event: ${status.status}\nid: ${id++}\ndata: ${data}\n\n`;
    } else if (Date.now() - spoke > HEARTBEAT_MILLISECONDS) {
      spoke = Date.now();
      yield ': heartbeat\n\n';
    }
    if (!isActive(task)) return;
    await delay(LOOK_MILLISECONDS);
  }
}
