/**
 * The envelope of a program's inputs and results: it names the program and the output, so that files cannot be mixed up,
 * and carries the number of values and a tag by which the client knows its own files again.
 *
 *   0 4  "VELP"            8  4  values, u32 LE
 *   4 2  version, u16 LE  12 20  tag
 *   6 1  1 input 2 result 32  .  label: the program's name, for a result with "." and the output's key
 *   7 1  length of label      4  CRC-32 of all bytes before and after it, u32 LE
 *                             .  payload
 *
 * The tag is a nonce and a keyed function of it (ProgramKeys.tag): a server cannot link two inputs of one client by it.
 * The checksum finds damage before a server computes on it for minutes; it is no defence against forgery.
 * @module
 */
import { crc32 } from '@velum/fhe';
import { ProgramError } from './errors.ts';

export const ENVELOPE_VERSION = 2;
export const TAG_BYTES = 20;
const LABEL_AT = 12 + TAG_BYTES;
const CRC_BYTES = 4;
const MAGIC = [0x56, 0x45, 0x4c, 0x50];

export interface Envelope {
  readonly direction: 'input' | 'result';
  readonly label: string;
  readonly values: number;
  readonly tag: Uint8Array;
  /** A view of the bytes that were opened. */
  readonly payload: Uint8Array;
}

const WHAT = { input: 'an encrypted input', result: 'a result' } as const;

/** Bytes that the envelope adds. */
export const envelopeBytes = (label: string): number => LABEL_AT + label.length + CRC_BYTES;

const checksum = (bytes: Uint8Array, at: number): number =>
  crc32(bytes.subarray(at + CRC_BYTES), crc32(bytes.subarray(0, at)));

export function sealEnvelope({ direction, label, values, tag, payload }: Envelope): Uint8Array {
  const bytes = new Uint8Array(envelopeBytes(label) + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(4, ENVELOPE_VERSION, true);
  bytes[6] = direction === 'input' ? 1 : 2;
  bytes[7] = label.length;
  view.setUint32(8, values, true);
  bytes.set(tag, 12);
  for (let i = 0; i < label.length; i++) bytes[LABEL_AT + i] = label.charCodeAt(i);
  bytes.set(payload, envelopeBytes(label));
  const crcAt = LABEL_AT + label.length;
  view.setUint32(crcAt, checksum(bytes, crcAt), true);
  return bytes;
}

/**
 * Opens an input or a result of the program that is expected.
 * @throws ProgramError CIPHERTEXT_INVALID for an input and RESULT_INVALID for a result (no envelope, another version,
 *   damaged, cut short, another direction); PROGRAM_MISMATCH
 */
export function openEnvelope(
  bytes: Uint8Array,
  direction: Envelope['direction'],
  label: string,
  argument: string,
): Envelope {
  const what = WHAT[direction];
  const code = direction === 'input' ? 'CIPHERTEXT_INVALID' : 'RESULT_INVALID';
  const invalid = (message: string): never => {
    throw new ProgramError(code, message, argument);
  };
  if (!(bytes instanceof Uint8Array)) invalid(`expected the bytes of ${what}, got ${typeof bytes}`);
  if (MAGIC.some((byte, i) => i < bytes.length && bytes[i] !== byte))
    invalid(`this is not ${what} of a Velum program (no "VELP" at its start)`);
  if (bytes.length < LABEL_AT || bytes.length < LABEL_AT + bytes[7] + CRC_BYTES)
    invalid(`${bytes.length} bytes are too few for ${what}: the transfer was cut short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint16(4, true);
  if (version !== ENVELOPE_VERSION)
    invalid(`version ${version} of the format, this is version ${ENVELOPE_VERSION}: update the older side`);
  const crcAt = LABEL_AT + bytes[7];
  if (checksum(bytes, crcAt) !== view.getUint32(crcAt, true))
    invalid(
      `${what} of ${bytes.length} bytes is damaged or cut short (its checksum does not match): send it again`,
    );
  const found = String.fromCharCode(...bytes.subarray(LABEL_AT, crcAt));
  if (!/^[a-z_.]+$/.test(found)) invalid('the name of the program is not readable');
  const is = bytes[6] === 1 ? 'input' : bytes[6] === 2 ? 'result' : undefined;
  if (is === undefined) invalid(`expected ${what}, got a file of the unknown kind ${bytes[6]}`);
  else if (is !== direction) invalid(`expected ${what}, got ${WHAT[is]}`);
  if (found !== label)
    throw new ProgramError('PROGRAM_MISMATCH', `this is ${what} of ${found}, not of ${label}`, argument);
  return {
    direction,
    label,
    values: view.getUint32(8, true),
    tag: bytes.subarray(12, LABEL_AT),
    payload: bytes.subarray(envelopeBytes(label)),
  };
}
