/**
 * Opens the blob store that a descriptor names; the server and its workers meet here.
 * @module
 */
import { FsBlobStore } from './fs.ts';
import type { BlobStore, BlobStoreDescriptor } from './store.ts';

export function openBlobStore(
  descriptor: BlobStoreDescriptor,
  options: { owner: boolean },
): Promise<BlobStore> {
  return FsBlobStore.open(descriptor.root, options);
}
