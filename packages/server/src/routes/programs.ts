/**
 * The application server's routes for programs and their server keys, at the root as the original has them.
 * @module
 */
import { programs } from '@velum/programs';
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { readFields, readUpload } from '../programs/form.ts';
import {
  deleteServerKey,
  listServerKeys,
  type ProgramKey,
  recordServerKey,
  storeServerKey,
} from '../programs/keys.ts';
import type { Services } from '../services.ts';
import { type App, unchecked } from './app-type.ts';
import { iso, json, problem, Time } from './schemas.ts';

const Key = Type.Object({
  uid: Type.String({ description: 'Give it to start_task' }),
  key_id: Type.String({ description: 'Names the key pair, as encrypted inputs do' }),
  bytes: Type.Integer(),
  sha256: Type.String(),
  created_at: Time,
  last_used_at: Time,
  expires_at: Time,
});

const Deleted = Type.Object({
  uid: Type.String(),
  deleted: Type.Literal(true),
  cancelled_tasks: Type.Integer({ description: 'Tasks that were computing with it, or waiting to' }),
});

const describe = (key: ProgramKey) => ({
  uid: key.id,
  key_id: key.key_id,
  bytes: key.bytes,
  sha256: key.sha256,
  created_at: iso(key.created_at),
  last_used_at: iso(key.last_used_at),
  expires_at: iso(key.expires_at),
});

/** Security of routes that environment dev opens. */
export const MAYBE_TOKEN: Record<string, string[]>[] = [{ token: [] }, {}];

export const tags = ['Programs'];

export function programRoutes(app: App, services: Services): void {
  app.get(
    '/get_use_cases',
    {
      config: { public: true },
      schema: {
        operationId: 'getUseCases',
        tags,
        summary: 'The programs',
        description: '`Use-cases` are their names, as the original answers; `programs` says more.',
        security: [],
        response: {
          200: json(
            'Programs',
            Type.Object({
              'Use-cases': Type.Array(Type.String()),
              programs: Type.Array(
                Type.Object({
                  name: Type.String(),
                  title: Type.String(),
                  summary: Type.String(),
                  needs_key: Type.Boolean({ description: 'False: start_task takes no uid' }),
                  outputs: Type.Array(Type.String()),
                  response_type: Type.String({ description: 'json or stream, of get_task_result' }),
                  limits: Type.Object({ values: Type.Integer(), input_bytes: Type.Integer() }),
                }),
              ),
            }),
          ),
          default: problem,
        },
      },
    },
    async () => ({
      'Use-cases': programs.map((program) => program.name),
      programs: programs.map((program) => ({
        name: program.name,
        title: program.title,
        summary: program.summary,
        needs_key: program.needsKey,
        outputs: program.outputs.map((output) => output.key),
        response_type: program.responseType,
        limits: {
          values: program.limits.values,
          input_bytes: Math.min(program.limits.inputBytes, services.config.limits.taskInputBytes),
        },
      })),
    }),
  );

  app.get(
    '/keys',
    {
      schema: {
        operationId: 'listServerKeys',
        tags,
        summary: 'List server keys',
        security: MAYBE_TOKEN,
        response: { 200: json('Newest first', Type.Object({ keys: Type.Array(Key) })), default: problem },
      },
    },
    async (request) => {
      const keys = await listServerKeys(services, principalOf(request).account.id);
      return { keys: keys.map(describe) };
    },
  );

  app.delete(
    '/keys/:uid',
    {
      schema: {
        operationId: 'deleteServerKey',
        tags,
        summary: 'Delete a server key',
        description: 'Stops the tasks that compute with it. Results stay until they expire.',
        security: MAYBE_TOKEN,
        params: Type.Object({ uid: Type.String() }),
        response: { 200: json('Deleted', Deleted), default: problem },
      },
    },
    async (request) => remove(principalOf(request).account.id, request.params.uid),
  );

  app.post(
    '/delete_key',
    {
      schema: {
        operationId: 'deleteServerKeyByForm',
        tags,
        summary: 'Delete a server key (as a form)',
        security: MAYBE_TOKEN,
        querystring: Type.Object({ uid: Type.Optional(Type.String()) }),
        response: { 200: json('Deleted', Deleted), default: problem },
      },
    },
    async (request) => {
      const uid = (await readFields(request)).require('uid');
      return remove(principalOf(request).account.id, uid);
    },
  );

  async function remove(accountId: string, uid: string) {
    const cancelled = await deleteServerKey(services, accountId, uid);
    return { uid, deleted: true as const, cancelled_tasks: cancelled };
  }
}

/** In a scope with the multipart parser. */
export function keyUploadRoutes(app: App, services: Services): void {
  const { blobs, config, metrics } = services;

  app.post(
    '/add_key',
    {
      bodyLimit: config.limits.programKeyBytes + 65_536,
      validatorCompiler: unchecked,
      schema: {
        operationId: 'addKey',
        tags,
        summary: 'Upload a server key',
        description:
          'Streamed and checked as it comes. The key belongs to this account, and the same key uploaded again gets the same uid and a new life time.',
        security: MAYBE_TOKEN,
        consumes: ['multipart/form-data'],
        querystring: Type.Object({ task_name: Type.Optional(Type.String({ description: 'Not needed' })) }),
        body: Type.Object({
          key: Type.String({ format: 'binary', description: 'The server key' }),
          task_name: Type.Optional(
            Type.String({ description: 'Not needed; kept for clients of the original' }),
          ),
        }),
        response: { 200: json('The key', Key), default: problem },
      },
    },
    async (request) => {
      const { account } = principalOf(request);
      let stored: Awaited<ReturnType<typeof storeServerKey>> | undefined;
      try {
        await readUpload(request, 'key', config.limits.programKeyBytes, async (chunks) => {
          stored = await storeServerKey(services, account.id, chunks);
        });
        const { blob, summary } = stored as unknown as NonNullable<typeof stored>;
        const key = await recordServerKey(services, account.id, blob, summary);
        metrics.bytes.inc({ direction: 'in', kind: 'server-key' }, summary.bytes);
        return describe(key);
      } catch (error) {
        if (stored) await blobs.delete(stored.blob);
        throw error;
      }
    },
  );
}
