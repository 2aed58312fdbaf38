/**
 * The container of everything binary that travels: an 80-byte header and a payload. See docs/wire-formats.md.
 *
 *   0  4  "VELM"            8 32  profile id (SHA-256; zeros for a plan)
 *   4  2  version, u16 LE  40  8  payload length, u64 LE
 *   6  2  kind, u16 LE     48 32  SHA-256 of the payload
 *
 * @module
 */

export const WIRE_HEADER_BYTES = 80;
export const WIRE_VERSION = 1;

const KINDS = [
  'secret',
  'public-key',
  'evaluation-key',
  'input',
  'result',
  'plan',
  'wrapped-secret',
  'io-encoder',
] as const;
export type WireKind = (typeof KINDS)[number];

export type WireErrorCode =
  | 'WIRE_TRUNCATED'
  | 'WIRE_MAGIC'
  | 'WIRE_VERSION'
  | 'WIRE_KIND'
  | 'WIRE_PROFILE'
  | 'WIRE_LENGTH'
  | 'WIRE_CHECKSUM'
  | 'WIRE_TOO_LARGE'
  | 'WIRE_CONTENT';

export class WireError extends Error {
  readonly code: WireErrorCode;
  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.name = 'WireError';
    this.code = code;
  }
}

export interface WireHeader {
  version: number;
  kind: WireKind;
  /** 64 hex digits. */
  profileId: string;
  payloadBytes: number;
  /** SHA-256 of the payload, 64 hex digits. */
  sha256: string;
}

const MAGIC = [0x56, 0x45, 0x4c, 0x4d];

const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

function fromHex(hex: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw new WireError('WIRE_PROFILE', `a profile id has 64 hex digits, got ${hex.length} characters`);
  return Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

export const NO_PROFILE = '0'.repeat(64);

/**
 * Reads the first 80 bytes.
 * @throws WireError WIRE_TRUNCATED, WIRE_MAGIC, WIRE_VERSION, WIRE_KIND, WIRE_LENGTH
 */
export function readWireHeader(head: Uint8Array): WireHeader {
  if (head.length < WIRE_HEADER_BYTES) {
    throw new WireError(
      'WIRE_TRUNCATED',
      `the file has ${head.length} bytes, fewer than the header's ${WIRE_HEADER_BYTES}`,
    );
  }
  if (MAGIC.some((byte, i) => head[i] !== byte))
    throw new WireError('WIRE_MAGIC', 'this is not a Velum file (it does not start with "VELM")');
  const view = new DataView(head.buffer, head.byteOffset, WIRE_HEADER_BYTES);
  const version = view.getUint16(4, true);
  if (version !== WIRE_VERSION) {
    throw new WireError(
      'WIRE_VERSION',
      `format version ${version} is not supported (this is version ${WIRE_VERSION}); update the older side`,
    );
  }
  const kind = KINDS[view.getUint16(6, true) - 1];
  if (!kind) throw new WireError('WIRE_KIND', `unknown kind ${view.getUint16(6, true)}`);
  const payloadBytes = view.getBigUint64(40, true);
  if (payloadBytes > BigInt(Number.MAX_SAFE_INTEGER))
    throw new WireError('WIRE_LENGTH', 'the stated length is absurd');
  return {
    version,
    kind,
    profileId: toHex(head.subarray(8, 40)),
    payloadBytes: Number(payloadBytes),
    sha256: toHex(head.subarray(48, 80)),
  };
}

async function digest(payload: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', payload as Uint8Array<ArrayBuffer>));
}

/** SHA-256 as hex. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(await digest(bytes));
}

/** Puts a payload into a container. */
export async function sealWire(kind: WireKind, profileId: string, payload: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(WIRE_HEADER_BYTES + payload.length);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, WIRE_VERSION, true);
  view.setUint16(6, KINDS.indexOf(kind) + 1, true);
  bytes.set(fromHex(profileId), 8);
  view.setBigUint64(40, BigInt(payload.length), true);
  bytes.set(await digest(payload), 48);
  bytes.set(payload, WIRE_HEADER_BYTES);
  return bytes;
}

/**
 * Checks a container and returns its payload (a view).
 * @throws WireError with the code of the first thing that is wrong
 */
export async function openWire(
  bytes: Uint8Array,
  expect: { kind: WireKind; profileId?: string; maxBytes?: number },
): Promise<Uint8Array> {
  const header = readWireHeader(bytes);
  if (header.kind !== expect.kind)
    throw new WireError('WIRE_KIND', `expected a file of kind ${expect.kind}, got ${header.kind}`);
  if (expect.profileId !== undefined && header.profileId !== expect.profileId) {
    throw new WireError(
      'WIRE_PROFILE',
      `made for profile ${header.profileId.slice(0, 12)}, but this is profile ${expect.profileId.slice(0, 12)}; make it anew for the current profile`,
    );
  }
  if (expect.maxBytes !== undefined && bytes.length > expect.maxBytes) {
    throw new WireError('WIRE_TOO_LARGE', `${bytes.length} bytes, more than the ${expect.maxBytes} allowed`);
  }
  const payload = bytes.subarray(WIRE_HEADER_BYTES);
  if (payload.length !== header.payloadBytes) {
    const code = payload.length < header.payloadBytes ? 'WIRE_TRUNCATED' : 'WIRE_LENGTH';
    throw new WireError(
      code,
      `the header states ${header.payloadBytes} bytes of payload, there are ${payload.length}`,
    );
  }
  if (toHex(await digest(payload)) !== header.sha256) {
    throw new WireError(
      'WIRE_CHECKSUM',
      'the checksum does not match: the file was damaged or changed on its way',
    );
  }
  return payload;
}
