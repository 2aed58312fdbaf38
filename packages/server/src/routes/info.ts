/**
 * Row 1: versions. Works without a token: a client has to know whether it can talk before it signs in.
 * @module
 */
import { readFileSync } from 'node:fs';
import { WIRE_VERSION } from '@velum/fhe';
import { Type } from 'typebox';
import type { App } from './app-type.ts';
import { json, problem } from './schemas.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
export const SERVER_VERSION = version;

export function infoRoutes(app: App): void {
  app.get(
    '/info/version',
    {
      config: { public: true },
      schema: {
        operationId: 'info',
        tags: ['Service'],
        summary: 'Versions',
        description:
          'Works with and without a token. The original demands equal client and server versions; here the wire format is versioned and `wire` is all that has to fit.',
        security: [],
        response: {
          200: json(
            'Versions',
            Type.Object({
              'pyhelayers version': Type.String({
                description: 'Kept for clients of the original; not a version',
              }),
              'server version': Type.String({ description: 'API version' }),
              version: Type.String({ description: 'Version of this server' }),
              wire: Type.Integer({ description: 'Version of the binary containers' }),
            }),
          ),
          default: problem,
        },
      },
    },
    async () => ({
      'pyhelayers version': 'none: this is Velum, use the Velum client',
      'server version': 'v0.1',
      version,
      wire: WIRE_VERSION,
    }),
  );
}
