/**
 * Deletes blobs that nothing needs any more: no stored object and no job that may still read them.
 * @module
 */
import type { Db } from '../db/open.ts';
import { ACTIVE } from '../jobs/rows.ts';
import type { BlobStore } from './store.ts';

export async function releaseBlobs(db: Db, blobs: BlobStore, keys: readonly string[]): Promise<string[]> {
  const released: string[] = [];
  for (const key of new Set(keys)) {
    const object = await db.selectFrom('objects').select('id').where('blob', '=', key).executeTakeFirst();
    if (object) continue;
    const job = await db
      .selectFrom('jobs')
      .select('id')
      .where('state', 'in', ACTIVE)
      .where((eb) =>
        eb.or([eb('input_blob', '=', key), eb('public_blob', '=', key), eb('evaluation_blob', '=', key)]),
      )
      .executeTakeFirst();
    if (job) continue;
    await blobs.delete(key);
    released.push(key);
  }
  return released;
}
