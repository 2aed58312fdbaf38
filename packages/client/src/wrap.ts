/**
 * Secret keys under a passphrase, so that the service can hold them for another machine of the same user:
 * AES-256-GCM under a key from scrypt. The profile id and the parameters are authenticated, so a wrapped
 * secret cannot be passed off as that of another profile nor have its cost altered.
 *
 * Payload of wire kind `wrapped-secret` (little-endian):
 *
 *     0   u8   format = 1
 *     1   u8   log2 N
 *     2   u16  r
 *     4   u16  p
 *     6   u16  0
 *     8   16 bytes of salt
 *     24  12 bytes of nonce
 *     36  AES-256-GCM of the secret (wire kind `secret`), with its 16-byte tag at the end;
 *         associated data: 32 bytes of profile id, then bytes 0..36
 * @module
 */
import { openWire, readWireHeader, sealWire } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { VelumError } from './errors.ts';
import { SCRYPT_DEFAULT, type ScryptParameters, scrypt } from './scrypt.ts';

const FORMAT = 1;
const PREFIX_BYTES = 36;
const TAG_BYTES = 16;
const MIN_PASSPHRASE = 8;
/** More than any secret key takes; a larger blob is refused before anything is derived. */
const MAX_WRAPPED_BYTES = 1 << 20;
/** A blob may not make its reader work or allocate without limit (it comes from the service). */
const LIMITS = { logN: [10, 20], r: [1, 32], p: [1, 16], memoryBytes: 1 << 29 } as const;

/** The passphrase as bytes: NFKC, so that one typed on another keyboard is the same; 8 characters at least. */
function passphraseBytes(passphrase: string): Uint8Array {
  const normal = passphrase.normalize('NFKC');
  if (Array.from(normal).length < MIN_PASSPHRASE) {
    throw new VelumError(
      'PASSPHRASE_INVALID',
      `the passphrase is shorter than ${MIN_PASSPHRASE} characters`,
      {
        hint: 'Choose a longer one: whoever holds the wrapped key can try passphrases without limit.',
      },
    );
  }
  return new TextEncoder().encode(normal);
}

function checkParameters({ logN, r, p }: ScryptParameters): void {
  const within = (value: number, [low, high]: readonly [number, number]) =>
    Number.isInteger(value) && value >= low && value <= high;
  const ok = within(logN, LIMITS.logN) && within(r, LIMITS.r) && within(p, LIMITS.p);
  if (!ok || 128 * r * 2 ** logN > LIMITS.memoryBytes) {
    throw new VelumError(
      'WRAPPED_SECRET_INVALID',
      `scrypt parameters out of bounds: 2^${logN}, r=${r}, p=${p}`,
      {
        hint: 'The blob was damaged or not made by this client; wrap the secret again on a machine that has it.',
      },
    );
  }
}

async function aesKey(
  kernels: Kernels,
  passphrase: string,
  salt: Uint8Array,
  parameters: ScryptParameters,
): Promise<CryptoKey> {
  const password = passphraseBytes(passphrase);
  const raw = await scrypt(kernels, password, salt, parameters, 32);
  password.fill(0);
  const key = await crypto.subtle.importKey('raw', raw as Uint8Array<ArrayBuffer>, 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  raw.fill(0);
  return key;
}

function associatedData(profileId: string, prefix: Uint8Array): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(32 + PREFIX_BYTES);
  for (let i = 0; i < 32; i++) data[i] = Number.parseInt(profileId.slice(2 * i, 2 * i + 2), 16);
  data.set(prefix, 32);
  return data;
}

/**
 * Wire `secret` -> wire `wrapped-secret` under the passphrase. Every call draws a fresh salt and nonce.
 * Throws PASSPHRASE_INVALID; WireError when `secret` is none.
 */
export async function wrapSecret(
  kernels: Kernels,
  secret: Uint8Array,
  passphrase: string,
  parameters: ScryptParameters = SCRYPT_DEFAULT,
): Promise<Uint8Array> {
  checkParameters(parameters);
  const { profileId } = readWireHeader(secret);
  await openWire(secret, { kind: 'secret', profileId });
  const prefix = new Uint8Array(PREFIX_BYTES);
  const view = new DataView(prefix.buffer);
  prefix[0] = FORMAT;
  prefix[1] = parameters.logN;
  view.setUint16(2, parameters.r, true);
  view.setUint16(4, parameters.p, true);
  crypto.getRandomValues(prefix.subarray(8, PREFIX_BYTES));
  const key = await aesKey(kernels, passphrase, prefix.slice(8, 24), parameters);
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv: prefix.slice(24, 36), additionalData: associatedData(profileId, prefix) },
    key,
    secret as Uint8Array<ArrayBuffer>,
  );
  const payload = new Uint8Array(PREFIX_BYTES + sealed.byteLength);
  payload.set(prefix);
  payload.set(new Uint8Array(sealed), PREFIX_BYTES);
  return sealWire('wrapped-secret', profileId, payload);
}

/**
 * Wire `wrapped-secret` -> wire `secret`. Throws PASSPHRASE_WRONG when the passphrase is not the one (or the
 * blob was altered: GCM cannot tell the two apart), WRAPPED_SECRET_INVALID for what no wrap can be, WireError
 * for a broken container or one of another profile.
 */
export async function unwrapSecret(
  kernels: Kernels,
  wrapped: Uint8Array,
  passphrase: string,
  profileId: string = readWireHeader(wrapped).profileId,
): Promise<Uint8Array> {
  const payload = await openWire(wrapped, { kind: 'wrapped-secret', profileId, maxBytes: MAX_WRAPPED_BYTES });
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < PREFIX_BYTES + TAG_BYTES || payload[0] !== FORMAT || view.getUint16(6, true) !== 0) {
    throw new VelumError('WRAPPED_SECRET_INVALID', 'not a wrapped secret of a format this client knows', {
      hint: 'Update the client, or wrap the secret again on a machine that has it.',
    });
  }
  const parameters = { logN: payload[1], r: view.getUint16(2, true), p: view.getUint16(4, true) };
  checkParameters(parameters);
  const prefix = payload.slice(0, PREFIX_BYTES);
  const key = await aesKey(kernels, passphrase, prefix.slice(8, 24), parameters);
  try {
    const secret = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: prefix.slice(24, 36), additionalData: associatedData(profileId, prefix) },
      key,
      payload.slice(PREFIX_BYTES),
    );
    return new Uint8Array(secret);
  } catch (cause) {
    throw new VelumError('PASSPHRASE_WRONG', 'the passphrase does not open this secret key', {
      hint: 'Check the passphrase (and the keyboard layout); without it the key is lost: enroll anew.',
      cause,
    });
  }
}
