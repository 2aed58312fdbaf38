/**
 * The records of an Apple Health export, `export.xml` or the zip around it, read as a stream: such files reach several
 * gigabytes, and the memory here depends on one tag alone. The file may be anybody's, so entities are never expanded (an
 * unknown one is an error), and a tag, a text or a nesting without end is refused.
 * Format: the DTD at the head of every export (HealthData, Record with type, unit, value, startDate, endDate, sourceName).
 * @module
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { SaxesParser } from 'saxes';
import { CliError, EXIT } from '../errors.ts';
import { type ZipEntry, zipEntries, zipEntryContent } from './zip-entry.ts';

/** Characters between the ends of two tags. The DTD at the head is the longest stretch of a real export: 12 thousand. */
const LONGEST_STRETCH = 2 ** 20;
/** A real export nests six deep (workouts). */
const DEEPEST = 64;
const HINT =
  'Give the export.xml or export.zip that the Health app writes (profile picture, Export All Health Data).';

export type Attributes = Readonly<Record<string, string>>;

export interface ReadOptions {
  /** Bytes of the file read, of all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

type HealthFileKind = 'xml' | 'zip' | 'json' | 'text';

/**
 * Told from the first bytes; the name says nothing, but that what is no zip archive was meant to be one.
 * @throws CliError FILE_UNREADABLE, ZIP_INVALID
 */
export async function kindOfFile(path: string): Promise<HealthFileKind> {
  const head = Buffer.alloc(512);
  let read: number;
  try {
    const file = await open(path, 'r');
    try {
      read = (await file.read(head, 0, head.length, 0)).bytesRead;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new CliError(
      'FILE_UNREADABLE',
      `cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`,
      EXIT.badInput,
      'Check the path.',
    );
  }
  if (head.readUInt32LE(0) === 0x0403_4b50 || head.readUInt32LE(0) === 0x0605_4b50) return 'zip';
  const text = head
    .toString('utf8', 0, read)
    .replace(/^\ufeff/, '')
    .trimStart();
  if (text.startsWith('<')) return 'xml';
  // null is JSON as well: a program says best what it expects instead
  if (/^(?:[{[]|null\s*$)/.test(text)) return 'json';
  if (/\.zip$/i.test(path)) {
    const what = read === 0 ? 'it is empty' : 'it does not begin like one';
    throw new CliError('ZIP_INVALID', `${path} is no zip archive: ${what}`, EXIT.badInput, HINT);
  }
  return 'text';
}

/**
 * Calls `onRecord` with the attributes of every Record whose type is among `types`. Their strings may share memory with the
 * file: keep numbers, or copies.
 * @throws CliError XML_INVALID, HEALTH_NOT_APPLE, ZIP_INVALID; what onRecord throws
 */
export async function readAppleRecords(
  path: string,
  types: ReadonlySet<string>,
  onRecord: (attributes: Attributes, line: number) => void,
  options: ReadOptions = {},
): Promise<void> {
  const { pieces, name } = await openExport(path, options);
  const parser = new SaxesParser({ fragment: false });
  let seenTo = 0;
  let depth = 0;
  let root: string | undefined;
  parser.on('error', (error) => {
    throw invalid(name, error.message.replace(/^\d+:\d+: /, ''), parser.line);
  });
  parser.on('opentag', (tag) => {
    seenTo = parser.position;
    depth++;
    if (depth > DEEPEST) throw invalid(name, `tags are nested more than ${DEEPEST} deep`, parser.line);
    root ??= tag.name;
    if (root !== 'HealthData') {
      const message = `${name} is no Apple Health export: it is a <${root.slice(0, 40)}> document`;
      throw new CliError('HEALTH_NOT_APPLE', message, EXIT.badInput, HINT);
    }
    if (tag.name === 'Record' && types.has(tag.attributes['type'] as string))
      onRecord(tag.attributes as Attributes, parser.line);
  });
  parser.on('closetag', () => {
    seenTo = parser.position;
    depth--;
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const piece of pieces) {
    options.signal?.throwIfAborted();
    parser.write(decode(name, decoder, piece));
    if (parser.position - seenTo > LONGEST_STRETCH)
      throw invalid(name, `a tag or text is longer than ${LONGEST_STRETCH} characters`, parser.line);
  }
  parser.write(decode(name, decoder));
  parser.close();
}

function decode(name: string, decoder: TextDecoder, piece?: Uint8Array): string {
  try {
    return decoder.decode(piece, { stream: piece !== undefined });
  } catch {
    throw invalid(name, 'it is not UTF-8 text');
  }
}

async function openExport(
  path: string,
  { onProgress }: ReadOptions,
): Promise<{ name: string; pieces: AsyncIterable<Uint8Array> }> {
  if ((await kindOfFile(path)) !== 'zip') {
    const file = await open(path, 'r');
    const { size } = await file.stat();
    const stream = createReadStream(path, { fd: file, highWaterMark: 1 << 18 });
    stream.on('data', () => onProgress?.(stream.bytesRead, size));
    return { name: path, pieces: stream as AsyncIterable<Buffer> };
  }
  const entry = exportIn(path, await zipEntries(path));
  const pieces = zipEntryContent(path, entry, (done) => onProgress?.(done, entry.compressedBytes));
  return { name: `${path} (${entry.name})`, pieces };
}

/** Phones of every language name the file their own way; beside it lie the clinical document and folders of routes. */
function exportIn(path: string, entries: ZipEntry[]): ZipEntry {
  const documents = entries.filter(
    ({ name }) => /^([^/]+\/)?[^/]+\.xml$/i.test(name) && !/_cda\.xml$/i.test(name),
  );
  const found = documents.find(({ name }) => /(^|\/)export\.xml$/i.test(name)) ?? documents[0];
  if (found === undefined)
    throw new CliError('HEALTH_NOT_APPLE', `${path} holds no export.xml`, EXIT.badInput, HINT);
  return found;
}

function invalid(name: string, what: string, line?: number): CliError {
  const where = line === undefined ? '' : `, line ${line}`;
  return new CliError('XML_INVALID', `${name}${where}: ${what}`, EXIT.badInput, HINT);
}
