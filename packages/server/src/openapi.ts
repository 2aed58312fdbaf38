/**
 * The OpenAPI document and its reading room at /docs.
 * @module
 */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { ERRORS } from './errors.ts';
import { SERVER_VERSION } from './routes/info.ts';

const DESCRIPTION = `Encrypted predictions: a model owner deploys a model, users make keys, upload encrypted samples and get encrypted results that only they can read.

Paths, methods and form parts are those of the HE4Cloud API v0.1; where its answers mix types or leak, the path is kept and the body mended, as each route says. Trailing slashes are optional everywhere.

Errors are problem documents (RFC 9457, \`application/problem+json\`) with a stable \`code\` and a \`hint\`. What belongs to another account does not exist for you: 404, never 403.`;

export async function registerOpenApi(app: FastifyInstance, publicUrl: () => string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Velum REST API',
        version: SERVER_VERSION,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'Accounts', description: 'Sign up, sign in, API tokens' },
        { name: 'Models', description: 'The owner’s side: deploy, list, undeploy' },
        { name: 'Using a model', description: 'The user’s side: register, keys, data, predict' },
        { name: 'Jobs', description: 'Predictions that run or have run' },
        {
          name: 'Programs',
          description:
            'Ready-made programs on encrypted values, at the root: paths and fields of Zama’s FHE application server. In environment dev they ask for no token and serve this machine alone; in staging and prod they take the API tokens of the accounts',
        },
        { name: 'Service', description: 'Versions, usage, limits' },
        { name: 'Operation', description: 'Probes and metrics' },
      ],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'API token, `velum_…`' },
        },
      },
      security: [{ token: [] }],
    },
    hideUntagged: true,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });

  app.get('/openapi.json', { logLevel: 'warn' }, async (_request, reply) => {
    const document = app.swagger() as unknown as Record<string, unknown>;
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(JSON.stringify({ ...document, servers: [{ url: publicUrl() }] }));
  });

  // What the `type` of a problem document points to.
  app.get('/errors/:code', { logLevel: 'warn' }, async (request, reply) => {
    const { code } = request.params as { code: string };
    if (!Object.hasOwn(ERRORS, code)) return reply.callNotFound();
    const { status, title, hint } = ERRORS[code as keyof typeof ERRORS];
    return reply
      .header('content-type', 'text/plain; charset=utf-8')
      .send(`${code} (${status})\n${title}.\n\n${hint}\n`);
  });
  app.get('/robots.txt', { logLevel: 'warn' }, async (_request, reply) =>
    reply.header('content-type', 'text/plain; charset=utf-8').send('User-agent: *\nDisallow: /\n'),
  );
  app.get('/', { logLevel: 'warn' }, async (_request, reply) => reply.redirect('/docs'));
}
