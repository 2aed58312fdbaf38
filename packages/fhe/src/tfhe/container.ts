/**
 * The container of TFHE keys and ciphertexts: a header of 40 bytes and a payload whose length follows from kind, parameter
 * set and count. See docs/wire-formats.md.
 *
 *    0 4  "VELT"            12  4  count: blocks of a list, 0 for keys
 *    4 2  version           16 16  key id
 *    6 2  kind              32  4  CRC-32 of the payload
 *    8 2  parameter set     36  4  CRC-32 of bytes 0 ... 35
 *   10 2  0
 *
 * @module
 */
import { crc32 } from './crc32.ts';
import { TfheError } from './errors.ts';
import { type InsecureOption, TFHE_SETS, type TfheParameters, tfheParameters } from './parameters.ts';

export const TFHE_HEADER_BYTES = 40;
export const TFHE_VERSION = 1;
export const KEY_ID_BYTES = 16;
/** Blocks in one list at most: 2^16, some 2^30 bytes when they are all expanded. */
export const MAX_BLOCKS = 2 ** 16;

const KINDS = ['secret', 'server-key', 'public-key', 'seeded', 'compact', 'result'] as const;
export type TfheKind = (typeof KINDS)[number];
export type TfheListKind = 'seeded' | 'compact' | 'result';

const SEED_BYTES = 32;
/** Bits of a polynomial's coefficient where it travels exactly. */
export const TORUS_BITS = 52;

export interface TfheHeader {
  readonly kind: TfheKind;
  readonly parameters: TfheParameters;
  /** Blocks of a list; 0 for keys. */
  readonly count: number;
  /** 32 hex digits that name the key pair. */
  readonly keyId: string;
  readonly payloadBytes: number;
  /** CRC-32 of the payload. */
  readonly payloadCrc: number;
}

/** N' of the compact public key's ring: the power of two that holds the big LWE's key. */
export const publicRing = ({ bigDimension }: TfheParameters): number =>
  2 ** Math.ceil(Math.log2(bigDimension));

/** Bytes of one block of a result: n + 1 coefficients modulo 2N, padded to whole bytes. */
export const resultRowBytes = ({ lweDimension, switchBits }: TfheParameters): number =>
  Math.ceil(((lweDimension + 1) * switchBits) / 8);

/** Bytes of the payload. */
export function payloadBytes(kind: TfheKind, parameters: TfheParameters, count: number): number {
  const { lweDimension, glweDimension, polynomialSize, bigDimension } = parameters;
  const ring = publicRing(parameters);
  switch (kind) {
    case 'secret':
      return SEED_BYTES;
    case 'server-key': {
      const rows = lweDimension * (glweDimension + 1) * parameters.pbsLevels;
      return SEED_BYTES + (rows * polynomialSize * TORUS_BITS) / 8 + 4 * bigDimension * parameters.ksLevels;
    }
    case 'public-key':
      return SEED_BYTES + (ring * TORUS_BITS) / 8;
    case 'seeded':
      return SEED_BYTES + 4 * count;
    case 'compact':
      return 4 * (Math.ceil(count / ring) * ring + count);
    case 'result':
      return count * resultRowBytes(parameters);
  }
}

const KIND_NAMES: Record<TfheKind, string> = {
  secret: 'a secret key',
  'server-key': 'a server key',
  'public-key': 'a public key',
  seeded: 'an encrypted list (secret key)',
  compact: 'an encrypted list (public key)',
  result: 'an encrypted result',
};

/** Allocates the container; the caller fills the payload and then calls `seal`. */
export function newContainer(
  kind: TfheKind,
  parameters: TfheParameters,
  keyId: string,
  count = 0,
): { bytes: Uint8Array; payload: Uint8Array } {
  const bytes = new Uint8Array(TFHE_HEADER_BYTES + payloadBytes(kind, parameters, count));
  const view = new DataView(bytes.buffer);
  bytes.set([0x56, 0x45, 0x4c, 0x54]);
  view.setUint16(4, TFHE_VERSION, true);
  view.setUint16(6, KINDS.indexOf(kind) + 1, true);
  view.setUint16(8, parameters.id, true);
  view.setUint32(12, count, true);
  for (let i = 0; i < KEY_ID_BYTES; i++) bytes[16 + i] = Number.parseInt(keyId.slice(2 * i, 2 * i + 2), 16);
  return { bytes, payload: bytes.subarray(TFHE_HEADER_BYTES) };
}

/** Writes the checksums. */
export function seal(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(32, crc32(bytes.subarray(TFHE_HEADER_BYTES)), true);
  view.setUint32(36, crc32(bytes.subarray(0, 36)), true);
  return bytes;
}

/**
 * Reads and checks the first 40 bytes.
 * @param options without `insecure`, a TINY parameter set is refused
 * @throws TfheError TRUNCATED, NOT_TFHE, VERSION_UNSUPPORTED, DAMAGED, WRONG_KIND, PARAMETERS_INVALID,
 *   PARAMETERS_INSECURE, HEADER_INVALID
 */
export function readHeader(bytes: Uint8Array, options: InsecureOption = {}): TfheHeader {
  if (!(bytes instanceof Uint8Array)) {
    throw new TfheError('NOT_TFHE', `expected the bytes of a file, not ${typeof bytes}`, 'bytes');
  }
  if ([0x56, 0x45, 0x4c, 0x54].some((byte, i) => i < bytes.length && bytes[i] !== byte)) {
    throw new TfheError(
      'NOT_TFHE',
      'this is no TFHE key or ciphertext of Velum (no "VELT" at its start)',
      'bytes',
    );
  }
  if (bytes.length < TFHE_HEADER_BYTES) {
    throw new TfheError(
      'TRUNCATED',
      `${bytes.length} bytes, fewer than the header's ${TFHE_HEADER_BYTES}: the transfer was cut short`,
      'bytes',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, TFHE_HEADER_BYTES);
  const version = view.getUint16(4, true);
  if (version !== TFHE_VERSION) {
    throw new TfheError(
      'VERSION_UNSUPPORTED',
      `format version ${version}, but this is version ${TFHE_VERSION}: update the older side`,
      'bytes',
    );
  }
  if (crc32(bytes.subarray(0, 36)) !== view.getUint32(36, true)) {
    throw new TfheError('DAMAGED', "the header's checksum does not match: send the file again", 'bytes');
  }
  const kind = KINDS[view.getUint16(6, true) - 1];
  if (kind === undefined)
    throw new TfheError('WRONG_KIND', `unknown kind ${view.getUint16(6, true)}`, 'bytes');
  const id = view.getUint16(8, true);
  const literal = TFHE_SETS.find((set) => set.id === id);
  if (literal === undefined) {
    throw new TfheError('PARAMETERS_INVALID', `unknown parameter set ${id}: update this side`, 'bytes');
  }
  const parameters = tfheParameters(literal, options);
  const count = view.getUint32(12, true);
  const list = kind === 'seeded' || kind === 'compact' || kind === 'result';
  if (view.getUint16(10, true) !== 0 || (list ? count < 1 || count > MAX_BLOCKS : count !== 0)) {
    throw new TfheError(
      'HEADER_INVALID',
      list
        ? `${KIND_NAMES[kind]} has 1 to ${MAX_BLOCKS} blocks, not ${count}`
        : `the header of ${KIND_NAMES[kind]} is damaged: it speaks of ${count} blocks, which only ciphertexts have`,
      'bytes',
    );
  }
  const payloadCrc = view.getUint32(32, true);
  let keyId = '';
  for (let i = 0; i < KEY_ID_BYTES; i++) keyId += bytes[16 + i].toString(16).padStart(2, '0');
  return { kind, parameters, count, keyId, payloadBytes: payloadBytes(kind, parameters, count), payloadCrc };
}

/**
 * Checks a whole container of one of `kinds`.
 * @returns its header and its payload (a view)
 * @throws TfheError those of {@link readHeader}, WRONG_KIND, TRUNCATED, TRAILING_BYTES, DAMAGED
 */
export function openContainer(
  bytes: Uint8Array,
  kinds: readonly TfheKind[],
  options: InsecureOption = {},
): TfheHeader & { payload: Uint8Array } {
  const header = readHeader(bytes, options);
  if (!kinds.includes(header.kind)) {
    throw new TfheError(
      'WRONG_KIND',
      `this is ${KIND_NAMES[header.kind]}, expected ${kinds.map((kind) => KIND_NAMES[kind]).join(' or ')}`,
      'bytes',
    );
  }
  return { ...header, payload: checkPayload(bytes, header) };
}

/** Checks length and checksum. @returns the payload (a view) */
function checkPayload(bytes: Uint8Array, header: TfheHeader): Uint8Array {
  checkLength(bytes, header);
  const payload = bytes.subarray(TFHE_HEADER_BYTES);
  if (crc32(payload) !== header.payloadCrc) {
    throw new TfheError('DAMAGED', 'the checksum does not match: send the file again', 'bytes');
  }
  return payload;
}

function checkLength(bytes: Uint8Array, { kind, payloadBytes }: TfheHeader): void {
  const expected = TFHE_HEADER_BYTES + payloadBytes;
  if (bytes.length !== expected) {
    const short = bytes.length < expected;
    throw new TfheError(
      short ? 'TRUNCATED' : 'TRAILING_BYTES',
      `${bytes.length} bytes, but ${KIND_NAMES[kind]} like this has ${expected}: ${short ? 'the transfer was cut short' : 'something was appended'}`,
      'bytes',
    );
  }
}

/** What anyone can see of an encrypted list. */
export interface EncryptedListInfo {
  readonly kind: TfheListKind;
  /** Names the key pair that it belongs to. */
  readonly keyId: string;
  readonly parameters: TfheParameters;
  /** Blocks. */
  readonly count: number;
}

/**
 * Checks a whole encrypted list, so that damage is found before anyone waits for a computation on it.
 * @throws TfheError those of {@link openContainer} except PARAMETERS_INSECURE
 */
export function encryptedListInfo(bytes: Uint8Array): EncryptedListInfo {
  const header = readHeader(bytes, { insecure: true });
  const { kind, keyId, parameters, count } = header;
  if (kind !== 'seeded' && kind !== 'compact' && kind !== 'result') {
    throw new TfheError('WRONG_KIND', `this is ${KIND_NAMES[kind]}, expected an encrypted list`, 'bytes');
  }
  checkPayload(bytes, header);
  return { kind, keyId, parameters, count };
}
