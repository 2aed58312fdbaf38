/**
 * Rows 3 to 5, 10 to 12 and 21: the user's side of a model. Registration, profile, stored keys.
 * @module
 */
import { sealWire } from '@velum/fhe';
import type { Profile } from '@velum/runtime';
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { addProfile, findCurrentProfile, register, unregister } from '../models/enrolments.ts';
import { he4cloudSummary } from '../models/he4cloud.ts';
import { findKey } from '../models/uploads.ts';
import { parseVariantOptions } from '../models/variants.ts';
import type { Services } from '../services.ts';
import { type App, sendBlob, sendBytes, sendJson, sendText, unchecked } from './app-type.ts';
import { binary, json, ModelParams, type ModelParamsType, ProfileSchema, problem, text } from './schemas.ts';

export function userRoutes(app: App, services: Services): void {
  const { blobs, config } = services;

  app.post(
    '/:service/:name/:version/application/register_user',
    {
      schema: {
        operationId: 'registerUser',
        tags: ['Using a model'],
        summary: 'Register with a model',
        description:
          'Any signed-in account that holds the model URL may register. Registering again changes nothing.',
        params: ModelParams,
        response: { 200: text('A sentence'), default: problem },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const model = await register(services, account.id, request.params);
      return sendText(reply, `${account.id} was registered as for service ${model.service_id}. \n`);
    },
  );

  app.delete(
    '/:service/:name/:version/application/unregister_user',
    {
      schema: {
        operationId: 'unregisterUser',
        tags: ['Using a model'],
        summary: 'Unregister from a model',
        description: 'Deletes all keys, data, jobs and results this account has with the model.',
        params: ModelParams,
        response: { 200: text('`Unregistered user`'), default: problem },
      },
    },
    async (request, reply) => {
      await unregister(services, principalOf(request).account.id, request.params);
      return sendText(reply, 'Unregistered user');
    },
  );

  app.post(
    '/:service/:name/:version/add_profile',
    {
      validatorCompiler: unchecked,
      schema: {
        operationId: 'addProfile',
        tags: ['Using a model'],
        summary: 'Make a profile',
        description:
          'Makes a profile, and makes it the current one: get_profile, keys and data refer to it. Keys, data and jobs of the profile before are deleted. The body may be empty; it is read as JSON whatever its content type.',
        params: ModelParams,
        body: Type.Object({
          batchSize: Type.Optional(Type.Integer({ minimum: 1, description: 'Samples per request wanted' })),
          activation: Type.Optional(
            Type.Union([Type.Literal('client'), Type.Literal('server')], {
              description: 'Where the final activation is computed; `client` is exact and the default',
            }),
          ),
        }),
        response: { 200: text('The profile id (a UUID)'), default: problem },
      },
    },
    async (request, reply) => {
      const options = parseVariantOptions(request.body, config.limits.batchSize);
      const { account } = principalOf(request);
      const { profileUuid } = await addProfile(
        services,
        account.id,
        request.params as ModelParamsType,
        options,
      );
      return sendText(reply, profileUuid);
    },
  );

  app.get(
    '/:service/:name/:version/get_profile',
    {
      schema: {
        operationId: 'getProfile',
        tags: ['Using a model'],
        summary: 'Get the current profile',
        description:
          'The profile that keys are made from. `he4cloud` adds a summary under the names of the original HeProfile, for reading only. The header `Velum-Profile` is the id that add_profile answered.',
        params: ModelParams,
        response: { 200: json('The profile', ProfileSchema), default: problem },
      },
    },
    async (request, reply) => {
      const current = await findCurrentProfile(services, principalOf(request).account.id, request.params);
      const profile = JSON.parse(current.variant.profile) as Profile;
      reply.header('velum-profile', current.profileUuid);
      return sendJson(reply, { ...profile, he4cloud: he4cloudSummary(profile) });
    },
  );

  app.get(
    '/:service/:name/:version/get_iop',
    {
      schema: {
        operationId: 'getIop',
        tags: ['Using a model'],
        summary: 'Get the I/O encoder',
        description: 'How to encode samples and decode results: the profile in a binary container.',
        params: ModelParams,
        response: { 200: binary('Container of kind `io-encoder`'), default: problem },
      },
    },
    async (request, reply) => {
      const { variant } = await findCurrentProfile(services, principalOf(request).account.id, request.params);
      const container = await sealWire(
        'io-encoder',
        variant.profile_id,
        new TextEncoder().encode(variant.profile),
      );
      return sendBytes(reply, container);
    },
  );

  const stored = [
    {
      path: 'get_enc_key',
      kind: 'public-key',
      operationId: 'getPublicKey',
      summary: 'Get the stored public key',
      description: 'The public (encryption) key that this account uploaded.',
    },
    {
      path: 'get_enc_seed',
      kind: 'wrapped-secret',
      operationId: 'getWrappedSecret',
      summary: 'Get the stored wrapped secret key',
      description: 'The wrapped secret key that this account uploaded. Only the account can unwrap it.',
    },
  ] as const;
  for (const { path, kind, ...documentation } of stored) {
    app.get(
      `/:service/:name/:version/${path}`,
      {
        schema: {
          ...documentation,
          tags: ['Using a model'],
          params: ModelParams,
          response: { 200: binary(`Container of kind \`${kind}\``), default: problem },
        },
      },
      async (request, reply) => {
        const { account } = principalOf(request);
        const current = await findCurrentProfile(services, account.id, request.params);
        const { blob } = await findKey(services, current.id, kind);
        return sendBlob(reply, blobs, blob);
      },
    );
  }
}
