/**
 * One entry of a zip archive as a stream: the central directory at the end says where it lies, so that nothing else of an
 * archive of any size is read or held. Scanning from the front instead would have to guess where an entry of unknown length
 * ends, and compressed bytes look like a header now and then. Zip64 is read, encrypted archives are refused.
 * Format: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 - 4.3.16 and 4.5.3.
 * @module
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createInflateRaw } from 'node:zlib';
import { CliError, EXIT } from '../errors.ts';

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const LONGEST_COMMENT = 0xffff;
/** Some 500 000 entries; an Apple Health export has one for each workout. */
const MAX_DIRECTORY_BYTES = 2 ** 26;
const IN_ZIP64 = 0xffff_ffff;

export interface ZipEntry {
  name: string;
  compressedBytes: number;
  bytes: number;
  method: number;
  encrypted: boolean;
  /** Of its local header. */
  offset: number;
}

/** What the archive holds. @throws CliError ZIP_INVALID */
export async function zipEntries(path: string): Promise<ZipEntry[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { at, bytes, count } = await directoryOf(path, file, size);
    if (bytes > MAX_DIRECTORY_BYTES || at + bytes > size || at < 0)
      throw invalid(path, 'its directory does not lie within it');
    return parseDirectory(path, await readAt(path, file, at, bytes), count);
  } finally {
    await file.close();
  }
}

/** The content of an entry, piece by piece; `onBytes` hears of compressed bytes read. @throws CliError ZIP_INVALID */
export async function* zipEntryContent(
  path: string,
  entry: ZipEntry,
  onBytes: (done: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  if (entry.encrypted) throw invalid(path, `${entry.name} is encrypted`, 'Unpack it first.');
  if (entry.method !== 0 && entry.method !== 8)
    throw invalid(path, `${entry.name} is compressed by method ${entry.method}`, 'Unpack it first.');
  const start = await contentAt(path, entry);
  if (entry.compressedBytes === 0) return;
  const packed = createReadStream(path, {
    start,
    end: start + entry.compressedBytes - 1,
    highWaterMark: 1 << 18,
  });
  packed.on('data', () => onBytes(packed.bytesRead));
  // an error of the file must reach whoever reads the unpacked side
  const unpacked = entry.method === 0 ? packed : createInflateRaw({ chunkSize: 1 << 18 });
  if (unpacked !== packed) packed.on('error', (error) => unpacked.destroy(error)).pipe(unpacked as never);
  let seen = 0;
  try {
    for await (const piece of unpacked as AsyncIterable<Buffer>) {
      seen += piece.length;
      if (seen > entry.bytes) throw invalid(path, `${entry.name} is longer than it states`);
      yield piece;
    }
  } catch (error) {
    if (/^Z_|^ERR_/.test(String((error as { code?: unknown }).code)))
      throw invalid(path, `${entry.name} cannot be unpacked`);
    throw error;
  } finally {
    packed.destroy();
  }
  if (seen !== entry.bytes) throw invalid(path, `${entry.name} is shorter than it states`);
}

async function directoryOf(
  path: string,
  file: FileHandle,
  size: number,
): Promise<{ at: number; bytes: number; count: number }> {
  const from = Math.max(0, size - END_BYTES - LONGEST_COMMENT - LOCATOR_BYTES);
  const tail = await readAt(path, file, from, size - from);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== 0x0605_4b50) end--;
  if (end < 0) throw invalid(path, 'it has no directory at its end');
  const plain = {
    count: tail.readUInt16LE(end + 10),
    bytes: tail.readUInt32LE(end + 12),
    at: tail.readUInt32LE(end + 16),
  };
  const locator = end - LOCATOR_BYTES;
  if (locator < 0 || tail.readUInt32LE(locator) !== 0x0706_4b50) return plain;
  const record = await readAt(path, file, Number(tail.readBigUInt64LE(locator + 8)), 56);
  if (record.readUInt32LE(0) !== 0x0606_4b50) throw invalid(path, 'its directory is damaged');
  return {
    count: Number(record.readBigUInt64LE(32)),
    bytes: Number(record.readBigUInt64LE(40)),
    at: Number(record.readBigUInt64LE(48)),
  };
}

function parseDirectory(path: string, directory: Buffer, count: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x0201_4b50)
      throw invalid(path, 'its directory is damaged');
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const next = extraEnd + directory.readUInt16LE(at + 32);
    if (next > directory.length) throw invalid(path, 'its directory is damaged');
    const [bytes, compressedBytes, offset] = wide(directory.subarray(nameEnd, extraEnd), [
      directory.readUInt32LE(at + 24),
      directory.readUInt32LE(at + 20),
      directory.readUInt32LE(at + 42),
    ]);
    entries.push({
      name: directory.toString('utf8', at + 46, nameEnd),
      bytes,
      compressedBytes,
      offset,
      method: directory.readUInt16LE(at + 10),
      encrypted: (directory.readUInt16LE(at + 8) & 1) !== 0,
    });
    at = next;
  }
  return entries;
}

/** Lengths of which those that do not fit 32 bits stand in the zip64 extra field, in this order. */
function wide(extra: Buffer, lengths: number[]): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let from = at + 4;
    return lengths.map((length) => {
      if (length !== IN_ZIP64 || from + 8 > extra.length) return length;
      from += 8;
      return Number(extra.readBigUInt64LE(from - 8));
    });
  }
  return lengths;
}

/** Where the content begins: behind the local header, whose extra field differs from the directory's. */
async function contentAt(path: string, entry: ZipEntry): Promise<number> {
  const file = await open(path, 'r');
  try {
    const header = await readAt(path, file, entry.offset, 30);
    if (header.readUInt32LE(0) !== 0x0403_4b50)
      throw invalid(path, `${entry.name} is not where it should be`);
    return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await file.close();
  }
}

async function readAt(path: string, file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  if (!Number.isSafeInteger(at)) throw invalid(path, 'its directory is damaged');
  const { bytesRead } = await file.read(buffer, 0, bytes, at);
  if (bytesRead < bytes) throw invalid(path, 'it is cut off');
  return buffer;
}

function invalid(path: string, what: string, hint = 'Export or copy the archive again.'): CliError {
  return new CliError('ZIP_INVALID', `${path} cannot be read as a zip archive: ${what}`, EXIT.badInput, hint);
}
