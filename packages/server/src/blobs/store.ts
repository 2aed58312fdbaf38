/**
 * The blob store port: plans, keys, ciphertexts and results by key. A blob appears whole or not at all, and
 * never changes; who may read it is decided before a key gets here. The file system adapter is fs.ts; an
 * S3 adapter maps `put` to a multipart upload that is completed when the source ends and aborted when it
 * throws.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';

export type BlobArea = 'models' | 'plans' | 'keys' | 'inputs' | 'results';
export const BLOB_AREAS: readonly BlobArea[] = ['models', 'plans', 'keys', 'inputs', 'results'];

export interface BlobInfo {
  key: string;
  bytes: number;
}

export interface BlobListing extends BlobInfo {
  modifiedAt: number;
}

export interface BlobRead {
  bytes: number;
  /** Read it to the end or destroy it: it holds the blob open. */
  stream: Readable;
}

/** Plain data that tells a worker process how to open the same store. */
export interface BlobStoreDescriptor {
  kind: 'fs';
  root: string;
}

export interface BlobStore {
  readonly descriptor: BlobStoreDescriptor;
  /** Stores the whole source durably; when the source throws, nothing is kept and the error passes through. */
  put(key: string, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<BlobInfo>;
  /** Bytes [start, end) of the blob, the whole of it by default; throws BlobError BLOB_NOT_FOUND. */
  get(key: string, range?: { start: number; end: number }): Promise<BlobRead>;
  read(key: string): Promise<Uint8Array>;
  head(key: string): Promise<BlobInfo | undefined>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<BlobListing>;
  /** Throws when nothing can be written. */
  check(): Promise<void>;
}

export class BlobError extends Error {
  readonly code: 'BLOB_NOT_FOUND' | 'BLOB_KEY_INVALID';

  constructor(code: BlobError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BlobError';
    this.code = code;
  }
}

/** `area/xx/id`: the first two digits spread the blobs over 256 directories. */
export function blobKey(area: BlobArea, id: string = randomUUID()): string {
  return `${area}/${id.slice(0, 2)}/${id}`;
}
