/** dev, staging and prod: what each asks of the network, and TLS itself. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { request, type Server } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { startRig, temporaryDirectory } from '../test/rig.ts';
import { tlsFiles } from '../test/tls.ts';
import { resolveConfig, type ServerOptions } from './config.ts';
import { clearTextWarning, isLoopback, renewTls } from './environment.ts';

const open = (options: ServerOptions, env: Record<string, string> = {}) =>
  resolveConfig(options, env).openPrograms;
const refused = (options: ServerOptions, env: Record<string, string> = {}) => {
  try {
    resolveConfig(options, env);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('dev is open on this machine alone', () => {
  assert.equal(open({}), true);
  assert.equal(open({ environment: 'dev' }), true);
  assert.equal(open({ host: '::1', publicUrl: 'http://localhost:9' }), true);
  for (const options of [
    { host: '0.0.0.0' },
    { host: '192.168.1.2' },
    { trustProxy: true },
    { publicUrl: 'https://velum.example.org' },
    { publicUrl: 'http://localhost.example.org' },
  ]) {
    // Chosen, it is an error; not chosen, the server runs as it always did and asks for tokens.
    assert.equal(refused({ environment: 'dev', ...options }), 'ENVIRONMENT_UNSAFE');
    assert.equal(refused(options, { VELUM_ENV: 'dev' }), 'ENVIRONMENT_UNSAFE');
    assert.equal(open(options), false);
  }
});

test('staging and prod need TLS, their own or a proxy\u2019s', () => {
  for (const environment of ['staging', 'prod'] as const) {
    assert.equal(refused({ environment }), 'TLS_REQUIRED');
    assert.equal(refused({ environment, trustProxy: true, publicUrl: 'http://x.example' }), 'TLS_REQUIRED');
    assert.equal(refused({ environment, publicUrl: 'https://x.example' }), 'TLS_REQUIRED');
    assert.equal(open({ environment, trustProxy: true, publicUrl: 'https://x.example' }), false);
    assert.equal(open({ environment, tlsKey: 'k', tlsCert: 'c', host: '0.0.0.0' }), false);
    assert.equal(open({}, { VELUM_ENV: environment, VELUM_TLS_KEY: 'k', VELUM_TLS_CERT: 'c' }), false);
  }
  assert.equal(refused({ tlsKey: 'k' }), 'TLS_INCOMPLETE');
  assert.equal(refused({ environment: 'production' as 'prod' }), 'CONFIG_INVALID');
  assert.equal(refused({}, { VELUM_THREADS: '0' }), 'CONFIG_INVALID');
});

test('tokens in clear on a network are warned of', () => {
  const warned = (options: ServerOptions) => clearTextWarning(resolveConfig(options, {})) !== undefined;
  assert.ok(warned({ host: '0.0.0.0' }));
  assert.ok(warned({ host: '0.0.0.0', publicUrl: 'http://velum.example.org' }));
  assert.ok(warned({ publicUrl: 'http://velum.example.org' }));
  assert.ok(!warned({}));
  assert.ok(!warned({ host: '0.0.0.0', tlsKey: 'k', tlsCert: 'c' }));
  assert.ok(!warned({ host: '0.0.0.0', publicUrl: 'https://velum.example.org' }));
});

test('loopback names', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '::1', '[::1]']) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '127.0.0.1.example.org',
    'localhost.example.org',
    '10.0.0.1',
    '127.1',
  ]) {
    assert.ok(!isLoopback(host), host);
  }
});

/** The status, the HSTS header and the serial number of the certificate, by a connection of its own. */
function ask(url: string, ca: string): Promise<{ status?: number; hsts?: string; serial: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/get_use_cases`, { ca, agent: false }, (response) => {
      const socket = response.socket as TLSSocket;
      const { serialNumber } = socket.getPeerCertificate();
      response.resume();
      resolve({
        status: response.statusCode,
        hsts: response.headers['strict-transport-security'],
        serial: serialNumber,
      });
    });
    outgoing.on('error', reject).end();
  });
}

test('TLS: answers under its certificate, and under a renewed one; unusable files say why', async () => {
  const directory = await temporaryDirectory();
  try {
    const { cert, ...files } = await tlsFiles(directory);
    const rig = await startRig({ environment: 'prod', ...files });
    try {
      assert.match(rig.url, /^https:\/\/127\.0\.0\.1:\d+$/);
      const answer = await ask(rig.url, cert);
      assert.deepEqual([answer.status, answer.serial], [200, '01']);
      assert.match(answer.hsts ?? '', /max-age/);
      const renewed = await tlsFiles(directory, 2);
      renewTls(rig.app.server as Server, rig.services.config);
      assert.equal((await ask(rig.url, renewed.cert)).serial, '02');
      await assert.rejects(ask(rig.url, cert));
    } finally {
      await rig.close();
    }
    const gone = { ...files, tlsKey: join(directory, 'missing.pem') };
    await assert.rejects(startRig({ environment: 'prod', ...gone }), { code: 'TLS_FILE_UNREADABLE' });
    await writeFile(files.tlsCert, 'no certificate');
    await assert.rejects(startRig({ environment: 'prod', ...files }), { code: 'TLS_INVALID' });
  } finally {
    await rm(directory, { recursive: true });
  }
});
