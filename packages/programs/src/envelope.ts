/**
 * The envelope of a program's inputs and results: it names the program and the output, so that files cannot be mixed up,
 * and carries the number of values and a tag by which the client knows its own files again.
 *
 *   0 4  "VELP"            8  4  values, u32 LE
 *   4 2  version, u16 LE  12 20  tag
 *   6 1  1 input 2 result 32  .  label: the program's name, for a result with "." and the output's key
 *   7 1  length of label      .  payload
 *
 * The tag is a nonce and a keyed function of it (ProgramKeys.tag): a server cannot link two inputs of one client by it.
 * @module
 */
import { ProgramError } from './errors.ts';

export const ENVELOPE_VERSION = 1;
export const TAG_BYTES = 20;
const LABEL_AT = 12 + TAG_BYTES;
const MAGIC = [0x56, 0x45, 0x4c, 0x50];

export interface Envelope {
  readonly direction: 'input' | 'result';
  readonly label: string;
  readonly values: number;
  readonly tag: Uint8Array;
  /** A view of the bytes that were opened. */
  readonly payload: Uint8Array;
}

/** Bytes that the envelope adds. */
export const envelopeBytes = (label: string): number => LABEL_AT + label.length;

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
  return bytes;
}

/**
 * Opens an input or a result of the program that is expected.
 * @throws ProgramError CIPHERTEXT_INVALID (no envelope, cut short, another version or direction), PROGRAM_MISMATCH
 */
export function openEnvelope(
  bytes: Uint8Array,
  direction: Envelope['direction'],
  label: string,
  argument: string,
): Envelope {
  const what = direction === 'input' ? 'an encrypted input' : 'a result';
  const invalid = (message: string): never => {
    throw new ProgramError('CIPHERTEXT_INVALID', message, argument);
  };
  if (!(bytes instanceof Uint8Array)) invalid(`expected the bytes of ${what}, got ${typeof bytes}`);
  if (MAGIC.some((byte, i) => i < bytes.length && bytes[i] !== byte))
    invalid(`this is not ${what} of a Velum program (no "VELP" at its start)`);
  if (bytes.length < LABEL_AT || bytes.length < LABEL_AT + bytes[7])
    invalid(`${bytes.length} bytes are too few for ${what}: the transfer was cut short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint16(4, true);
  if (version !== ENVELOPE_VERSION)
    invalid(`version ${version} of the format, this is version ${ENVELOPE_VERSION}: update the older side`);
  const found = String.fromCharCode(...bytes.subarray(LABEL_AT, LABEL_AT + bytes[7]));
  if (!/^[a-z_.]+$/.test(found)) invalid('the name of the program is not readable');
  const is = bytes[6] === 1 ? 'input' : bytes[6] === 2 ? 'result' : undefined;
  if (is !== direction) invalid(`expected ${what}, got ${is === undefined ? 'neither' : `the other: ${is}`}`);
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
