/** Wrapped secrets: round trip, wrong passphrases, every altered byte, hostile parameters. @module */
import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { openWire, sealWire } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import { scrypt } from './scrypt.ts';
import { unwrapSecret, wrapSecret } from './wrap.ts';

const PROFILE = '0123456789abcdef'.repeat(4);
const OTHER_PROFILE = 'f'.repeat(64);
const FAST = { logN: 10, r: 8, p: 1 };
const PASSPHRASE = 'correct horse battery';
const kernels = await loadKernels();
const secret = await sealWire('secret', PROFILE, crypto.getRandomValues(new Uint8Array(48)));

/** Seals a payload that was altered, with a valid container around it. */
async function altered(wrapped: Uint8Array, change: (payload: Uint8Array) => void): Promise<Uint8Array> {
  const payload = (await openWire(wrapped, { kind: 'wrapped-secret' })).slice();
  change(payload);
  return sealWire('wrapped-secret', PROFILE, payload);
}

test('scrypt gives the vectors of RFC 7914 section 12', async () => {
  const utf8 = new TextEncoder();
  const key = await scrypt(
    kernels,
    utf8.encode('pleaseletmein'),
    utf8.encode('SodiumChloride'),
    { logN: 14, r: 8, p: 1 },
    64,
  );
  assert.equal(
    Buffer.from(key).toString('hex'),
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
      'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
  );
  const lanes = await scrypt(
    kernels,
    utf8.encode('password'),
    utf8.encode('NaCl'),
    { logN: 10, r: 8, p: 16 },
    64,
  );
  assert.deepEqual(Buffer.from(lanes), scryptSync('password', 'NaCl', 64, { N: 1024, r: 8, p: 16 }));
});

test('scrypt leaves no memory allocated', async () => {
  const before = kernels.arena.liveBytes;
  await scrypt(kernels, new Uint8Array(3), new Uint8Array(3), FAST, 32);
  assert.equal(kernels.arena.liveBytes, before);
});

test('a wrapped secret opens with its passphrase, and is different each time', async () => {
  const one = await wrapSecret(kernels, secret, PASSPHRASE, FAST);
  const two = await wrapSecret(kernels, secret, PASSPHRASE, FAST);
  assert.notDeepEqual(one, two);
  assert.deepEqual(await unwrapSecret(kernels, one, PASSPHRASE, PROFILE), secret);
  assert.deepEqual(await unwrapSecret(kernels, two, PASSPHRASE), secret);
  assert.ok(
    !Buffer.from(one).includes(Buffer.from(secret.subarray(80))),
    'the secret must not be in the clear',
  );
});

test('passphrases are compared in normal form', async () => {
  const wrapped = await wrapSecret(kernels, secret, 'pa\u00dfw\u00f6rter \u212b', FAST);
  assert.deepEqual(await unwrapSecret(kernels, wrapped, 'pa\u00dfwo\u0308rter \u00c5'), secret);
});

test('the default parameters are N = 2^17, r = 8, p = 1', async () => {
  const payload = await openWire(await wrapSecret(kernels, secret, PASSPHRASE), { kind: 'wrapped-secret' });
  assert.deepEqual([...payload.subarray(0, 8)], [1, 17, 8, 0, 1, 0, 0, 0]);
});

test('a wrong passphrase is told as such', async () => {
  const wrapped = await wrapSecret(kernels, secret, PASSPHRASE, FAST);
  await assert.rejects(unwrapSecret(kernels, wrapped, 'correct horse batterx'), { code: 'PASSPHRASE_WRONG' });
  await assert.rejects(wrapSecret(kernels, secret, 'short', FAST), { code: 'PASSPHRASE_INVALID' });
});

test('every altered byte of the payload is refused', async () => {
  const wrapped = await wrapSecret(kernels, secret, PASSPHRASE, FAST);
  const { length } = await openWire(wrapped, { kind: 'wrapped-secret' });
  for (let at = 0; at < length; at++) {
    const bad = await altered(wrapped, (payload) => {
      payload[at] ^= 1;
    });
    await assert.rejects(unwrapSecret(kernels, bad, PASSPHRASE), (error: { code: string }) =>
      ['PASSPHRASE_WRONG', 'WRAPPED_SECRET_INVALID'].includes(error.code),
    );
  }
});

test('a secret of one profile does not open as that of another', async () => {
  const wrapped = await wrapSecret(kernels, secret, PASSPHRASE, FAST);
  await assert.rejects(unwrapSecret(kernels, wrapped, PASSPHRASE, OTHER_PROFILE), { code: 'WIRE_PROFILE' });
  const moved = await sealWire(
    'wrapped-secret',
    OTHER_PROFILE,
    await openWire(wrapped, { kind: 'wrapped-secret' }),
  );
  await assert.rejects(unwrapSecret(kernels, moved, PASSPHRASE), { code: 'PASSPHRASE_WRONG' });
});

test('hostile parameters are refused before any memory is taken', async () => {
  const wrapped = await wrapSecret(kernels, secret, PASSPHRASE, FAST);
  const peak = kernels.arena.peakBytes;
  for (const [logN, r, p] of [
    [31, 8, 1],
    [20, 32, 1],
    [9, 8, 1],
    [10, 0, 1],
    [10, 8, 0],
    [10, 8, 17],
    [17, 65535, 1],
  ]) {
    const bad = await altered(wrapped, (payload) => {
      const view = new DataView(payload.buffer, payload.byteOffset);
      payload[1] = logN;
      view.setUint16(2, r, true);
      view.setUint16(4, p, true);
    });
    await assert.rejects(unwrapSecret(kernels, bad, PASSPHRASE), { code: 'WRAPPED_SECRET_INVALID' });
  }
  assert.equal(kernels.arena.peakBytes, peak);
});

test('truncated blobs and plain secrets are refused', async () => {
  await assert.rejects(unwrapSecret(kernels, secret, PASSPHRASE), { code: 'WIRE_KIND' });
  const empty = await sealWire('wrapped-secret', PROFILE, new Uint8Array(36));
  await assert.rejects(unwrapSecret(kernels, empty, PASSPHRASE), { code: 'WRAPPED_SECRET_INVALID' });
});
