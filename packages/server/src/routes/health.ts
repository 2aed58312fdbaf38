/**
 * Probes and metrics, for machines that run the service.
 * @module
 */
import { timingSafeEqual } from 'node:crypto';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { tokenHash } from '../accounts/tokens.ts';
import { ApiError } from '../errors.ts';
import type { Services } from '../services.ts';
import type { App } from './app-type.ts';
import { json, problem, text } from './schemas.ts';

export function healthRoutes(app: App, services: Services): void {
  const { db, blobs, pool, metrics, config, runner } = services;

  app.get(
    '/healthz',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'healthz',
        tags: ['Operation'],
        summary: 'The process answers',
        security: [],
        response: { 200: json('Alive', Type.Object({ status: Type.Literal('ok') })) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/ready',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'ready',
        tags: ['Operation'],
        summary: 'Database, storage, queue and workers are usable',
        security: [],
        response: {
          200: json('Ready', Type.Object({ status: Type.Literal('ready') })),
          default: problem,
        },
      },
    },
    async () => {
      if (services.closing) throw new ApiError('SHUTTING_DOWN', 'the server is stopping');
      const checks: [string, () => Promise<unknown>][] = [
        ['database', () => sql`select 1`.execute(db)],
        ['storage', () => blobs.check()],
        ['queue', async () => runner.queueAvailable || Promise.reject(new Error('Redis does not answer'))],
      ];
      // With none of its own, others compute; whether they are there is for their machines to say.
      if (config.workers > 0) {
        checks.push(['workers', async () => pool.alive > 0 || Promise.reject(new Error('no worker is up'))]);
      }
      const missing: string[] = [];
      for (const [name, check] of checks) {
        await check().catch((error: unknown) => {
          missing.push(name);
          app.log.warn({ err: error }, `not ready: ${name}`);
        });
      }
      if (missing.length > 0) {
        const what = config.environment === 'prod' ? 'see the log' : missing.join(', ');
        throw new ApiError('NOT_READY', `not usable: ${what}`);
      }
      return { status: 'ready' as const };
    },
  );

  app.get(
    '/metrics',
    {
      logLevel: 'warn',
      schema: {
        operationId: 'metrics',
        tags: ['Operation'],
        summary: 'Prometheus metrics',
        description:
          'Open by default; asks for VELUM_METRICS_TOKEN as a bearer token when that is set, and in environment prod is closed when it is not.',
        security: [],
        response: { 200: text('Exposition format'), default: problem },
      },
    },
    async (request, reply) => {
      if (config.metricsToken === undefined && config.environment === 'prod') {
        throw new ApiError('UNAUTHENTICATED', '/metrics is closed: no VELUM_METRICS_TOKEN is set');
      }
      if (config.metricsToken !== undefined) {
        const given = Buffer.from(tokenHash(request.headers.authorization ?? ''));
        const wanted = Buffer.from(tokenHash(`Bearer ${config.metricsToken}`));
        if (!timingSafeEqual(given, wanted)) {
          throw new ApiError('UNAUTHENTICATED', '/metrics needs its bearer token');
        }
      }
      reply.header('content-type', metrics.registry.contentType);
      return reply.send(await metrics.registry.metrics());
    },
  );
}
