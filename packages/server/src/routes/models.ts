/**
 * Rows 2 and 22: the owner's side. Deploy, undeploy, list, look up.
 * @module
 */
import { Type } from 'typebox';
import { principalOf } from '../accounts/authenticate.ts';
import { readDeployForm } from '../models/deploy-form.ts';
import {
  checkDeployable,
  deploy,
  findOwnModel,
  listOwnModels,
  type Model,
  undeploy,
} from '../models/deployments.ts';
import { checkName } from '../models/names.ts';
import { DEFAULT_OPTIONS } from '../models/variants.ts';
import { modelUrl, type Services } from '../services.ts';
import { type App, sendJson, sendText, unchecked, wantsJson } from './app-type.ts';
import { iso, json, OwnModelParams, ProfileSchema, problem, Time, text } from './schemas.ts';

const ModelSchema = Type.Object({
  name: Type.String(),
  version: Type.String(),
  model_url: Type.String({ description: 'The ML model base URL, to be given to users' }),
  source: Type.String({ description: 'The importer that recognised the files' }),
  inputs: Type.Integer(),
  outputs: Type.Integer(),
  profile_id: Type.String({ description: 'Profile of the default options' }),
  users: Type.Integer({ description: 'Registered accounts' }),
  created_at: Time,
});

const file = (description: string) => Type.Optional(Type.String({ format: 'binary', description }));

export function modelRoutes(app: App, services: Services): void {
  const { db, blobs, config } = services;

  async function describe(models: Model[]) {
    const ids = models.map((model) => model.id);
    if (ids.length === 0) return [];
    const users = await db
      .selectFrom('enrolments')
      .select((eb) => ['model_id', eb.fn.countAll<number>().as('count')])
      .where('model_id', 'in', ids)
      .groupBy('model_id')
      .execute();
    const variants = await db
      .selectFrom('variants')
      .select(['model_id', 'profile_id'])
      .where('model_id', 'in', ids)
      .where('options', '=', DEFAULT_OPTIONS)
      .execute();
    return models.map((model) => ({
      name: model.name,
      version: model.version,
      model_url: modelUrl(services, model.service_id, model.name, model.version),
      source: model.source,
      inputs: model.inputs,
      outputs: model.outputs,
      profile_id: variants.find((variant) => variant.model_id === model.id)?.profile_id ?? '',
      users: Number(users.find((row) => row.model_id === model.id)?.count ?? 0),
      created_at: iso(model.created_at),
    }));
  }

  app.post(
    '/:name/:version/deploy_model',
    {
      validatorCompiler: unchecked,
      schema: {
        operationId: 'deployModel',
        tags: ['Models'],
        summary: 'Deploy a model',
        description:
          'Imports and compiles the model and answers its base URL, `{API}/{service_id}/{name}/{version}/`, as text (as JSON with the profile when `Accept` asks for application/json). `Prefer: respond-async` is ignored, as in the original. The same name and version cannot be deployed twice.',
        params: OwnModelParams,
        consumes: ['multipart/form-data'],
        body: Type.Object({
          model_file_1: file(
            'The model: scikit-learn JSON, Keras JSON or HDF5, ONNX (with calibration data, a zip or npz, as another file)',
          ),
          model_file_2: file('Further file, for instance the weights'),
          model_file_3: file('Further file'),
          model_file: file('Older name of model_file_1'),
          model_json: file('Older name of model_file_1 (2022)'),
          model_type: file('Accepted and ignored (2022): the content says what it is'),
          model_requirements: file('HE4Cloud requirements, JSON'),
          model_hyperparams: file('HE4Cloud hyperparameters, JSON: featureRanges and others'),
          composite: Type.Optional(Type.String({ description: 'NONE' })),
        }),
        response: {
          200: {
            description: 'The model URL',
            content: {
              'text/plain': { schema: Type.String() },
              'application/json': {
                schema: Type.Object({ model_url: Type.String(), profile: ProfileSchema }),
              },
            },
          },
          default: problem,
        },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      const { name, version } = request.params as { name: string; version: string };
      checkName('model name', name);
      checkName('model version', version);
      await checkDeployable(services, account, name, version);
      const files = await readDeployForm(request, blobs, config.limits.modelBytes);
      const { model, variant } = await deploy(services, account, name, version, files);
      request.log.info({ source: model.source }, 'model deployed');
      const url = modelUrl(services, model.service_id, name, version);
      if (!wantsJson(request)) return sendText(reply, url);
      return sendJson(reply, { model_url: url, profile: JSON.parse(variant.profile) as unknown });
    },
  );

  app.delete(
    '/:name/:version/undeploy_model',
    {
      schema: {
        operationId: 'undeployModel',
        tags: ['Models'],
        summary: 'Undeploy a model',
        description: 'Deletes the model and everything its users stored for it; running jobs are stopped.',
        params: OwnModelParams,
        response: { 200: text('`Success`'), default: problem },
      },
    },
    async (request, reply) => {
      const { name, version } = request.params;
      const model = await findOwnModel(services, principalOf(request).account.id, name, version);
      await undeploy(services, model);
      return sendText(reply, 'Success');
    },
  );

  app.get(
    '/models',
    {
      schema: {
        operationId: 'listModels',
        tags: ['Models'],
        summary: 'List models',
        description: 'The models this account has deployed, and those of others it is registered with.',
        response: {
          200: json(
            'Models',
            Type.Object({
              models: Type.Array(ModelSchema),
              registered: Type.Array(
                Type.Object({
                  name: Type.String(),
                  version: Type.String(),
                  model_url: Type.String(),
                  registered_at: Time,
                }),
              ),
            }),
          ),
          default: problem,
        },
      },
    },
    async (request) => {
      const { id } = principalOf(request).account;
      const registered = await db
        .selectFrom('enrolments')
        .innerJoin('models', 'models.id', 'enrolments.model_id')
        .innerJoin('accounts', 'accounts.id', 'models.owner_id')
        .select(['models.name', 'models.version', 'accounts.service_id', 'enrolments.created_at'])
        .where('enrolments.account_id', '=', id)
        .orderBy('enrolments.created_at', 'desc')
        .execute();
      return {
        models: await describe(await listOwnModels(services, id)),
        registered: registered.map((row) => ({
          name: row.name,
          version: row.version,
          model_url: modelUrl(services, row.service_id, row.name, row.version),
          registered_at: iso(row.created_at),
        })),
      };
    },
  );

  app.get(
    '/models/:name/:version',
    {
      schema: {
        operationId: 'findModel',
        tags: ['Models'],
        summary: 'Look up a model',
        description: 'The base URL of an own model by its name and version.',
        params: OwnModelParams,
        response: { 200: json('The model', ModelSchema), default: problem },
      },
    },
    async (request) => {
      const { name, version } = request.params;
      const model = await findOwnModel(services, principalOf(request).account.id, name, version);
      return (await describe([model]))[0];
    },
  );
}
