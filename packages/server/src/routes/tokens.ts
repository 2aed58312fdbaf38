/**
 * API tokens: list, create, revoke.
 * @module
 */
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { createToken } from '../accounts/tokens.ts';
import { ApiError } from '../errors.ts';
import type { Services } from '../services.ts';
import { type App, sendEmpty } from './app-type.ts';
import { IdParams, iso, isoOrNull, json, problem, Time, TimeOrNull } from './schemas.ts';

const Token = {
  id: Type.String(),
  name: Type.String(),
  kind: Type.Union([Type.Literal('session'), Type.Literal('named')]),
  prefix: Type.String({ description: 'First characters, to recognise it by' }),
  created_at: Time,
  last_used_at: TimeOrNull,
  expires_at: TimeOrNull,
};

export function tokenRoutes(app: App, services: Services): void {
  const { db, config } = services;

  app.get(
    '/tokens',
    {
      schema: {
        operationId: 'listTokens',
        tags: ['Accounts'],
        summary: 'List tokens',
        response: {
          200: json(
            'Tokens of the account, newest first',
            Type.Object({
              tokens: Type.Array(
                Type.Object({
                  ...Token,
                  current: Type.Boolean({ description: 'The token of this request' }),
                }),
              ),
            }),
          ),
          default: problem,
        },
      },
    },
    async (request) => {
      const { account, tokenId } = principalOf(request);
      const rows = await db
        .selectFrom('tokens')
        .selectAll()
        .where('account_id', '=', account.id)
        .orderBy('created_at', 'desc')
        .execute();
      return {
        tokens: rows.map((row) => ({
          id: row.id,
          name: row.name,
          kind: row.kind,
          prefix: row.prefix,
          created_at: iso(row.created_at),
          last_used_at: isoOrNull(row.last_used_at),
          expires_at: isoOrNull(row.expires_at),
          current: row.id === tokenId,
        })),
      };
    },
  );

  app.post(
    '/tokens',
    {
      schema: {
        operationId: 'createToken',
        tags: ['Accounts'],
        summary: 'Create a named token',
        body: Type.Object({
          name: Type.String({ minLength: 1, maxLength: 100 }),
          expires_in_days: Type.Optional(
            Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 3650 }), Type.Null()], {
              description: 'Life time, 365 by default; null: until it is revoked',
            }),
          ),
        }),
        response: {
          201: json(
            'The new token',
            Type.Object({ ...Token, token: Type.String({ description: 'The token itself; shown once' }) }),
          ),
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const { count } = await db
        .selectFrom('tokens')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('account_id', '=', account.id)
        .where('kind', '=', 'named')
        .executeTakeFirstOrThrow();
      const limit = config.limits.tokens;
      if (Number(count) >= limit) {
        throw new ApiError('QUOTA_EXCEEDED', `tokens: ${count} of ${limit} used`, { quota: 'tokens', limit });
      }
      const days = request.body.expires_in_days === undefined ? 365 : request.body.expires_in_days;
      const token = await createToken(db, account.id, {
        name: request.body.name,
        kind: 'named',
        seconds: days === null ? null : Math.max(1, Math.round(days * 86_400)),
      });
      return reply.code(201).send({
        id: token.id,
        name: token.name,
        kind: 'named' as const,
        prefix: token.prefix,
        created_at: iso(Date.now()),
        last_used_at: null,
        expires_at: isoOrNull(token.expiresAt),
        token: token.token,
      });
    },
  );

  app.delete(
    '/tokens/:id',
    {
      schema: {
        operationId: 'revokeToken',
        tags: ['Accounts'],
        summary: 'Revoke a token',
        description: 'Works at once; revoking the token of the request itself signs out.',
        params: IdParams,
        response: { 204: { description: 'Revoked', type: 'null' }, default: problem },
      },
    },
    async (request, reply) => {
      const { numDeletedRows } = await db
        .deleteFrom('tokens')
        .where('id', '=', request.params.id)
        .where('account_id', '=', principalOf(request).account.id)
        .executeTakeFirst();
      if (numDeletedRows !== 1n) throw new ApiError('TOKEN_NOT_FOUND', `no token ${request.params.id}`);
      return sendEmpty(reply, 204);
    },
  );
}
