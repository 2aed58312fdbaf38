/** Keys in files: modes, atomic replacement, names, damage. @module */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sealWire } from '@velum/fhe';
import { MemoryKeyStore, type StoredKeys } from './key-store.ts';
import { FileKeyStore } from './node-key-store.ts';
import { testProfile } from './test-profile.ts';

const profile = await testProfile();
const keysOf = async (kind: 'secret' | 'wrapped-secret', byte = 7): Promise<StoredKeys> => ({
  profile,
  secret: await sealWire(kind, profile.id, new Uint8Array(64).fill(byte)),
  publicKeySha256: 'ab'.repeat(32),
  requested: { batchSize: 8 },
});

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'velum-keys-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return join(path, 'keys');
}

test('both stores give back what was saved, and only to its id', async (t) => {
  for (const store of [new MemoryKeyStore(), new FileKeyStore(await directory(t))]) {
    const keys = await keysOf('secret');
    assert.equal(await store.load('a'), undefined);
    await store.save('a', keys);
    assert.deepEqual(await store.load('a'), keys);
    assert.equal(await store.load('b'), undefined);
    const next = await keysOf('wrapped-secret', 9);
    await store.save('a', next);
    assert.deepEqual(await store.load('a'), next);
    await store.remove('a');
    assert.equal(await store.load('a'), undefined);
    await store.remove('a');
  }
});

test('files are private, named for what they hold, and leave nothing beside them', async (t) => {
  const root = await directory(t);
  const store = new FileKeyStore(root);
  await store.save('a', await keysOf('secret'));
  const [entry] = await readdir(root);
  const files = async () => (await readdir(join(root, entry))).sort();
  assert.deepEqual(await files(), ['keys.json', 'secret.velum']);
  for (const path of [root, join(root, entry)]) assert.equal((await stat(path)).mode & 0o777, 0o700);
  for (const name of await files()) assert.equal((await stat(join(root, entry, name))).mode & 0o777, 0o600);
  await store.save('a', await keysOf('wrapped-secret'));
  assert.deepEqual(await files(), ['keys.json', 'secret.wrapped.velum']);
});

test('the index holds no secret', async (t) => {
  const root = await directory(t);
  const keys = await keysOf('secret');
  await new FileKeyStore(root).save('a', keys);
  const index = await readFile(join(root, (await readdir(root))[0], 'keys.json'), 'utf8');
  for (const form of ['hex', 'base64'] as const) {
    assert.ok(!index.includes(Buffer.from(keys.secret.subarray(80)).toString(form)));
  }
});

test('damaged files are told as such', async (t) => {
  const root = await directory(t);
  const store = new FileKeyStore(root);
  await store.save('a', await keysOf('secret'));
  const entry = join(root, (await readdir(root))[0]);
  const index = await readFile(join(entry, 'keys.json'), 'utf8');
  for (const bad of ['', '{}', index.replace('secret.velum', '../../secret.velum')]) {
    await writeFile(join(entry, 'keys.json'), bad);
    await assert.rejects(store.load('a'), { code: 'KEY_STORE_CORRUPT' });
  }
  await writeFile(join(entry, 'keys.json'), index);
  await writeFile(join(entry, 'secret.velum'), 'short');
  await assert.rejects(store.load('a'), { code: 'KEY_STORE_CORRUPT' });
});
