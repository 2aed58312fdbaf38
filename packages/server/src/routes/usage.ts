/**
 * Usage: what this account has used, what its models were used for, and the limits.
 * @module
 */
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import type { Limits } from '../limits.ts';
import { storedBytes } from '../models/uploads.ts';
import type { Services } from '../services.ts';
import type { App } from './app-type.ts';
import { json, problem } from './schemas.ts';

const Row = {
  model_name: Type.String(),
  model_version: Type.String(),
  day: Type.String({ description: 'UTC date' }),
  predictions: Type.Integer(),
  failures: Type.Integer(),
  compute_ms: Type.Number(),
  bytes_in: Type.Integer(),
  bytes_out: Type.Integer(),
};

export function usageRoutes(app: App, services: Services): void {
  const { db, config } = services;
  const columns = ['model_name', 'model_version', 'day'] as const;
  const counters = ['predictions', 'failures', 'compute_ms', 'bytes_in', 'bytes_out'] as const;

  app.get(
    '/usage',
    {
      schema: {
        operationId: 'usage',
        tags: ['Service'],
        summary: 'Usage and limits',
        description:
          'Per model and day: what this account used, and what all users together used of the models this account owns. Owners see counts, never who or what.',
        querystring: Type.Object({
          days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3660, default: 30 })),
        }),
        response: {
          200: json(
            'Usage',
            Type.Object({
              stored_bytes: Type.Integer({ description: 'Keys and data this account stores' }),
              predictions_today: Type.Integer(),
              used: Type.Array(Type.Object(Row)),
              owned: Type.Array(Type.Object({ ...Row, users: Type.Integer() })),
              limits: Type.Record(Type.String(), Type.Number()),
            }),
          ),
          default: problem,
        },
      },
    },
    async (request) => {
      const { id } = principalOf(request).account;
      const days = request.query.days ?? 30;
      const today = new Date().toISOString().slice(0, 10);
      const since = new Date(Date.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10);
      const used = await db
        .selectFrom('usage')
        .select([...columns, ...counters])
        .where('account_id', '=', id)
        .where('day', '>=', since)
        .orderBy('day', 'desc')
        .execute();
      const owned = await db
        .selectFrom('usage')
        .select((eb) => [
          ...columns,
          ...counters.map((counter) => eb.fn.sum<number>(counter).as(counter)),
          eb.fn.countAll<number>().as('users'),
        ])
        .where('owner_id', '=', id)
        .where('day', '>=', since)
        .groupBy(columns)
        .orderBy('day', 'desc')
        .execute();
      const limits: Limits = config.limits;
      return {
        stored_bytes: await storedBytes(services, id),
        predictions_today: used
          .filter((row) => row.day === today)
          .reduce((sum, row) => sum + Number(row.predictions), 0),
        used,
        owned,
        limits: { ...limits },
      };
    },
  );
}
