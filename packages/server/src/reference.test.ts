import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeApi } from './describe-api.ts';
import { ERRORS } from './errors.ts';
import { restReference } from './reference.ts';

test('docs/rest.md is what the routes say', async () => {
  const page = readFileSync(new URL('../../../docs/rest.md', import.meta.url), 'utf8');
  const wanted = restReference(await describeApi());
  assert.ok(page === wanted, 'docs/rest.md is stale: run `node scripts/rest-reference.ts`');
  for (const code of Object.keys(ERRORS)) assert.ok(page.includes(`\`${code}\``), code);
});

test('every row of the original table that applies is there', async () => {
  const { paths } = await describeApi();
  const model = '/api/v0.1/{service}/{name}/{version}';
  const rows: [string, string][] = [
    ['get', '/api/v0.1/info/version'],
    ['post', '/api/v0.1/{name}/{version}/deploy_model'],
    ['post', `${model}/application/register_user`],
    ['post', `${model}/add_profile`],
    ['get', `${model}/get_profile`],
    ['post', `${model}/upload/evaluation_key_url`],
    ['post', `${model}/upload/public_key_url`],
    ['post', `${model}/upload/encryption_seed_url`],
    ['put', '/api/v0.1/blobs/{id}'],
    ['get', `${model}/get_iop`],
    ['get', `${model}/get_enc_key`],
    ['get', `${model}/get_enc_seed`],
    ['post', `${model}/{data}/upload/data_url`],
    ['post', `${model}/predict/{data}`],
    ['get', '/api/v0.1/{service}/{job}/check_status'],
    ['get', '/api/v0.1/{service}/{job}/get_results'],
    ['delete', `${model}/application/unregister_user`],
    ['delete', '/api/v0.1/{name}/{version}/undeploy_model'],
  ];
  for (const [method, path] of rows) assert.ok(paths[path]?.[method], `${method} ${path}`);
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map((o) => o.operationId));
  assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
});
