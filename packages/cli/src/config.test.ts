/** @module */
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { configDirectory, keyDirectory, loginFor, readConfig, serverUrl, writeConfig } from './config.ts';

async function environment(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'velum-config-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return { VELUM_CONFIG_DIR: join(root, 'velum') };
}

const LOGIN = { username: 'ada', token: 'velum_x', expiresAt: null };

test('the file is private and comes back as it was', async (t) => {
  const env = await environment(t);
  assert.deepEqual(await readConfig(env), { servers: {} });
  const config = { url: 'http://127.0.0.1:1/api/v0.1', servers: { 'http://127.0.0.1:1/api/v0.1': LOGIN } };
  await writeConfig(env, config);
  assert.deepEqual(await readConfig(env), config);
  assert.equal((await stat(join(configDirectory(env), 'config.json'))).mode & 0o777, 0o600);
  assert.equal((await stat(configDirectory(env))).mode & 0o777, 0o700);
  await writeFile(join(configDirectory(env), 'config.json'), '{');
  await assert.rejects(readConfig(env), { code: 'CONFIG_INVALID' });
});

test('where things are', () => {
  assert.equal(configDirectory({ VELUM_CONFIG_DIR: '/a' }), '/a');
  assert.equal(configDirectory({ XDG_CONFIG_HOME: '/b' }), '/b/velum');
  assert.equal(keyDirectory({ VELUM_CONFIG_DIR: '/a' }), '/a/keys');
});

test('which server: the option, VELUM_URL, the last sign-in, the default', () => {
  const config = { url: 'http://c/api/v0.1', servers: {} };
  assert.equal(serverUrl(config, { VELUM_URL: 'http://b' }, 'http://a'), 'http://a/api/v0.1');
  assert.equal(serverUrl(config, { VELUM_URL: 'http://b' }), 'http://b/api/v0.1');
  assert.equal(serverUrl(config, { VELUM_URL: '' }), 'http://c/api/v0.1');
  assert.equal(serverUrl({ servers: {} }, {}), 'http://127.0.0.1:5001/api/v0.1');
});

test('a token belongs to its server', () => {
  const config = { servers: { 'http://127.0.0.1:5001/api/v0.1': LOGIN } };
  assert.equal(loginFor(config, 'http://localhost:5001/api/v0.1')?.login, LOGIN);
  assert.equal(loginFor(config, 'http://localhost:5002/api/v0.1'), undefined);
  assert.equal(loginFor(config, 'http://evil.example:5001/api/v0.1'), undefined);
});
