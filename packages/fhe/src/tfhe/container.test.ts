/**
 * The container and everything that reads it, against bytes from strangers.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { crc32 as nodeCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { builds } from '../testing/contexts.ts';
import { TfheClientKey } from './client-key.ts';
import {
  encryptedListInfo,
  MAX_BLOCKS,
  newContainer,
  openContainer,
  payloadBytes,
  readHeader,
  seal,
  TFHE_HEADER_BYTES,
  type TfheKind,
} from './container.ts';
import { crc32 } from './crc32.ts';
import { TfheError, type TfheErrorCode } from './errors.ts';
import {
  BOOLEAN,
  MESSAGE_1_CARRY_1,
  MESSAGE_2_CARRY_2,
  type TfheLiteral,
  TINY_1_1,
  TINY_2_2,
  tfheParameters,
} from './parameters.ts';
import { TfhePublicKey } from './public-key.ts';
import { runCircuit } from './run-circuit.ts';
import { TfheServerKey } from './server-key.ts';

const KINDS: TfheKind[] = ['secret', 'server-key', 'public-key', 'seeded', 'compact', 'result'];
const insecure = { insecure: true };
const [kernels] = builds;
const parameters = tfheParameters(TINY_2_2, insecure);
const key = TfheClientKey.generate(kernels, parameters);
const other = TfheClientKey.generate(kernels, parameters);
const identity = {
  messageBits: 2,
  carryBits: 2,
  inputs: 3,
  steps: [],
  outputs: [0, 1, 2].map((node) => ({ nodes: [node], weights: [1], constant: 0 })),
};
const serverBytes = key.serverKey();
const server = await TfheServerKey.load(kernels, serverBytes, undefined, insecure);
const publicBytes = key.publicKey();
const publicKey = TfhePublicKey.fromBytes(kernels, publicBytes, insecure);
const seeded = key.encrypt([1, 2, 3]);
const compact = publicKey.encrypt([1, 2, 3]);
const result = await runCircuit(server, identity, seeded);
after(() => {
  for (const owner of [key, other, server, publicKey]) owner.free();
  assert.equal(kernels.arena.liveBlocks, 0, 'nothing stays in memory, whatever was refused');
});

const ofKind: Record<TfheKind, Uint8Array> = {
  secret: key.toBytes(),
  'server-key': serverBytes,
  'public-key': publicBytes,
  seeded,
  compact,
  result,
};
/** Who reads which kind. */
const readers: Record<string, { kinds: TfheKind[]; read(bytes: Uint8Array): unknown }> = {
  client: { kinds: ['secret'], read: (bytes) => TfheClientKey.fromBytes(kernels, bytes, insecure).free() },
  public: {
    kinds: ['public-key'],
    read: (bytes) => TfhePublicKey.fromBytes(kernels, bytes, insecure).free(),
  },
  server: {
    kinds: ['server-key'],
    read: async (bytes) => (await TfheServerKey.load(kernels, bytes, undefined, insecure)).free(),
  },
  run: { kinds: ['seeded', 'compact'], read: (bytes) => runCircuit(server, identity, bytes) },
  decrypt: { kinds: ['result'], read: (bytes) => key.decrypt(bytes) },
};

const refused = (code: TfheErrorCode, body: () => unknown, what?: string) =>
  assert.rejects(
    async () => body(),
    (error) => {
      assert.ok(error instanceof TfheError, `${what}: ${error}`);
      assert.equal(error.code, code, `${what}: ${error.message}`);
      return true;
    },
  );

/** A copy with another byte somewhere and the header's checksum made right again. */
function forged(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  change(view);
  view.setUint32(36, crc32(copy.subarray(0, 36)), true);
  return copy;
}

test('CRC-32 is the usual one, in pieces too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      assert.equal(crc32(bytes), nodeCrc32(bytes));
      assert.equal(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))), nodeCrc32(bytes));
    }),
  );
});

test('the header is laid out as documented', () => {
  const view = new DataView(seeded.buffer);
  assert.equal(Buffer.from(seeded.subarray(0, 4)).toString(), 'VELT');
  assert.deepEqual(
    [4, 6, 8, 10].map((at) => view.getUint16(at, true)),
    [1, 4, 0x8001, 0],
  );
  assert.equal(view.getUint32(12, true), 3);
  assert.equal(Buffer.from(seeded.subarray(16, 32)).toString('hex'), key.id);
  assert.equal(view.getUint32(32, true), nodeCrc32(seeded.subarray(40)));
  assert.equal(view.getUint32(36, true), nodeCrc32(seeded.subarray(0, 36)));
  assert.deepEqual(encryptedListInfo(compact), { kind: 'compact', keyId: key.id, parameters, count: 3 });
  assert.equal(encryptedListInfo(result).kind, 'result');
  const changed = compact.slice();
  changed[changed.length - 1] ^= 1;
  assert.throws(() => encryptedListInfo(changed), { name: 'TfheError', code: 'DAMAGED' });
  for (const kind of KINDS) {
    const header = readHeader(ofKind[kind].subarray(0, TFHE_HEADER_BYTES), insecure);
    assert.equal(header.kind, kind);
    assert.equal(header.payloadBytes, ofKind[kind].length - TFHE_HEADER_BYTES);
  }
});

test('sizes on the wire of the shipped sets', () => {
  const size = (kind: TfheKind, literal: TfheLiteral, count = 0) =>
    TFHE_HEADER_BYTES + payloadBytes(kind, tfheParameters(literal), count);
  assert.equal(size('server-key', MESSAGE_2_CARRY_2), 24_473_672);
  for (const literal of [MESSAGE_2_CARRY_2, MESSAGE_1_CARRY_1, BOOLEAN])
    assert.ok(size('server-key', literal) < 26e6, literal.name);
  assert.equal(size('public-key', MESSAGE_2_CARRY_2), 40 + 32 + 13_312);
  assert.equal(size('seeded', MESSAGE_2_CARRY_2, 40), 40 + 32 + 160);
  assert.equal(size('compact', MESSAGE_2_CARRY_2, 40), 40 + 8192 + 160);
  assert.equal(size('result', MESSAGE_2_CARRY_2, 8), 40 + 8 * 1379);
});

test('every reader refuses every other kind', async () => {
  for (const { kinds, read } of Object.values(readers)) {
    for (const kind of KINDS) {
      if (!kinds.includes(kind)) await refused('WRONG_KIND', () => read(ofKind[kind]), kind);
    }
  }
  for (const kind of ['secret', 'server-key', 'public-key'] as const)
    await refused('WRONG_KIND', () => encryptedListInfo(ofKind[kind]), kind);
});

test('what is too short, too long or empty is refused', async () => {
  for (const { kinds, read } of Object.values(readers)) {
    for (const kind of kinds) {
      const bytes = ofKind[kind];
      for (const length of [0, 1, 3, 4, 39, 40, 41, 71, 72, bytes.length - 1]) {
        if (length < bytes.length)
          await refused('TRUNCATED', () => read(bytes.subarray(0, length)), `${kind} ${length}`);
      }
      await refused('TRAILING_BYTES', () => read(Uint8Array.from([...bytes, 0])), kind);
    }
  }
  for (const list of [seeded, compact, result]) {
    await refused('TRUNCATED', () => encryptedListInfo(list.subarray(0, list.length - 1)));
    await refused('TRAILING_BYTES', () => encryptedListInfo(Uint8Array.from([...list, 1])));
  }
});

test('any changed bit is found', async () => {
  for (const { kinds, read } of Object.values(readers)) {
    for (const kind of kinds) {
      const bytes = ofKind[kind];
      const bits = [
        ...Array(320).keys(),
        ...Array.from({ length: 20 }, (_, i) => 320 + i * Math.floor((8 * bytes.length - 321) / 20)),
      ];
      for (const bit of bits) {
        const copy = bytes.slice();
        copy[bit >> 3] ^= 1 << (bit & 7);
        await assert.rejects(async () => read(copy), TfheError, `${kind}, bit ${bit}`);
      }
    }
  }
});

test('headers that lie, with the right checksum', async () => {
  const { read } = readers['run'];
  for (const list of [seeded, compact]) {
    await refused('NOT_TFHE', () => read(forged(list, (view) => view.setUint8(0, 0x57))));
    await refused('VERSION_UNSUPPORTED', () => read(forged(list, (view) => view.setUint16(4, 2, true))));
    await refused('WRONG_KIND', () => read(forged(list, (view) => view.setUint16(6, 0, true))));
    await refused('WRONG_KIND', () => read(forged(list, (view) => view.setUint16(6, 99, true))));
    await refused('PARAMETERS_INVALID', () => read(forged(list, (view) => view.setUint16(8, 77, true))));
    await refused('HEADER_INVALID', () => read(forged(list, (view) => view.setUint16(10, 1, true))));
    for (const count of [0, MAX_BLOCKS + 1, 2 ** 32 - 1])
      await refused('HEADER_INVALID', () => read(forged(list, (view) => view.setUint32(12, count, true))));
    for (const count of [4, MAX_BLOCKS])
      await refused('TRUNCATED', () => read(forged(list, (view) => view.setUint32(12, count, true))));
    await refused('TRAILING_BYTES', () => read(forged(list, (view) => view.setUint32(12, 2, true))));
    await refused('KEY_MISMATCH', () => read(forged(list, (view) => view.setUint8(20, ~view.getUint8(20)))));
  }
  await refused('HEADER_INVALID', () =>
    readers['server'].read(forged(serverBytes, (view) => view.setUint32(12, 1, true))),
  );
  await refused('KEY_MISMATCH', () =>
    readers['client'].read(forged(ofKind['secret'], (view) => view.setUint8(20, ~view.getUint8(20)))),
  );
});

test('random bytes behind a right start are refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 120 }),
      fc.integer({ min: 0, max: 12 }),
      async (bytes, right) => {
        bytes.set(seeded.subarray(0, Math.min(right, bytes.length)));
        for (const { read } of Object.values(readers))
          await assert.rejects(async () => read(bytes), TfheError);
        assert.throws(() => encryptedListInfo(bytes), TfheError);
      },
    ),
  );
  for (const bytes of [undefined, null, 'VELT', [1, 2], 7])
    await refused('NOT_TFHE', () => readers['decrypt'].read(bytes as unknown as Uint8Array));
});

test('a key of another pair is named', async () => {
  await refused('KEY_MISMATCH', () => runCircuit(server, identity, other.encrypt([1, 2, 3])));
  await refused('KEY_MISMATCH', () => other.decrypt(result));
  await assert.rejects(
    async () => other.decrypt(result),
    (error: TfheError) => error.message.includes(key.id) && error.message.includes(other.id),
  );
});

test('another parameter set is refused, and an insecure one without the option', async () => {
  const small = TfheClientKey.generate(kernels, tfheParameters(TINY_1_1, insecure));
  await refused('PARAMETERS_MISMATCH', () => runCircuit(server, identity, small.encrypt([1, 2, 3])));
  await refused('PARAMETERS_MISMATCH', () => small.decrypt(result));
  small.free();
  await refused('PARAMETERS_INSECURE', () => TfheClientKey.fromBytes(kernels, ofKind['secret']));
  await refused('PARAMETERS_INSECURE', () => TfhePublicKey.fromBytes(kernels, publicBytes));
  await refused('PARAMETERS_INSECURE', () => TfheServerKey.load(kernels, serverBytes));
  await refused('PARAMETERS_INSECURE', () => readHeader(serverBytes));
  assert.throws(() => tfheParameters(TINY_2_2), { code: 'PARAMETERS_INSECURE' });
  assert.throws(() => tfheParameters({ ...MESSAGE_2_CARRY_2, lweDimension: 600 }), {
    code: 'PARAMETERS_INVALID',
    argument: 'lweDimension',
  });
  for (const literal of [undefined, {}, { ...MESSAGE_2_CARRY_2, id: 9 }])
    assert.throws(() => tfheParameters(literal as TfheLiteral), { code: 'PARAMETERS_INVALID' });
});

test('any ciphertext of the right shape is evaluated, whatever its bits', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('seeded' as const, 'compact' as const),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      async (kind, noise) => {
        const { bytes, payload } = newContainer(kind, parameters, key.id, 3);
        for (let i = 0; i < payload.length; i++) payload[i] = noise[i % 64];
        const doubled = {
          ...identity,
          steps: [{ input: identity.outputs[0], boxes: new Array<number>(16).fill(3), outputs: 1 as const }],
          outputs: [{ nodes: [3], weights: [1], constant: 0 }],
        };
        const [value] = key.decrypt(await runCircuit(server, doubled, seal(bytes)));
        assert.ok(value === 3 || value === 29, `${value}`);
      },
    ),
    { numRuns: 20 },
  );
});

test('a sealed container opens to its payload', () => {
  const { bytes, payload } = newContainer('result', parameters, 'ab'.repeat(16), 2);
  payload.fill(7);
  const opened = openContainer(seal(bytes), ['result', 'seeded'], insecure);
  assert.deepEqual(opened.payload, payload);
  assert.equal(opened.keyId, 'ab'.repeat(16));
});
