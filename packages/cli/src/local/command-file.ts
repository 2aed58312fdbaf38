/**
 * The files of the five commands: a header of 32 bytes, then containers one after the other (docs/wire-formats.md,
 * "Command-line files").
 *
 *    0  4  "VELF"               8  16  key id: the first half of the SHA-256 of the public key's payload
 *    4  2  version, u16 LE     24   4  containers, u32 LE
 *    6  2  kind, u16 LE        28   4  0
 *
 * The key id tells the files of two keys apart that were made for the same parameters: evaluated together, they would
 * give noise and no error.
 * @module
 */
import { readWireHeader, WIRE_HEADER_BYTES, WireError, type WireKind } from '@velum/fhe';
import { CliError, EXIT } from '../errors.ts';

export const COMMAND_FILE_VERSION = 1;
const HEADER_BYTES = 32;
const MAGIC = new TextEncoder().encode('VELF');
const KEY_ID_BYTES = 16;
/** More containers than any command writes. */
const MAX_CONTAINERS = 1 << 16;

/** Containers that a file of each kind has; the last one of `input` and `result` repeats. */
const KINDS = [
  { kind: 'key', called: 'a secret key', holds: [['io-encoder'], ['secret', 'wrapped-secret']] },
  { kind: 'public-key', called: 'a public key (key.pub)', holds: [['public-key'], ['evaluation-key']] },
  { kind: 'input', called: 'an encrypted input', holds: [['input']] },
  { kind: 'result', called: 'an encrypted result', holds: [['result']] },
] as const satisfies { kind: string; called: string; holds: WireKind[][] }[];

export type CommandFileKind = (typeof KINDS)[number]['kind'];

export interface CommandFile {
  kind: CommandFileKind;
  /** 32 hex digits. */
  keyId: string;
  profileId: string;
  /** Wire containers, views of the file; their checksums are for whoever opens them. */
  containers: Uint8Array[];
}

/** Bytes of a file, in parts. @param containers of one profile */
export function sealCommandFile(kind: CommandFileKind, keyId: string, containers: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(containers.reduce((sum, part) => sum + part.length, HEADER_BYTES));
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(4, COMMAND_FILE_VERSION, true);
  view.setUint16(6, KINDS.findIndex((k) => k.kind === kind) + 1, true);
  for (let i = 0; i < KEY_ID_BYTES; i++) bytes[8 + i] = Number.parseInt(keyId.slice(2 * i, 2 * i + 2), 16);
  view.setUint32(24, containers.length, true);
  let at = HEADER_BYTES;
  for (const part of containers) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The key id that goes with a public key (wire kind `public-key`). */
export function keyIdOf(publicKey: Uint8Array): string {
  return readWireHeader(publicKey).sha256.slice(0, 2 * KEY_ID_BYTES);
}

/**
 * Takes a file apart.
 * @param hint what to do when it is another file
 * @throws CliError WRONG_FILE, FILE_VERSION, FILE_DAMAGED; WireError
 */
export function openCommandFile(
  path: string,
  bytes: Uint8Array,
  kind: CommandFileKind,
  hint: string,
): CommandFile {
  const wanted = KINDS.find((k) => k.kind === kind)!;
  if (!isCommandFile(bytes)) {
    const message = `${path} is ${describeContent(bytes)}, not ${wanted.called}`;
    throw new CliError('WRONG_FILE', message, EXIT.badInput, hint);
  }
  if (bytes.length < HEADER_BYTES) throw damaged(path, 'it ends within its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(4, true);
  if (version !== COMMAND_FILE_VERSION) {
    const message = `${path} is of format version ${version}, and this velum reads version ${COMMAND_FILE_VERSION}`;
    const next = version > COMMAND_FILE_VERSION ? 'Update velum.' : 'Make the file again with this velum.';
    throw new CliError('FILE_VERSION', message, EXIT.badInput, next);
  }
  const found = KINDS[view.getUint16(6, true) - 1];
  if (found === undefined) throw damaged(path, 'its kind is unknown');
  if (found !== wanted) {
    const message = `${path} is ${found.called}, not ${wanted.called}`;
    throw new CliError('WRONG_FILE', message, EXIT.badInput, hint);
  }
  const count = view.getUint32(24, true);
  const fixed = kind === 'key' || kind === 'public-key' ? wanted.holds.length : undefined;
  if (count < 1 || count > MAX_CONTAINERS || (fixed !== undefined && count !== fixed))
    throw damaged(path, `it states ${count} parts`);
  if (view.getUint32(28, true) !== 0) throw damaged(path, 'its header has bytes that must be zero');
  const { containers, profileId } = split(path, bytes, count, wanted.holds);
  const keyId = Buffer.from(bytes.subarray(8, 8 + KEY_ID_BYTES)).toString('hex');
  return { kind, keyId, profileId, containers };
}

const isCommandFile = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

function split(
  path: string,
  bytes: Uint8Array,
  count: number,
  holds: readonly (readonly WireKind[])[],
): { containers: Uint8Array[]; profileId: string } {
  const containers: Uint8Array[] = [];
  let profileId: string | undefined;
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const rest = bytes.subarray(at);
    if (rest.length < WIRE_HEADER_BYTES)
      throw new WireError(
        'WIRE_TRUNCATED',
        `${path} ends before its part ${i + 1} of ${count}; copy it again`,
      );
    const header = readWireHeader(rest);
    const allowed = holds[Math.min(i, holds.length - 1)];
    if (!allowed.includes(header.kind)) throw damaged(path, `its part ${i + 1} is of kind ${header.kind}`);
    profileId ??= header.profileId;
    if (header.profileId !== profileId) throw damaged(path, 'its parts are of different profiles');
    const length = WIRE_HEADER_BYTES + header.payloadBytes;
    if (length > rest.length) {
      const message = `${path} is cut off: its part ${i + 1} of ${count} has ${length} bytes, of which ${rest.length} are there; copy it again`;
      throw new WireError('WIRE_TRUNCATED', message);
    }
    containers.push(rest.subarray(0, length));
    at += length;
  }
  if (at !== bytes.length) throw damaged(path, `${bytes.length - at} bytes follow its end`);
  return { containers, profileId: profileId! };
}

function damaged(path: string, what: string): CliError {
  const hint = 'Copy or make the file again.';
  return new CliError('FILE_DAMAGED', `${path} is damaged: ${what}`, EXIT.badInput, hint);
}

const starts = (bytes: Uint8Array, ...magic: number[]): boolean =>
  magic.every((byte, i) => bytes[i] === byte);

/** What a file is, told from its first bytes, for messages about the wrong one. */
export function describeContent(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty';
  if (isCommandFile(bytes)) return commandFileCalled(bytes);
  if (starts(bytes, 0x56, 0x45, 0x4c, 0x4d)) return describeContainer(bytes);
  if (starts(bytes, 0x93, 0x4e, 0x55, 0x4d)) return 'an .npy array';
  if (starts(bytes, 0x50, 0x4b)) return 'a zip (or npz) archive';
  if (starts(bytes, 0x89, 0x48, 0x44, 0x46)) return 'an HDF5 file';
  if (/^\s*[{[]/.test(new TextDecoder('latin1').decode(bytes.subarray(0, 64)))) return 'a JSON file';
  return 'no file of velum';
}

function describeContainer(bytes: Uint8Array): string {
  try {
    const { kind } = readWireHeader(bytes);
    return kind === 'plan' ? 'a plan' : `a container of kind ${kind}, as the service has them`;
  } catch {
    return 'a damaged container of velum';
  }
}

function commandFileCalled(bytes: Uint8Array): string {
  const kind = bytes.length < 8 ? undefined : KINDS[(bytes[6] | (bytes[7] << 8)) - 1];
  return kind?.called ?? 'a damaged file of velum';
}
