/**
 * What users upload for their current profile: links, and the objects that completed uploads become.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { type Profile, wireSizes } from '@velum/runtime';
import type { Selectable } from 'kysely';
import type { UploadSummary } from '../blobs/checked-upload.ts';
import { signLink, UPLOAD_CONTENT_TYPE } from '../blobs/links.ts';
import { releaseBlobs } from '../blobs/release.ts';
import type { BlobArea } from '../blobs/store.ts';
import type { ObjectKind, UploadsTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import type { Services } from '../services.ts';
import { apiUrl } from '../services.ts';
import type { CurrentProfile } from './enrolments.ts';

export type Upload = Selectable<UploadsTable>;

interface SizeBound {
  max: number;
  exact: number | null;
}

function sizeBound(profile: Profile, kind: ObjectKind): SizeBound {
  const sizes = wireSizes(profile);
  switch (kind) {
    case 'public-key':
      return { max: sizes.publicKey, exact: sizes.publicKey };
    case 'evaluation-key':
      return { max: sizes.evaluationKey, exact: sizes.evaluationKey };
    case 'wrapped-secret':
      return { max: sizes.wrappedSecretMax, exact: null };
    case 'input':
      return { max: sizes.maxInput, exact: null };
  }
}

/** A presigned PUT link for one object of the current profile; throws ApiError QUOTA_EXCEEDED. */
export async function createUploadLink(
  services: Services,
  current: CurrentProfile,
  kind: ObjectKind,
  name = '',
): Promise<string> {
  const { db, config, secret } = services;
  const profile = JSON.parse(current.variant.profile) as Profile;
  const { max, exact } = sizeBound(profile, kind);
  await checkQuota(services, current, profile, kind, max);
  const expires = Math.floor(Date.now() / 1000) + config.uploadLinkSeconds;
  const upload: Upload = {
    id: randomUUID(),
    enrolment_id: current.id,
    account_id: current.accountId,
    profile_uuid: current.profileUuid,
    kind,
    name,
    profile_id: profile.id,
    max_bytes: max,
    exact_bytes: exact,
    expires_at: expires * 1000,
    state: 'open',
  };
  await db.insertInto('uploads').values(upload).execute();
  const terms = { id: upload.id, expires, contentType: UPLOAD_CONTENT_TYPE, maxBytes: max };
  return apiUrl(services) + signLink(secret, terms);
}

async function checkQuota(
  services: Services,
  current: CurrentProfile,
  profile: Profile,
  kind: ObjectKind,
  bytes: number,
): Promise<void> {
  const { limits } = services.config;
  const refuse = (quota: string, limit: number, wanted: number) => {
    throw new ApiError('QUOTA_EXCEEDED', `${quota}: ${wanted} bytes are more than ${limit}`, {
      quota,
      limit,
    });
  };
  if (bytes > limits.uploadBytes) refuse('uploadBytes', limits.uploadBytes, bytes);
  if (kind === 'evaluation-key' || kind === 'public-key') {
    const sizes = wireSizes(profile);
    const keys = sizes.publicKey + sizes.evaluationKey;
    if (keys > limits.keyBytes) refuse('keyBytes', limits.keyBytes, keys);
  }
  const stored = await storedBytes(services, current.accountId);
  if (stored + bytes > limits.storedBytes) refuse('storedBytes', limits.storedBytes, stored + bytes);
}

/** Keys and data of models, and server keys of programs. */
export async function storedBytes({ db }: Services, accountId: string): Promise<number> {
  let sum = 0;
  for (const table of ['objects', 'program_keys'] as const) {
    const { total } = await db
      .selectFrom(table)
      .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('bytes'), eb.lit(0)).as('total'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    sum += Number(total);
  }
  return sum;
}

/** Marks the link as being used; throws ApiError LINK_USED, LINK_BUSY or LINK_INVALID. */
export async function claimUpload({ db }: Services, id: string): Promise<Upload> {
  const claimed = await db
    .updateTable('uploads')
    .set({ state: 'busy' })
    .where('id', '=', id)
    .where('state', '=', 'open')
    .returningAll()
    .executeTakeFirst();
  if (claimed) return claimed;
  const row = await db.selectFrom('uploads').select('state').where('id', '=', id).executeTakeFirst();
  if (row?.state === 'done') throw new ApiError('LINK_USED', 'an upload through this link was completed');
  if (row?.state === 'busy') throw new ApiError('LINK_BUSY', 'an upload through this link is in progress');
  throw replaced();
}

function replaced(): ApiError {
  return new ApiError(
    'LINK_INVALID',
    'the profile the link was made for was replaced, or the user unregistered',
  );
}

/** The attempt failed: the link may be used again while it lives. */
export async function reopenUpload({ db }: Services, upload: Upload): Promise<void> {
  await db
    .updateTable('uploads')
    .set({ state: 'open' })
    .where('id', '=', upload.id)
    .where('state', '=', 'busy')
    .execute();
}

export const areaOf = (kind: ObjectKind): BlobArea => (kind === 'input' ? 'inputs' : 'keys');

/** The blob is stored: link and object change in one transaction, then the object it replaces goes. */
export async function completeUpload(
  services: Services,
  upload: Upload,
  blob: string,
  summary: UploadSummary,
): Promise<void> {
  const { db, blobs, runner, config } = services;
  const now = Date.now();
  const old = await db.transaction().execute(async (tx) => {
    const { numUpdatedRows } = await tx
      .updateTable('uploads')
      .set({ state: 'done' })
      .where('id', '=', upload.id)
      .where('state', '=', 'busy')
      .executeTakeFirst();
    const enrolment = await tx
      .selectFrom('enrolments')
      .select('id')
      .where('id', '=', upload.enrolment_id)
      .where('profile_uuid', '=', upload.profile_uuid)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n || !enrolment) throw replaced();
    const before = await tx
      .deleteFrom('objects')
      .where('enrolment_id', '=', upload.enrolment_id)
      .where('kind', '=', upload.kind)
      .where('name', '=', upload.name)
      .returning('blob')
      .executeTakeFirst();
    await tx
      .insertInto('objects')
      .values({
        id: randomUUID(),
        enrolment_id: upload.enrolment_id,
        account_id: upload.account_id,
        kind: upload.kind,
        name: upload.name,
        blob,
        bytes: summary.bytes,
        sha256: summary.sha256,
        created_at: now,
        expires_at: upload.kind === 'input' ? now + config.limits.retentionDays * 86_400_000 : null,
      })
      .execute();
    return before;
  });
  if (!old) return;
  // The upload stands whatever becomes of the old blob; the sweep at the next start would find it.
  await releaseBlobs(db, blobs, [old.blob]).then(
    (released) => runner.forget(released),
    () => {},
  );
}

/** Has a worker load the keys when both are there, so that the first prediction need not wait for it. */
export async function prefetchKeys({ db, pool }: Services, enrolmentId: string): Promise<void> {
  const rows = await db
    .selectFrom('objects')
    .innerJoin('enrolments', 'enrolments.id', 'objects.enrolment_id')
    .innerJoin('variants', 'variants.id', 'enrolments.variant_id')
    .select(['objects.kind', 'objects.blob', 'variants.plan_blob', 'variants.profile_id'])
    .where('objects.enrolment_id', '=', enrolmentId)
    .where('objects.kind', 'in', ['public-key', 'evaluation-key'])
    .execute();
  const publicKey = rows.find((row) => row.kind === 'public-key');
  const evaluationKey = rows.find((row) => row.kind === 'evaluation-key');
  if (!publicKey || !evaluationKey) return;
  pool.prefetch({
    kind: 'prefetch',
    planBlob: publicKey.plan_blob,
    publicBlob: publicKey.blob,
    evaluationBlob: evaluationKey.blob,
    profileId: publicKey.profile_id,
  });
}

/** Throws ApiError KEY_NOT_FOUND. */
export async function findKey(
  { db }: Services,
  enrolmentId: string,
  kind: 'public-key' | 'wrapped-secret',
): Promise<{ blob: string; sha256: string }> {
  const row = await db
    .selectFrom('objects')
    .select(['blob', 'sha256'])
    .where('enrolment_id', '=', enrolmentId)
    .where('kind', '=', kind)
    .where('name', '=', '')
    .executeTakeFirst();
  if (!row) throw new ApiError('KEY_NOT_FOUND', `no ${kind} is stored for the current profile`);
  return row;
}
