/**
 * The results of tasks: JSON or bytes as the program has it, or a typed answer that says why there is none.
 * @module
 */
import { type Program, programs } from '@velum/programs';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { BlobError } from '../blobs/store.ts';
import { ApiError } from '../errors.ts';
import type { TaskRow } from '../jobs/rows.ts';
import { readFields } from '../programs/form.ts';
import { describeTask, outputFiles, statusOfTask, TaskStatusSchema } from '../programs/task-view.ts';
import { taskBlobs } from '../programs/task-work.ts';
import { findProgram } from '../programs/tasks.ts';
import type { Services } from '../services.ts';
import { type App, sendJson, unchecked } from './app-type.ts';
import { SERVICE_FAULTS } from './job-view.ts';
import { MAYBE_TOKEN, tags } from './programs.ts';
import { problem } from './schemas.ts';
import { FIELDS, requireTask, TaskQuery } from './tasks.ts';

const ResultJson = Type.Object(
  {
    stderr: Type.String({ description: 'Always empty; kept for clients of the original' }),
    status: Type.String(),
    details: Type.String(),
    worker: Type.Union([Type.String(), Type.Null()]),
    task_id: Type.String(),
    uid: Type.String(),
    output_file_path: Type.Array(Type.String()),
  },
  { additionalProperties: true, description: 'And base64 under the key of each output' },
);

export function taskResultRoutes(app: App, services: Services): void {
  const { blobs, db, metrics } = services;

  app.get(
    '/get_task_result',
    {
      validatorCompiler: unchecked,
      schema: {
        operationId: 'getTaskResult',
        tags,
        summary: 'Result of a task',
        description: `JSON with base64 by output, or the bytes themselves, as \`response_type\` of the program says; \`output=KEY\` gives the bytes of one output. A task that is not ready is answered with 202 and its status. ${FIELDS}`,
        security: MAYBE_TOKEN,
        querystring: Type.Object({
          ...TaskQuery.properties,
          task_name: Type.Optional(Type.String({ description: 'Compared with the task’s when it is given' })),
          output: Type.Optional(Type.String({ description: 'One output, as bytes' })),
        }),
        response: {
          200: {
            description: 'The result',
            content: {
              'application/json': { schema: ResultJson },
              'application/octet-stream': { schema: Type.String({ format: 'binary' }) },
            },
          },
          202: {
            description: 'Not ready: the status, with Retry-After',
            content: { 'application/json': { schema: TaskStatusSchema } },
          },
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const fields = await readFields(request);
      const name = fields.get('task_name');
      if (name) findProgram(name);
      const task = await requireTask(services, account.id, fields);
      if (name && task.task_name !== name) {
        throw new ApiError('TASK_NOT_FOUND', `task ${task.id} is no run of ${name}`);
      }
      reply.header('cache-control', 'no-store');
      if (task.state === 'Queued' || task.state === 'Running') {
        const status = await describeTask(services, task);
        const wait = 'progress' in status ? status.progress?.seconds_left : undefined;
        reply.code(202).header('retry-after', String(Math.min(30, Math.max(1, Math.ceil(wait ?? 1)))));
        return sendJson(reply, status);
      }
      throwUnlessStored(task);
      const program = findProgram(task.task_name);
      const output =
        fields.get('output') || (program.responseType === 'stream' ? program.outputs[0].key : undefined);
      if (output === undefined) await sendAll(reply, task, program);
      else await sendOne(reply, task, program, output);
      metrics.bytes.inc({ direction: 'out', kind: 'task-result' }, task.bytes_out ?? 0);
      await db
        .updateTable('tasks')
        .set({ delivered_at: Date.now() })
        .where('id', '=', task.id)
        .where('delivered_at', 'is', null)
        .execute();
      return reply;
    },
  );

  async function sendAll(reply: FastifyReply, task: TaskRow, program: Program): Promise<void> {
    const outputs: Record<string, string> = {};
    const keys = taskBlobs(task);
    for (const [i, { key }] of program.outputs.entries()) {
      const bytes = await blobs.read(keys[i]).catch(expired);
      outputs[key] = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    }
    const { status, details, worker } = await describeTask(services, task);
    sendJson(reply, {
      stderr: '',
      status,
      details,
      worker,
      task_id: task.id,
      uid: task.uid,
      output_file_path: outputFiles(task),
      ...outputs,
    });
  }

  async function sendOne(
    reply: FastifyReply,
    task: TaskRow,
    program: Program,
    output: string,
  ): Promise<void> {
    const index = program.outputs.findIndex(({ key }) => key === output);
    if (index < 0) {
      const known = program.outputs.map(({ key }) => key).join(', ');
      throw new ApiError('OUTPUT_UNKNOWN', `${program.name} has the outputs ${known}`);
    }
    const { bytes, stream } = await blobs.get(taskBlobs(task)[index]).catch(expired);
    const { status, details, worker } = await describeTask(services, task);
    reply
      .header('content-type', 'application/octet-stream')
      .header('content-length', bytes)
      .header('content-disposition', `attachment; filename=${outputFiles(task)[index]}`)
      .header('stderr', '')
      .header('status', status)
      .header('details', details)
      .header('worker', worker)
      .header('task_id', task.id)
      .header('uid', task.uid)
      .send(stream);
  }
}

/** The files went between the look at the row and the read. */
function expired(error: unknown): never {
  if (error instanceof BlobError) throw new ApiError('RESULT_EXPIRED', 'the result is no longer kept');
  throw error;
}

function throwUnlessStored(task: TaskRow): void {
  const extra = { task_id: task.id, uid: task.uid, task_status: statusOfTask(task) };
  if (task.state === 'Cancelled') throw new ApiError('TASK_REVOKED', 'the task was cancelled', extra);
  if (task.state === 'Failed') {
    const code = task.reason_code ?? 'INTERNAL';
    const reason = { code, message: task.reason ?? code };
    const kind = SERVICE_FAULTS.includes(code) || code === 'TIME_LIMIT' ? 'TASK_CRASHED' : 'TASK_FAILED';
    throw new ApiError(kind, `${code}: ${reason.message}`, { ...extra, reason });
  }
  if (task.result_blob === null || !programs.some(({ name }) => name === task.task_name)) {
    throw new ApiError('RESULT_EXPIRED', 'the result is no longer kept', extra);
  }
}
