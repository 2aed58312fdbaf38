/**
 * The application server's routes that start, follow and cancel tasks.
 * @module
 */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { blobKey } from '../blobs/store.ts';
import { ApiError } from '../errors.ts';
import { ACTIVE, type TaskRow } from '../jobs/rows.ts';
import { type Fields, readFields, readUpload } from '../programs/form.ts';
import { describeTask, statusOfTask, TaskStatusSchema, unknownTask } from '../programs/task-view.ts';
import { createTask, findProgram, findTask } from '../programs/tasks.ts';
import type { Services } from '../services.ts';
import { type App, unchecked } from './app-type.ts';
import { MAYBE_TOKEN, tags } from './programs.ts';
import { json, problem } from './schemas.ts';

export const TaskQuery = Type.Object({
  task_id: Type.Optional(Type.String()),
  uid: Type.Optional(Type.String({ description: 'Compared with the task’s when it is given' })),
});

export const FIELDS =
  'Fields come from the query, or from a form as `X_form` or `X`, on GET too (`curl -X GET -F`).';

const Cancelled = Type.Object({
  task_id: Type.String(),
  uid: Type.String(),
  status: Type.String(),
  details: Type.String(),
});

const Listed = Type.Object({
  task_id: Type.String(),
  status: Type.String({ description: 'queued or started' }),
  worker: Type.String(),
  details: Type.String(),
  uid: Type.String(),
  task_name: Type.String(),
  rank: Type.Optional(Type.Integer()),
  progress: Type.Optional(TaskStatusSchema.properties.progress),
});

/** The account's own task; throws ApiError TASK_NOT_FOUND for everything else. */
export async function requireTask(services: Services, accountId: string, fields: Fields): Promise<TaskRow> {
  const id = fields.require('task_id');
  const task = await findTask(services, accountId, id, fields.get('uid') || undefined);
  if (!task) {
    throw new ApiError('TASK_NOT_FOUND', `this account has no task ${JSON.stringify(id.slice(0, 40))}`);
  }
  return task;
}

export function taskRoutes(app: App, services: Services): void {
  const { db, runner } = services;

  app.get(
    '/get_task_status',
    {
      validatorCompiler: unchecked,
      schema: {
        operationId: 'getTaskStatus',
        tags,
        summary: 'Status of a task',
        description: `Always 200, as in the original: a task that is not there, or another account's, is \`unknown\`. ${FIELDS}`,
        security: MAYBE_TOKEN,
        querystring: TaskQuery,
        response: { 200: json('The status', TaskStatusSchema), default: problem },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const fields = await readFields(request);
      const id = fields.get('task_id') ?? '';
      const uid = fields.get('uid');
      reply.header('cache-control', 'no-store');
      const named = id !== '' && uid !== '';
      const task = named ? await findTask(services, account.id, id, uid) : undefined;
      return task ? describeTask(services, task) : unknownTask(id, uid);
    },
  );

  app.get(
    '/list_current_tasks',
    {
      schema: {
        operationId: 'listCurrentTasks',
        tags,
        summary: 'Tasks that wait or compute',
        description: 'Of this account, oldest first.',
        security: MAYBE_TOKEN,
        response: { 200: json('Tasks', Type.Array(Listed)), default: problem },
      },
    },
    async (request) => {
      const rows = await db
        .selectFrom('tasks')
        .selectAll()
        .where('account_id', '=', principalOf(request).account.id)
        .where('state', 'in', ACTIVE)
        .orderBy('queued_at')
        .orderBy('id')
        .execute();
      return Promise.all(rows.map((row) => describeTask(services, row)));
    },
  );

  app.post(
    '/cancel_task',
    {
      validatorCompiler: unchecked,
      schema: {
        operationId: 'cancelTask',
        tags,
        summary: 'Cancel a task',
        description: `A queued task leaves the queue, the computation of a running one is ended at once. Cancelling twice is no error; a task that has ended is answered with 409, one that is not there with 404. ${FIELDS}`,
        security: MAYBE_TOKEN,
        querystring: TaskQuery,
        response: { 200: json('Cancelled', Cancelled), default: problem },
      },
    },
    async (request) => {
      const { account } = principalOf(request);
      const task = await requireTask(services, account.id, await readFields(request));
      const before = statusOfTask(task);
      const cancelled = await runner.cancel('tasks', task.id);
      const after = (await findTask(services, account.id, task.id)) ?? task;
      const status = statusOfTask(after);
      const answer = { task_id: task.id, uid: task.uid, status };
      if (cancelled) {
        const details = `Successfully cancelled the task, previous status=\`${before}\` → new status=\`${status}\``;
        return { ...answer, details };
      }
      const details = `Cannot cancel this task (status = \`${status}\`). Additional info: ${(await describeTask(services, after)).details}`;
      if (status === 'revoked') return { ...answer, details };
      throw new ApiError('TASK_FINISHED', details, {
        task_id: task.id,
        uid: task.uid,
        task_status: status,
        details,
      });
    },
  );
}

/** In a scope with the multipart parser. */
export function startTaskRoute(app: App, services: Services, owner: string): void {
  const { blobs, config, runner, metrics } = services;
  const maxBytes = config.limits.taskInputBytes;

  app.post(
    '/start_task',
    {
      bodyLimit: maxBytes + 65_536,
      validatorCompiler: unchecked,
      schema: {
        operationId: 'startTask',
        tags,
        summary: 'Start a task',
        description:
          'Runs a program on an encrypted input. The input is streamed, and its header is checked before the answer. With an `Idempotency-Key` header the same request started again gives the same task.',
        security: MAYBE_TOKEN,
        consumes: ['multipart/form-data'],
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ description: 'At most 200 characters' })),
        }),
        body: Type.Object({
          uid: Type.Optional(
            Type.String({ description: 'The server key; not needed by programs with needs_key false' }),
          ),
          task_name: Type.String({ description: 'The program' }),
          encrypted_input: Type.String({ format: 'binary' }),
        }),
        response: {
          200: json(
            'Started',
            Type.Object({ task_id: Type.String(), uid: Type.String(), task_name: Type.String() }),
          ),
          default: problem,
        },
      },
    },
    async (request) => {
      const { account } = principalOf(request);
      const idempotencyKey = request.headers['idempotency-key'] as string | undefined;
      if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,200}$/.test(idempotencyKey)) {
        throw new ApiError('REQUEST_INVALID', 'Idempotency-Key has 1 to 200 printable ASCII characters');
      }
      runner.checkQueue();
      const inputBlob = blobKey('inputs');
      const hash = createHash('sha256');
      let bytes = 0;
      let keep = false;
      try {
        const fields = await readUpload(request, 'encrypted_input', maxBytes, async (chunks, before) => {
          // A program that is not there is refused before its input is read, where the form says it first.
          const name = before.get('task_name');
          const limit = Math.min(maxBytes, name ? findProgram(name).limits.inputBytes : maxBytes);
          await blobs.put(
            inputBlob,
            counted(chunks, limit, (chunk) => {
              bytes += chunk.byteLength;
              hash.update(chunk);
            }),
          );
        });
        const program = findProgram(fields.require('task_name'));
        if (bytes > program.limits.inputBytes) throw tooLarge(program.limits.inputBytes);
        const uid = fields.get('uid') || undefined;
        const sha256 = hash.digest('hex');
        const { task, fresh } = await createTask(services, account.id, owner, {
          program,
          uid,
          inputBlob,
          bytes,
          sha256,
          idempotencyKey,
        });
        if (fresh) {
          keep = true;
          metrics.bytes.inc({ direction: 'in', kind: 'task-input' }, bytes);
          metrics.tasksStarted.inc({ program: program.name });
          runner.enqueue('tasks', task.id);
        }
        return { task_id: task.id, uid: task.uid, task_name: task.task_name };
      } finally {
        if (!keep) await blobs.delete(inputBlob);
      }
    },
  );
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  passed: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > limit) throw tooLarge(limit);
    passed(chunk);
    yield chunk;
  }
}

function tooLarge(limit: number): ApiError {
  return new ApiError('BODY_TOO_LARGE', `part encrypted_input goes beyond ${limit} bytes`);
}
