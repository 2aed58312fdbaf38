import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { startRig, until } from '../test/rig.ts';
import { hashPassword, needsRehash, verifyPassword } from './accounts/passwords.ts';
import { generateToken } from './accounts/tokens.ts';
import { FsBlobStore } from './blobs/fs.ts';
import { loadServerSecret, signLink, verifyLink } from './blobs/links.ts';
import type { BlobListing } from './blobs/store.ts';
import { resolveConfig } from './config.ts';
import { ByteLru } from './jobs/lru.ts';
import { WorkerPool } from './jobs/pool.ts';
import { InProcessQueue } from './jobs/queue.ts';
import { redactUrl } from './logger.ts';
import { checkName } from './models/names.ts';
import { startWorkers } from './start-workers.ts';

test('passwords: PHC strings, verified by their own parameters', async () => {
  const hash = await hashPassword('pässwörd');
  assert.match(hash, /^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.equal(await verifyPassword('pässwörd'.normalize('NFD'), hash), true);
  assert.equal(await verifyPassword('passwort', hash), false);
  assert.equal(await verifyPassword('x', undefined), false);
  assert.equal(await verifyPassword('x', 'not a hash'), false);
  assert.equal(needsRehash(hash), false);
  // RFC 7914, section 12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1), its first 32 bytes.
  const hex = '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2';
  const digest = Buffer.from(hex, 'hex').toString('base64').replace('=', '');
  const vector = `$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$${digest}`;
  assert.equal(await verifyPassword('pleaseletmein', vector), true);
  assert.equal(needsRehash(vector), true);
});

test('tokens: 256 bits in base62, all different', () => {
  const tokens = new Set(Array.from({ length: 2000 }, generateToken));
  assert.equal(tokens.size, 2000);
  for (const token of tokens) assert.match(token, /^velum_[0-9A-Za-z]{43}$/);
});

test('links: any change of any part breaks the signature', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'velum-links-'));
  const secret = await loadServerSecret(dataDir);
  assert.deepEqual(await loadServerSecret(dataDir), secret, 'made once');
  assert.deepEqual(await readdir(dataDir), ['server.secret']);
  assert.equal((await stat(join(dataDir, 'server.secret'))).mode & 0o777, 0o600);
  const id = '5d3f9f8e-5bb0-4b59-b0f3-8f7d5c1c7f10';
  const expires = Math.floor(Date.now() / 1000) + 60;
  const path = signLink(secret, { id, expires, contentType: 'application/octet-stream', maxBytes: 10 });
  const query = Object.fromEntries(new URL(`http://x${path}`).searchParams);
  assert.equal(verifyLink(secret, id, query).maxBytes, 10);
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(query)), fc.string(), (name, value) => {
      fc.pre(value !== query[name] && Number(value) !== Number(query[name]));
      assert.throws(() => verifyLink(secret, id, { ...query, [name]: value }), { code: 'LINK_INVALID' });
    }),
  );
  assert.throws(() => verifyLink(secret, id, {}), { code: 'LINK_INVALID' });
  assert.throws(() => verifyLink(Buffer.alloc(32), id, query), { code: 'LINK_INVALID' });
  await rm(dataDir, { recursive: true });
});

test('LRU: bounded by bytes, oldest first, pinned and newest stay', () => {
  const disposed: string[] = [];
  const entry = (name: string, bytes: number) => ({ bytes, dispose: () => void disposed.push(name) });
  const lru = new ByteLru(10);
  lru.set('a', entry('a', 4));
  lru.set('b', entry('b', 4));
  lru.get('a');
  lru.set('c', entry('c', 4));
  assert.deepEqual(disposed, ['b']);
  lru.set('d', entry('d', 9), ['a']);
  assert.deepEqual(disposed, ['b', 'c']);
  assert.deepEqual(lru.keys(), ['a', 'd']);
  assert.equal(lru.bytes, 13);
  lru.set('d', entry('d2', 1));
  assert.deepEqual(disposed, ['b', 'c', 'd']);
  lru.delete('a');
  assert.equal(lru.bytes, 1);
});

test('queue: in order, as many at a time as allowed, positions and removal', async () => {
  const queue = new InProcessQueue();
  await queue.push(['a', 'b', 'c', 'd']);
  await queue.push(['a']);
  assert.equal(await queue.position('c'), 2);
  await queue.remove('b');
  await queue.remove('b');
  assert.equal(await queue.position('b'), undefined);
  const order: string[] = [];
  let active = 0;
  let most = 0;
  const done = new Promise<void>((resolve) => {
    queue.start(async (id) => {
      most = Math.max(most, ++active);
      order.push(id);
      await new Promise((go) => setTimeout(go, 1));
      active--;
      if (order.length === 4) resolve();
      // Once more, from the end.
      return id === 'a' && order.length < 3;
    }, 2);
  });
  await done;
  assert.deepEqual(order, ['a', 'c', 'd', 'a']);
  assert.equal(most, 2);
  queue.stop();
  await queue.push(['e']);
  assert.equal(await queue.depth(), 1);
});

test('blobs: ranges, keys that leave the store, listing', async () => {
  const root = await mkdtemp(join(tmpdir(), 'velum-blobs-'));
  const store = await FsBlobStore.open(root, { owner: true });
  await store.put('keys/ab/ab-1', [Buffer.from('hello '), Buffer.from('world')]);
  const text = async (range?: { start: number; end: number }) => {
    const { stream, bytes } = await store.get('keys/ab/ab-1', range);
    const all = Buffer.concat(await stream.toArray());
    assert.equal(all.length, bytes);
    return all.toString();
  };
  assert.equal(await text(), 'hello world');
  assert.equal(await text({ start: 6, end: 8 }), 'wo');
  assert.equal(await text({ start: 9, end: 99 }), 'ld');
  assert.equal(await text({ start: 50, end: 60 }), '');
  for (const key of [
    '../x',
    'keys/../../x',
    'keys/ab/',
    'keys/ab/.',
    'tmp/ab/x',
    'keys/ab/a/b',
    '/etc/passwd',
  ]) {
    await assert.rejects(store.read(key), { code: 'BLOB_KEY_INVALID' }, key);
  }
  await assert.rejects(store.read('keys/ab/none'), { code: 'BLOB_NOT_FOUND' });
  const listed: BlobListing[] = [];
  for await (const blob of store.list('keys/')) listed.push(blob);
  assert.deepEqual(
    listed.map(({ key, bytes }) => [key, bytes]),
    [['keys/ab/ab-1', 11]],
  );
  await store.delete('keys/ab/ab-1');
  await store.delete('keys/ab/ab-1');
  assert.equal(await store.head('keys/ab/ab-1'), undefined);
  await rm(root, { recursive: true });
});

test('names', () => {
  for (const name of ['a', 'my_model', 'v2', '1.0.0-rc.1', 'x'.repeat(64)])
    assert.equal(checkName('n', name), name);
  for (const name of ['', '.', '..', 'a/b', 'a b', 'x'.repeat(65), 'é', 'a\n']) {
    assert.throws(() => checkName('n', name), { code: 'NAME_INVALID' });
  }
});

test('configuration: options, then environment, then defaults; errors name the setting', () => {
  const config = resolveConfig(
    { port: 7 },
    { VELUM_PORT: '8', VELUM_HOST: '::1', VELUM_LIMITS: '{"tokens":3}' },
  );
  assert.deepEqual([config.port, config.host, config.limits.tokens, config.workers], [7, '::1', 3, 1]);
  assert.equal(
    resolveConfig({}, { VELUM_PUBLIC_URL: 'https://x.example/velum/' }).publicUrl,
    'https://x.example/velum',
  );
  for (const [env, name] of [
    [{ VELUM_PORT: 'x' }, /VELUM_PORT/],
    [{ VELUM_PORT: '70000' }, /port/],
    [{ VELUM_WORKERS: '0' }, /workers.*VELUM_REDIS_URL or --redis/],
    [{ VELUM_LIMITS: '[1]' }, /VELUM_LIMITS/],
    [{ VELUM_LIMITS: '{"nope":1}' }, /limits\.nope/],
    [{ VELUM_PUBLIC_URL: 'ftp://x' }, /publicUrl/],
    [{ VELUM_SQLITE_SYNCHRONOUS: 'OFF' }, /VELUM_SQLITE_SYNCHRONOUS/],
  ] as const) {
    assert.throws(() => resolveConfig({}, env), { name: 'ConfigError', message: name });
  }
});

test('starting fails cleanly: port in use, database URL, unusable directory', async (t) => {
  const rig = await startRig();
  t.after(() => rig.close());
  const port = Number(new URL(rig.url).port);
  await assert.rejects(startRig({ port }), { code: 'PORT_IN_USE' });
  await assert.rejects(startRig({ databaseUrl: 'mysql://x' }), { code: 'DATABASE_URL_INVALID' });
  await assert.rejects(startRig({ databaseUrl: 'postgres://127.0.0.1:1/x' }), { code: 'DATABASE_UNUSABLE' });
  await assert.rejects(startRig({ dataDir: '/dev/null/velum' }), { code: 'DATA_DIR_UNUSABLE' });
});

test('logged URLs carry no signature', () => {
  assert.equal(redactUrl('/blobs/1?max=2&signature=abc&x=1'), '/blobs/1?max=2&signature=[redacted]&x=1');
});

test('pool: says whether a worker is free, waits for one, and stops waiting', async () => {
  const root = await mkdtemp(join(tmpdir(), 'velum-pool-'));
  const store = await FsBlobStore.open(root, { owner: true });
  const pool = new WorkerPool({
    store: store.descriptor,
    cacheBytes: 2 ** 20,
    threads: 1,
    size: 1,
    prefetchMilliseconds: 1000,
  });
  const never = new AbortController();
  assert.equal(await pool.hasFree(never.signal, 20), false);
  const starting = pool.start();
  assert.equal(await pool.hasFree(never.signal, 20_000), true);
  await starting;
  process.kill(pool.pids[0], 'SIGKILL');
  assert.ok(await until(() => pool.alive === 0, 'the end of the worker'));
  assert.equal(await pool.hasFree(AbortSignal.abort(), 20_000), false);
  assert.equal(await pool.hasFree(never.signal, 20_000), true, 'it was replaced');
  await pool.stop();
  assert.equal(await pool.hasFree(never.signal, 20_000), false);
  await rm(root, { recursive: true });
});

test('workers need what the server made', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'velum-workers-'));
  const redisUrl = 'redis://127.0.0.1:1';
  const missing = join(dataDir, 'missing');
  await assert.rejects(startWorkers({ redisUrl, dataDir: missing }), {
    code: 'DATA_DIR_MISSING',
    message: /missing.*start the server first/,
  });
  await assert.rejects(startWorkers({ redisUrl, dataDir }), {
    code: 'DATABASE_MISSING',
    message: /velum\.sqlite.*start the server first/,
  });
  await rm(dataDir, { recursive: true });
});
