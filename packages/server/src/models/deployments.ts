/**
 * Models and their owners: look-up, deploy, undeploy.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import { blobKey } from '../blobs/store.ts';
import { isUniqueViolation } from '../db/open.ts';
import type { AccountsTable, ModelsTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import type { StoredFile } from '../jobs/protocol.ts';
import type { Services } from '../services.ts';
import { removeBlobs, stopJobs } from './removal.ts';
import { DEFAULT_OPTIONS, type Variant } from './variants.ts';

export type Model = Selectable<ModelsTable> & { service_id: string };

const modelQuery = ({ db }: Services) =>
  db
    .selectFrom('models')
    .innerJoin('accounts', 'accounts.id', 'models.owner_id')
    .selectAll('models')
    .select('accounts.service_id');

/** Throws ApiError MODEL_NOT_FOUND. */
export async function findModel(
  services: Services,
  serviceId: string,
  name: string,
  version: string,
): Promise<Model> {
  const model = await modelQuery(services)
    .where('accounts.service_id', '=', serviceId)
    .where('models.name', '=', name)
    .where('models.version', '=', version)
    .executeTakeFirst();
  return model ?? notFound(name, version);
}

/** One of the account's own models; throws ApiError MODEL_NOT_FOUND. */
export async function findOwnModel(
  services: Services,
  ownerId: string,
  name: string,
  version: string,
): Promise<Model> {
  const model = await modelQuery(services)
    .where('models.owner_id', '=', ownerId)
    .where('models.name', '=', name)
    .where('models.version', '=', version)
    .executeTakeFirst();
  return model ?? notFound(name, version);
}

export function listOwnModels(services: Services, ownerId: string): Promise<Model[]> {
  return modelQuery(services)
    .where('models.owner_id', '=', ownerId)
    .orderBy('models.created_at', 'desc')
    .execute();
}

function notFound(name: string, version: string): never {
  throw new ApiError('MODEL_NOT_FOUND', `there is no model ${name} ${version} at this address`);
}

/** Throws ApiError MODEL_EXISTS or QUOTA_EXCEEDED: before the files are read, and cheap. */
export async function checkDeployable(
  services: Services,
  owner: AccountsTable,
  name: string,
  version: string,
): Promise<void> {
  const models = await services.db
    .selectFrom('models')
    .select(['name', 'version'])
    .where('owner_id', '=', owner.id)
    .execute();
  if (models.some((model) => model.name === name && model.version === version)) throw exists(name, version);
  const limit = services.config.limits.deployedModels;
  if (models.length >= limit) {
    throw new ApiError('QUOTA_EXCEEDED', `${models.length} models are deployed`, {
      quota: 'deployedModels',
      limit,
    });
  }
}

function exists(name: string, version: string): ApiError {
  return new ApiError('MODEL_EXISTS', `model ${name} ${version} is deployed already`);
}

/** Compiles the stored files and makes the model; when that fails, the files are deleted again. */
export async function deploy(
  services: Services,
  owner: AccountsTable,
  name: string,
  version: string,
  files: StoredFile[],
): Promise<{ model: Model; variant: Variant }> {
  const { db, blobs, compiler } = services;
  const planBlob = blobKey('plans');
  try {
    const compiled = await compiler.compile({ kind: 'compile', files, options: {}, planBlob });
    const now = Date.now();
    const row = {
      id: randomUUID(),
      owner_id: owner.id,
      name,
      version,
      source: compiled.source,
      inputs: compiled.inputs,
      outputs: compiled.outputs,
      files: JSON.stringify(files),
      created_at: now,
    };
    const variant: Variant = {
      id: randomUUID(),
      model_id: row.id,
      options: DEFAULT_OPTIONS,
      profile_id: compiled.profile.id,
      profile: JSON.stringify(compiled.profile),
      plan_blob: planBlob,
      plan_bytes: compiled.planBytes,
      created_at: now,
    };
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('models').values(row).execute();
      await tx.insertInto('variants').values(variant).execute();
    });
    return { model: { ...row, service_id: owner.service_id }, variant };
  } catch (error) {
    await removeBlobs(blobs, [planBlob, ...files.map((file) => file.blob)]);
    throw isUniqueViolation(error) ? exists(name, version) : error;
  }
}

/** Removes the model with every user's keys, data, jobs and results. */
export async function undeploy(services: Services, model: Model): Promise<void> {
  const { db, blobs, pool } = services;
  const enrolments = await db
    .selectFrom('enrolments')
    .select('id')
    .where('model_id', '=', model.id)
    .execute();
  const ids = enrolments.map((enrolment) => enrolment.id);
  await stopJobs(services, ids);
  const doomed = await db.transaction().execute(async (tx) => {
    const variants = await tx
      .selectFrom('variants')
      .select('plan_blob')
      .where('model_id', '=', model.id)
      .execute();
    const objects = await tx
      .selectFrom('objects')
      .innerJoin('enrolments', 'enrolments.id', 'objects.enrolment_id')
      .select('objects.blob')
      .where('enrolments.model_id', '=', model.id)
      .execute();
    const jobs = await tx
      .selectFrom('jobs')
      .innerJoin('enrolments', 'enrolments.id', 'jobs.enrolment_id')
      .select(['jobs.result_blob', 'jobs.input_blob', 'jobs.public_blob', 'jobs.evaluation_blob'])
      .where('enrolments.model_id', '=', model.id)
      .execute();
    // The rest follows by cascade.
    await tx.deleteFrom('models').where('id', '=', model.id).execute();
    return [
      ...variants.map((variant) => variant.plan_blob),
      ...objects.map((object) => object.blob),
      ...jobs.flatMap((job) => [job.result_blob, job.input_blob, job.public_blob, job.evaluation_blob]),
      ...(JSON.parse(model.files) as StoredFile[]).map((file) => file.blob),
    ];
  });
  pool.forget(await removeBlobs(blobs, doomed));
}
