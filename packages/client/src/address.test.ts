/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiBase, modelAddress, parseNameVersion, rebase, sameServer } from './address.ts';

const BASE = 'http://127.0.0.1:5001/api/v0.1';

test('the base of the API from what people type', () => {
  for (const url of ['http://127.0.0.1:5001', 'http://127.0.0.1:5001/', `${BASE}/`, `${BASE}/x/y/v1/`]) {
    assert.equal(apiBase(url), BASE);
  }
  assert.equal(apiBase('https://host/velum'), 'https://host/velum/api/v0.1');
  for (const url of ['', 'host:5001', 'ftp://host', 'http://user:pass@host', 'http://host/?token=1']) {
    assert.throws(() => apiBase(url), { code: 'URL_INVALID' });
  }
});

test('the names of the loopback interface are one server', () => {
  assert.ok(sameServer('http://localhost:5001', 'http://127.0.0.1:5001/api'));
  assert.ok(!sameServer('http://localhost:5001', 'http://localhost:5002'));
  assert.ok(!sameServer('http://localhost:5001', 'https://localhost:5001'));
  assert.ok(!sameServer('http://localhost.example:5001', 'http://localhost:5001'));
});

test('model URLs are rebased, and refused when they lead elsewhere', () => {
  assert.equal(modelAddress(BASE, 'http://localhost:5001/api/v0.1/id/m/v1'), `${BASE}/id/m/v1/`);
  assert.throws(() => modelAddress(BASE, 'http://evil.example/api/v0.1/id/m/v1/'), {
    code: 'MODEL_ON_OTHER_SERVER',
  });
  assert.throws(() => modelAddress(BASE, `${BASE}/m/v1/`), { code: 'MODEL_REF_INVALID' });
  assert.throws(() => modelAddress(BASE, 'a/b/c'), { code: 'MODEL_REF_INVALID' });
});

test('names', () => {
  assert.deepEqual(parseNameVersion('fraud/v1'), { name: 'fraud', version: 'v1' });
  for (const bad of ['fraud', 'a/b/c', 'a b/v1', '/v1', 'a/']) assert.equal(parseNameVersion(bad), null);
});

test("the service's own URLs keep to the server connected to", () => {
  assert.equal(rebase(BASE, 'http://public.example/api/v0.1/id/job/', 'a job'), `${BASE}/id/job/`);
  assert.throws(() => rebase(BASE, 'http://evil.example/x', 'a job'), { code: 'BAD_RESPONSE' });
  assert.throws(() => rebase(BASE, 'Running', 'a job'), { code: 'BAD_RESPONSE' });
});
