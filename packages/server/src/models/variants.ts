/**
 * Plan variants: one compiled plan per model and profile options, made when first asked for and shared by
 * every user with the same options. A variant that nobody uses any more is deleted, so there are never more
 * than users plus one.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import { blobKey } from '../blobs/store.ts';
import { isUniqueViolation } from '../db/open.ts';
import type { VariantsTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import type { StoredFile, VariantOptions } from '../jobs/protocol.ts';
import type { Services } from '../services.ts';
import { removeBlobs } from './removal.ts';

export type Variant = Selectable<VariantsTable>;

/** Options key of the variant that deploy makes. */
export const DEFAULT_OPTIONS = '{}';

/**
 * The options of an add_profile body: text that is empty or JSON. HE4Cloud's bodies carry numbers as numbers
 * or strings; names that are not known are ignored, as it does. Throws ApiError PROFILE_OPTIONS_INVALID.
 */
export function parseVariantOptions(body: unknown, largestBatch: number): VariantOptions {
  const invalid = (detail: string) => new ApiError('PROFILE_OPTIONS_INVALID', detail);
  let value = body;
  if (value === undefined || value === null || value === '') return {};
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value) as unknown;
    } catch {
      throw invalid('the body is not JSON');
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('the body must be a JSON object');
  }
  const { batchSize, activation } = value as Record<string, unknown>;
  const options: VariantOptions = {};
  if (activation !== undefined) {
    if (activation !== 'client' && activation !== 'server') {
      throw invalid(`activation must be "client" or "server", got ${JSON.stringify(activation)}`);
    }
    options.activation = activation;
  }
  if (batchSize !== undefined) {
    const size = typeof batchSize === 'string' && /^\d{1,9}$/.test(batchSize) ? Number(batchSize) : batchSize;
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > largestBatch) {
      throw invalid(
        `batchSize must be an integer from 1 to ${largestBatch}, got ${JSON.stringify(batchSize)}`,
      );
    }
    options.batchSize = size;
  }
  return options;
}

const underway = new WeakMap<Services, Map<string, Promise<Variant>>>();

/** The variant for these options, compiled when it is not there; two who ask at once share one compilation. */
export async function ensureVariant(
  services: Services,
  model: { id: string; files: string },
  options: VariantOptions,
): Promise<Variant> {
  const key = JSON.stringify(options);
  const existing = await findVariant(services, model.id, key);
  if (existing) return existing;
  const flights = underway.get(services) ?? new Map<string, Promise<Variant>>();
  underway.set(services, flights);
  const flight = `${model.id} ${key}`;
  let making = flights.get(flight);
  if (!making) {
    making = makeVariant(services, model, options, key).finally(() => flights.delete(flight));
    flights.set(flight, making);
  }
  return making;
}

function findVariant({ db }: Services, modelId: string, options: string): Promise<Variant | undefined> {
  return db
    .selectFrom('variants')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('options', '=', options)
    .executeTakeFirst();
}

async function makeVariant(
  services: Services,
  model: { id: string; files: string },
  options: VariantOptions,
  key: string,
): Promise<Variant> {
  const { db, blobs, compiler } = services;
  const planBlob = blobKey('plans');
  try {
    const files = JSON.parse(model.files) as StoredFile[];
    const { profile, planBytes } = await compiler.compile({ kind: 'compile', files, options, planBlob });
    const row: Variant = {
      id: randomUUID(),
      model_id: model.id,
      options: key,
      profile_id: profile.id,
      profile: JSON.stringify(profile),
      plan_blob: planBlob,
      plan_bytes: planBytes,
      created_at: Date.now(),
    };
    await db.insertInto('variants').values(row).execute();
    return row;
  } catch (error) {
    await removeBlobs(blobs, [planBlob]);
    if (!isUniqueViolation(error)) throw error;
    // Another server was faster.
    const other = await findVariant(services, model.id, key);
    if (!other) throw error;
    return other;
  }
}

/** Deletes the model's variants that no user has as the current profile, except the default. */
export async function removeUnusedVariants(services: Services, modelId: string): Promise<void> {
  const { db, blobs, pool } = services;
  const unused = await db
    .deleteFrom('variants')
    .where('model_id', '=', modelId)
    .where('options', '!=', DEFAULT_OPTIONS)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('enrolments')
            .select('enrolments.id')
            .whereRef('enrolments.variant_id', '=', 'variants.id'),
        ),
      ),
    )
    .returning('plan_blob')
    .execute();
  pool.forget(
    await removeBlobs(
      blobs,
      unused.map((variant) => variant.plan_blob),
    ),
  );
}
