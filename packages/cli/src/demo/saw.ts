/**
 * What the server saw: the containers it has on disk, by kind, with a glimpse of their bytes.
 * @module
 */
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readWireHeader, WIRE_HEADER_BYTES, type WireKind } from '@velum/fhe';

export interface Glimpse {
  kind: WireKind;
  bytes: number;
  /** Some bytes from its middle. */
  hex: string;
  /** Entropy of the payload in bits per byte: 8 is noise. */
  entropy: number;
}

const GLIMPSE_BYTES = 32;

/** One glimpse per kind of container found below `directory`, the largest of each; kinds as given, in order. */
export async function whatTheServerSaw(directory: string, kinds: WireKind[]): Promise<Glimpse[]> {
  const found = new Map<WireKind, Glimpse>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const glimpse = await glimpseOf(join(entry.parentPath, entry.name));
    if (glimpse === undefined) continue;
    if (glimpse.bytes > (found.get(glimpse.kind)?.bytes ?? 0)) found.set(glimpse.kind, glimpse);
  }
  return kinds.flatMap((kind) => found.get(kind) ?? []);
}

async function glimpseOf(path: string): Promise<Glimpse | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size < WIRE_HEADER_BYTES) return undefined;
    const head = new Uint8Array(WIRE_HEADER_BYTES);
    await file.read(head, 0, head.length, 0);
    let kind: WireKind;
    try {
      ({ kind } = readWireHeader(head));
    } catch {
      return undefined; // the database and other files that are no containers
    }
    const payload = new Uint8Array(size - WIRE_HEADER_BYTES);
    await file.read(payload, 0, payload.length, WIRE_HEADER_BYTES);
    return { kind, bytes: size, hex: middleOf(payload), entropy: entropyOf(payload) };
  } finally {
    await file.close();
  }
}

/** Some bytes from the middle, as hex: past the header of any container. */
export function middleOf(bytes: Uint8Array, count = GLIMPSE_BYTES): string {
  const middle = Math.floor(bytes.length / 2);
  return Buffer.from(bytes.subarray(middle, middle + count)).toString('hex');
}

export interface StoredArea {
  /** keys, inputs, results. */
  area: string;
  files: number;
  bytes: number;
}

/** The areas of the service's store that hold files. */
export async function whatTheServerStores(dataDir: string): Promise<StoredArea[]> {
  const blobs = join(dataDir, 'blobs');
  const areas: StoredArea[] = [];
  for (const area of (await readdir(blobs)).sort()) {
    const entries = await readdir(join(blobs, area), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(files.map(({ parentPath, name }) => sizeOf(join(parentPath, name))));
    const there = sizes.filter((size) => size !== undefined);
    const bytes = there.reduce((sum, size) => sum + size, 0);
    if (there.length > 0) areas.push({ area, files: there.length, bytes });
  }
  return areas;
}

/** Undefined when the service has just deleted it. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function entropyOf(bytes: Uint8Array): number {
  const counts = new Float64Array(256);
  for (const byte of bytes) counts[byte]++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / bytes.length) * Math.log2(count / bytes.length);
  return bits;
}
