/**
 * Blobs as files. A blob is written to `tmp/`, synced, renamed to its place, and the directory synced:
 * after a crash it is there whole or not at all.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import {
  BLOB_AREAS,
  BlobError,
  type BlobInfo,
  type BlobListing,
  type BlobRead,
  type BlobStore,
  type BlobStoreDescriptor,
} from './store.ts';

const KEY = new RegExp(`^(${BLOB_AREAS.join('|')})/[0-9a-z]{2}/[0-9a-z-]{1,80}$`);
const READ_CHUNK = 256 * 1024;
const LEFT_MILLISECONDS = 86_400_000;

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException)?.code === 'ENOENT';

export class FsBlobStore implements BlobStore {
  readonly descriptor: BlobStoreDescriptor;
  readonly #root: string;
  readonly #tmp: string;

  private constructor(root: string) {
    this.#root = root;
    this.#tmp = join(root, 'tmp');
    this.descriptor = { kind: 'fs', root };
  }

  /**
   * `owner` true: this process owns the directory and clears what earlier ones left half-written; `shared` true:
   * other processes write there meanwhile, so only what has been left for a day.
   */
  static async open(root: string, options: { owner: boolean; shared?: boolean }): Promise<FsBlobStore> {
    const store = new FsBlobStore(root);
    await mkdir(root, { recursive: true, mode: 0o700 });
    if (options.owner) await store.#clear(options.shared ? Date.now() - LEFT_MILLISECONDS : Infinity);
    await mkdir(store.#tmp, { recursive: true, mode: 0o700 });
    return store;
  }

  async #clear(before: number): Promise<void> {
    for (const name of await names(this.#tmp)) {
      const path = join(this.#tmp, name);
      const info = await stat(path).catch(() => undefined);
      if (info && info.mtimeMs < before) await rm(path, { recursive: true, force: true });
    }
  }

  async put(key: string, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<BlobInfo> {
    const path = this.#path(key);
    const temporary = join(this.#tmp, randomUUID());
    const file = await open(temporary, 'wx', 0o600);
    let bytes = 0;
    try {
      for await (const chunk of source) {
        await writeAll(file, chunk);
        bytes += chunk.byteLength;
      }
      await file.sync();
      await file.close();
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await file.close().catch(() => {});
      await unlink(temporary).catch(() => {});
      throw error;
    }
    return { key, bytes };
  }

  async get(key: string, range?: { start: number; end: number }): Promise<BlobRead> {
    const file = await open(this.#path(key), 'r').catch((error: unknown) => {
      throw isMissing(error) ? new BlobError('BLOB_NOT_FOUND', `there is no blob ${key}`) : error;
    });
    try {
      const { size } = await file.stat();
      const start = Math.min(range?.start ?? 0, size);
      const end = Math.max(start, Math.min(range?.end ?? size, size));
      if (start === end) {
        await file.close();
        return { bytes: 0, stream: Readable.from([]) };
      }
      // The stream owns the open file from here: a blob deleted meanwhile is still read to its end.
      const stream = file.createReadStream({ start, end: end - 1, highWaterMark: READ_CHUNK });
      return { bytes: end - start, stream };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(key: string): Promise<Uint8Array> {
    const buffer = await readFile(this.#path(key)).catch((error: unknown) => {
      throw isMissing(error) ? new BlobError('BLOB_NOT_FOUND', `there is no blob ${key}`) : error;
    });
    // A plain array: Buffer changes the meaning of slice(), which parsers rely on to copy.
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    try {
      return { key, bytes: (await stat(this.#path(key))).size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async *list(prefix: string): AsyncIterable<BlobListing> {
    for (const area of BLOB_AREAS) {
      for (const shard of await names(join(this.#root, area))) {
        const shardKey = `${area}/${shard}/`;
        if (!shardKey.startsWith(prefix) && !prefix.startsWith(shardKey)) continue;
        for (const name of await names(join(this.#root, area, shard))) {
          const key = shardKey + name;
          if (!key.startsWith(prefix)) continue;
          const info = await stat(join(this.#root, key)).catch(() => undefined);
          if (info?.isFile()) yield { key, bytes: info.size, modifiedAt: info.mtimeMs };
        }
      }
    }
  }

  async check(): Promise<void> {
    const probe = join(this.#tmp, `probe-${randomUUID()}`);
    try {
      const file = await open(probe, 'wx', 0o600);
      try {
        await writeAll(file, new Uint8Array(4096));
      } finally {
        await file.close();
      }
    } finally {
      await rm(probe, { force: true });
    }
  }

  #path(key: string): string {
    if (!KEY.test(key)) throw new BlobError('BLOB_KEY_INVALID', `not a blob key: ${JSON.stringify(key)}`);
    return join(this.#root, key);
  }
}

type File = Awaited<ReturnType<typeof open>>;

async function writeAll(file: File, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < chunk.byteLength) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.byteLength - offset);
    offset += bytesWritten;
  }
}

async function names(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
