/**
 * Server keys of programs: bound to an account, of limited life, and stored once however often they are uploaded.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import { blobKey } from '../blobs/store.ts';
import { isUniqueViolation } from '../db/open.ts';
import type { ProgramKeysTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import { ACTIVE } from '../jobs/rows.ts';
import { storedBytes } from '../models/uploads.ts';
import type { Services } from '../services.ts';
import { checkedServerKey, type ServerKeySummary } from './key-upload.ts';

export type ProgramKey = Selectable<ProgramKeysTable>;

const DAY = 86_400_000;

/** Streams a key into the store; throws ApiError and keeps nothing when it is none. The caller records it. */
export async function storeServerKey(
  services: Services,
  accountId: string,
  source: AsyncIterable<Uint8Array>,
): Promise<{ blob: string; summary: ServerKeySummary }> {
  const { blobs, config } = services;
  const { limits } = config;
  const stored = await storedBytes(services, accountId);
  if (stored >= limits.storedBytes) {
    throw new ApiError('QUOTA_EXCEEDED', `storedBytes: ${stored} of ${limits.storedBytes} used`, {
      quota: 'storedBytes',
      limit: limits.storedBytes,
    });
  }
  const blob = blobKey('keys');
  let summary: ServerKeySummary | undefined;
  await blobs.put(
    blob,
    checkedServerKey(source, limits.programKeyBytes, (s) => {
      summary = s;
    }),
  );
  return { blob, summary: summary as unknown as ServerKeySummary };
}

/** The key's row: a new one, or that of the same content with its life begun anew. */
export async function recordServerKey(
  services: Services,
  accountId: string,
  blob: string,
  summary: ServerKeySummary,
): Promise<ProgramKey> {
  const { db, blobs, config } = services;
  const { limits } = config;
  const now = Date.now();
  const again = () =>
    db
      .updateTable('program_keys')
      .set({ expires_at: now + limits.keyDays * DAY, last_used_at: now })
      .where('account_id', '=', accountId)
      .where('sha256', '=', summary.sha256)
      .returningAll()
      .executeTakeFirst();
  const known = await again();
  if (known) {
    await blobs.delete(blob);
    return known;
  }
  const { count } = await db
    .selectFrom('program_keys')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  if (Number(count) >= limits.programKeys) {
    throw new ApiError('QUOTA_EXCEEDED', `programKeys: ${count} of ${limits.programKeys} used`, {
      quota: 'programKeys',
      limit: limits.programKeys,
    });
  }
  try {
    return await db
      .insertInto('program_keys')
      .values({
        id: randomUUID(),
        account_id: accountId,
        key_id: summary.keyId,
        blob,
        bytes: summary.bytes,
        sha256: summary.sha256,
        created_at: now,
        last_used_at: now,
        expires_at: now + limits.keyDays * DAY,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  } catch (error) {
    // The same key was uploaded at the same time.
    const twin = isUniqueViolation(error) && (await again());
    if (!twin) throw error;
    await blobs.delete(blob);
    return twin;
  }
}

export function listServerKeys({ db }: Services, accountId: string): Promise<ProgramKey[]> {
  return db
    .selectFrom('program_keys')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('expires_at', '>', Date.now())
    .orderBy('created_at', 'desc')
    .execute();
}

export function serverKeyNotFound(uid: string): ApiError {
  return new ApiError(
    'SERVER_KEY_NOT_FOUND',
    `this account has no server key ${JSON.stringify(uid.slice(0, 40))}`,
  );
}

/** Deletes the key and stops the tasks that compute with it; gives their number. */
export async function deleteServerKey(services: Services, accountId: string, uid: string): Promise<number> {
  const { db, blobs, runner } = services;
  const key = await db
    .deleteFrom('program_keys')
    .where('id', '=', uid)
    .where('account_id', '=', accountId)
    .returning('blob')
    .executeTakeFirst();
  if (!key) throw serverKeyNotFound(uid);
  const tasks = await db
    .selectFrom('tasks')
    .select('id')
    .where('state', 'in', ACTIVE)
    .where('key_blob', '=', key.blob)
    .execute();
  let stopped = 0;
  for (const { id } of tasks) if (await runner.cancel('tasks', id)) stopped++;
  await blobs.delete(key.blob);
  runner.forget([key.blob]);
  return stopped;
}

/** Deletes keys whose life is over, except those that a task still computes with. */
export async function expireServerKeys({ db, blobs, runner }: Services, now: number): Promise<void> {
  const expired = await db
    .deleteFrom('program_keys')
    .where('expires_at', '<', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('tasks')
            .select('tasks.id')
            .whereRef('tasks.key_blob', '=', 'program_keys.blob')
            .where('tasks.state', 'in', ACTIVE),
        ),
      ),
    )
    .returning('blob')
    .execute();
  for (const { blob } of expired) await blobs.delete(blob);
  runner.forget(expired.map(({ blob }) => blob));
}
