/**
 * Rows 6 to 8 and 13: presigned upload links.
 * @module
 */
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { findCurrentProfile } from '../models/enrolments.ts';
import { checkName } from '../models/names.ts';
import { createUploadLink } from '../models/uploads.ts';
import type { Services } from '../services.ts';
import { type App, sendJson, sendText } from './app-type.ts';
import { DataParams, ModelParams, problem, text } from './schemas.ts';

const LINK =
  'The link takes one PUT with `Content-Type: application/octet-stream` and no bearer token, for 60 seconds by default; it is bound to the size that the profile needs.';

export function uploadRoutes(app: App, services: Services): void {
  const keys = [
    {
      path: 'upload/evaluation_key_url',
      kind: 'evaluation-key',
      operationId: 'evaluationKeyUrl',
      summary: 'Link to upload the evaluation key',
      description: LINK,
    },
    {
      path: 'upload/public_key_url',
      kind: 'public-key',
      operationId: 'publicKeyUrl',
      summary: 'Link to upload the public key',
      description: LINK,
    },
    {
      path: 'upload/encryption_seed_url',
      kind: 'wrapped-secret',
      operationId: 'wrappedSecretUrl',
      summary: 'Link to upload the wrapped secret key',
      description: `${LINK} Unlike the original, only a secret key that is wrapped under a passphrase is accepted: a plain one is refused with SECRET_NOT_WRAPPED.`,
    },
  ] as const;
  for (const { path, kind, ...documentation } of keys) {
    app.post(
      `/:service/:name/:version/${path}`,
      {
        schema: {
          ...documentation,
          tags: ['Using a model'],
          params: ModelParams,
          response: { 200: text('The link'), default: problem },
        },
      },
      async (request, reply) => {
        const { account } = principalOf(request);
        const current = await findCurrentProfile(services, account.id, request.params);
        return sendText(reply, await createUploadLink(services, current, kind));
      },
    );
  }

  app.post(
    '/:service/:name/:version/:data/upload/data_url',
    {
      schema: {
        operationId: 'dataUrl',
        tags: ['Using a model'],
        summary: 'Link to upload encrypted samples',
        description: `${LINK} Data of the same name is replaced. JSON as since 2023; the bare link of 2022 as text when \`Accept\` asks for text/plain alone. \`trainDataUrl\` is empty: training is not available.`,
        params: DataParams,
        response: {
          200: {
            description: 'The link',
            content: {
              'application/json': {
                schema: Type.Object({
                  predictDataUrl: Type.String(),
                  trainDataUrl: Type.Array(Type.String()),
                }),
              },
              'text/plain': { schema: Type.String() },
            },
          },
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const name = checkName('data name', request.params.data);
      const current = await findCurrentProfile(services, account.id, request.params);
      const link = await createUploadLink(services, current, 'input', name);
      if (/^text\/plain\b[^,]*$/i.test(request.headers.accept ?? '')) return sendText(reply, link);
      return sendJson(reply, { predictDataUrl: link, trainDataUrl: [] });
    },
  );
}
