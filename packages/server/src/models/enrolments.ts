/**
 * Users of a model: registration and the current profile.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { isForeignKeyViolation, isUniqueViolation } from '../db/open.ts';
import { ApiError } from '../errors.ts';
import type { VariantOptions } from '../jobs/protocol.ts';
import type { Services } from '../services.ts';
import { findModel, type Model } from './deployments.ts';
import { removeUserData } from './removal.ts';
import { ensureVariant, removeUnusedVariants, type Variant } from './variants.ts';

export interface Enrolment {
  id: string;
  accountId: string;
  model: Pick<Model, 'id' | 'name' | 'version' | 'owner_id' | 'service_id' | 'files'>;
  profileUuid: string | null;
  variantId: string | null;
}

export interface ModelPath {
  service: string;
  name: string;
  version: string;
}

/** The account's registration with the model; throws ApiError MODEL_NOT_FOUND or NOT_REGISTERED. */
export async function findEnrolment(
  services: Services,
  accountId: string,
  path: ModelPath,
): Promise<Enrolment> {
  const row = await services.db
    .selectFrom('enrolments')
    .innerJoin('models', 'models.id', 'enrolments.model_id')
    .innerJoin('accounts', 'accounts.id', 'models.owner_id')
    .select([
      'enrolments.id',
      'enrolments.profile_uuid',
      'enrolments.variant_id',
      'models.id as model_id',
      'models.name',
      'models.version',
      'models.owner_id',
      'models.files',
      'accounts.service_id',
    ])
    .where('accounts.service_id', '=', path.service)
    .where('models.name', '=', path.name)
    .where('models.version', '=', path.version)
    .where('enrolments.account_id', '=', accountId)
    .executeTakeFirst();
  if (!row) {
    await findModel(services, path.service, path.name, path.version);
    throw new ApiError('NOT_REGISTERED', `this account is not registered with ${path.name} ${path.version}`);
  }
  const { id, profile_uuid, variant_id, model_id, ...model } = row;
  return {
    id,
    accountId,
    model: { id: model_id, ...model },
    profileUuid: profile_uuid,
    variantId: variant_id,
  };
}

export interface CurrentProfile extends Enrolment {
  profileUuid: string;
  variant: Variant;
}

/** As findEnrolment, with the current profile; throws ApiError PROFILE_MISSING besides. */
export async function findCurrentProfile(
  services: Services,
  accountId: string,
  path: ModelPath,
): Promise<CurrentProfile> {
  const enrolment = await findEnrolment(services, accountId, path);
  const { profileUuid, variantId } = enrolment;
  const variant =
    variantId === null
      ? undefined
      : await services.db.selectFrom('variants').selectAll().where('id', '=', variantId).executeTakeFirst();
  if (profileUuid === null || !variant) {
    throw new ApiError('PROFILE_MISSING', `there is no profile for ${path.name} ${path.version}`);
  }
  return { ...enrolment, profileUuid, variant };
}

/** Registers the account; doing it again changes nothing. */
export async function register(services: Services, accountId: string, path: ModelPath): Promise<Model> {
  const { db, config } = services;
  const model = await findModel(services, path.service, path.name, path.version);
  const mine = await db
    .selectFrom('enrolments')
    .select('model_id')
    .where('account_id', '=', accountId)
    .execute();
  if (mine.some((enrolment) => enrolment.model_id === model.id)) return model;
  const limit = config.limits.activeModels;
  if (mine.length >= limit) {
    throw new ApiError('QUOTA_EXCEEDED', `the account is registered with ${mine.length} models`, {
      quota: 'activeModels',
      limit,
    });
  }
  try {
    await db
      .insertInto('enrolments')
      .values({
        id: randomUUID(),
        model_id: model.id,
        account_id: accountId,
        created_at: Date.now(),
        profile_uuid: null,
        variant_id: null,
        profile_at: null,
      })
      .execute();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
  }
  return model;
}

/** Makes a new current profile; keys, data and jobs of the old one are deleted. Returns its id. */
export async function addProfile(
  services: Services,
  accountId: string,
  path: ModelPath,
  options: VariantOptions,
): Promise<{ profileUuid: string; variant: Variant }> {
  const enrolment = await findEnrolment(services, accountId, path);
  let variant = await ensureVariant(services, enrolment.model, options);
  await removeUserData(services, enrolment.id);
  const profileUuid = randomUUID();
  for (let attempt = 1; ; attempt++) {
    try {
      await services.db
        .updateTable('enrolments')
        .set({ profile_uuid: profileUuid, variant_id: variant.id, profile_at: Date.now() })
        .where('id', '=', enrolment.id)
        .execute();
      break;
    } catch (error) {
      // Its last user may have left the variant meanwhile, and it was deleted: make it again.
      if (attempt === 3 || !isForeignKeyViolation(error)) throw error;
      variant = await ensureVariant(services, enrolment.model, options);
    }
  }
  await removeUnusedVariants(services, enrolment.model.id);
  return { profileUuid, variant };
}

/** Ends the registration and deletes everything the user has with the model. */
export async function unregister(services: Services, accountId: string, path: ModelPath): Promise<void> {
  const enrolment = await findEnrolment(services, accountId, path);
  await removeUserData(services, enrolment.id);
  await services.db.deleteFrom('enrolments').where('id', '=', enrolment.id).execute();
  await removeUnusedVariants(services, enrolment.model.id);
}
