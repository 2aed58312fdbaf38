import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  NO_PROFILE,
  openWire,
  readWireHeader,
  sealWire,
  sha256Hex,
  WIRE_HEADER_BYTES,
  WireError,
  type WireErrorCode,
  type WireKind,
} from './container.ts';
import { ByteReader, ByteWriter } from './reader.ts';

const KINDS: WireKind[] = [
  'secret',
  'public-key',
  'evaluation-key',
  'input',
  'result',
  'plan',
  'wrapped-secret',
  'io-encoder',
];
const PROFILE = 'ab'.repeat(32);
const payload = Uint8Array.from({ length: 300 }, (_, i) => i * 7);

const refused = (code: WireErrorCode, body: Promise<unknown>) =>
  assert.rejects(body, (error: WireError) => error instanceof WireError && error.code === code);

describe('container', () => {
  test('the bytes are the documented ones', async () => {
    const bytes = Buffer.from(await sealWire('input', PROFILE, payload));
    assert.equal(bytes.length, 80 + 300);
    assert.equal(bytes.toString('latin1', 0, 4), 'VELM');
    assert.equal(bytes.readUInt16LE(4), 1);
    assert.equal(bytes.readUInt16LE(6), 4);
    assert.equal(bytes.toString('hex', 8, 40), PROFILE);
    assert.equal(bytes.readBigUInt64LE(40), 300n);
    assert.equal(bytes.toString('hex', 48, 80), createHash('sha256').update(payload).digest('hex'));
    assert.deepEqual(new Uint8Array(bytes.subarray(80)), payload);
  });

  test('every kind comes back, of any size, also from the middle of a buffer', async () => {
    for (const [index, kind] of KINDS.entries()) {
      for (const size of [0, 1, 300]) {
        const sealed = await sealWire(kind, NO_PROFILE, payload.subarray(0, size));
        const larger = new Uint8Array(sealed.length + 20);
        larger.set(sealed, 13);
        const view = larger.subarray(13, 13 + sealed.length);
        const opened = await openWire(view, { kind, profileId: NO_PROFILE, maxBytes: sealed.length });
        assert.deepEqual(opened, payload.subarray(0, size));
        const header = readWireHeader(view);
        assert.deepEqual(header, {
          version: 1,
          kind,
          profileId: NO_PROFILE,
          payloadBytes: size,
          sha256: await sha256Hex(payload.subarray(0, size)),
        });
        assert.equal(sealed[6], index + 1);
      }
    }
  });

  test('says what is wrong', async () => {
    const sealed = await sealWire('result', PROFILE, payload);
    const change = (offset: number, value: number) => {
      const copy = sealed.slice();
      copy[offset] = value;
      return copy;
    };
    const expect = { kind: 'result' as const, profileId: PROFILE };
    await refused('WIRE_TRUNCATED', openWire(new Uint8Array(0), expect));
    await refused('WIRE_TRUNCATED', openWire(sealed.subarray(0, WIRE_HEADER_BYTES - 1), expect));
    await refused('WIRE_TRUNCATED', openWire(sealed.subarray(0, sealed.length - 1), expect));
    await refused('WIRE_LENGTH', openWire(Uint8Array.from([...sealed, 0]), expect));
    await refused('WIRE_LENGTH', openWire(change(47, 1), expect));
    await refused('WIRE_TRUNCATED', openWire(change(44, 1), expect));
    await refused('WIRE_MAGIC', openWire(change(0, 0), expect));
    await refused('WIRE_VERSION', openWire(change(4, 2), expect));
    await refused('WIRE_KIND', openWire(change(6, 0), expect));
    await refused('WIRE_KIND', openWire(change(6, 9), expect));
    await refused('WIRE_KIND', openWire(sealed, { kind: 'input' }));
    await refused('WIRE_PROFILE', openWire(sealed, { kind: 'result', profileId: NO_PROFILE }));
    await refused('WIRE_CHECKSUM', openWire(change(48, sealed[48] ^ 1), expect));
    await refused('WIRE_CHECKSUM', openWire(change(100, sealed[100] ^ 1), expect));
    await refused('WIRE_TOO_LARGE', openWire(sealed, { ...expect, maxBytes: sealed.length - 1 }));
    for (const id of ['', 'ab', 'AB'.repeat(32), `${'ab'.repeat(31)}zz`, `${PROFILE}00`]) {
      await refused('WIRE_PROFILE', sealWire('input', id, payload));
    }
  });

  test('every flipped bit is noticed', async () => {
    const sealed = await sealWire('plan', PROFILE, payload.subarray(0, 40));
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const copy = sealed.slice();
      copy[bit >> 3] ^= 1 << (bit & 7);
      await assert.rejects(openWire(copy, { kind: 'plan', profileId: PROFILE }), WireError, `bit ${bit}`);
    }
  });

  test('any bytes at all give a WireError', async () => {
    const start = [0x56, 0x45, 0x4c, 0x4d, 1, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 0, max: 6 }),
        async (bytes, n) => {
          bytes.set(start.slice(0, Math.min(n, bytes.length)));
          await assert.rejects(openWire(bytes, { kind: 'secret' }), WireError);
        },
      ),
    );
  });
});

describe('reader and writer', () => {
  test('numbers are little-endian and come back', () => {
    const writer = new ByteWriter(2 + 4 + 8 + 3);
    writer
      .u16(0x0102)
      .u32(0xfffefdfc)
      .f64(-1.5)
      .raw(Uint8Array.of(7, 8, 9));
    assert.equal(writer.offset, writer.bytes.length);
    assert.deepEqual([...writer.bytes.subarray(0, 6)], [2, 1, 0xfc, 0xfd, 0xfe, 0xff]);
    const reader = new ByteReader(writer.bytes);
    assert.equal(reader.u16(), 0x0102);
    assert.equal(reader.u32(), 0xfffefdfc);
    assert.equal(reader.f64(), -1.5);
    assert.deepEqual([...reader.raw(3)], [7, 8, 9]);
    reader.end();
  });

  test('nothing is read past the end, nothing may be left', () => {
    for (const read of [
      (r: ByteReader) => r.u16(),
      (r: ByteReader) => r.u32(),
      (r: ByteReader) => r.f64(),
      (r: ByteReader) => r.raw(2),
    ]) {
      assert.throws(() => read(new ByteReader(new Uint8Array(1))), { code: 'WIRE_TRUNCATED' });
    }
    assert.throws(() => new ByteReader(new Uint8Array(1)).end(), { code: 'WIRE_LENGTH' });
  });
});
