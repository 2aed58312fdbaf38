/** What holds for the API as a whole: errors, headers, limits, probes, documents, logs. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  jsonBody,
  ModelUser,
  PASSWORD,
  put,
  type Rig,
  request,
  startRig,
  TINY_ROW,
  User,
} from '../test/rig.ts';

let rig: Rig;
const log: string[] = [];

before(async () => {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString());
      done();
    },
  });
  rig = await startRig({ logger: { level: 'debug', stream }, metricsToken: 'scrape' });
});
after(() => rig.close());

test('errors are problem documents with code, hint and instance', async () => {
  const answer = await request('GET', `${rig.api}/nothing/here/at/all/of/it`);
  assert.equal(answer.status, 404);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  const { type, title, status, detail, code, instance, hint } = answer.json;
  assert.equal(code, 'ROUTE_NOT_FOUND');
  assert.equal(status, 404);
  assert.equal(type, `/errors/${code}`);
  assert.equal(instance, `urn:uuid:${answer.headers.get('x-request-id')}`);
  for (const text of [title, detail, hint]) assert.ok(text.length > 5);
  const wrong = await request('GET', `${rig.url}/start_task/?task_name=x`);
  assert.deepEqual([wrong.status, wrong.json.code], [405, 'METHOD_NOT_ALLOWED']);
  assert.equal(wrong.headers.get('allow'), 'POST');
  const page = await request('GET', rig.url + type);
  assert.equal(page.status, 200);
  assert.ok(page.text.includes(hint));
  assert.equal((await request('GET', `${rig.url}/errors/constructor`)).status, 404);
});

test('malformed bodies are 400 with a code, whatever is wrong with them', async () => {
  const user = await User.signUp(rig.api);
  const bad = async (body: string, type = 'application/json') =>
    (await request('POST', `${rig.api}/sessions`, { body, headers: { 'content-type': type } })).json.code;
  assert.equal(await bad('{"username":'), 'REQUEST_INVALID');
  assert.equal(await bad('[]'), 'REQUEST_INVALID');
  assert.equal(await bad('{"username":"a"}'), 'REQUEST_INVALID');
  assert.equal(await bad(''), 'REQUEST_INVALID');
  assert.equal(await bad('x=1', 'application/x-www-form-urlencoded'), 'REQUEST_INVALID');
  assert.equal(await bad(`"${'x'.repeat(300_000)}"`), 'BODY_TOO_LARGE');
  const pollution = JSON.stringify({ username: user.name, password: PASSWORD }).replace(
    '{',
    '{"__proto__":{"x":1},',
  );
  assert.notEqual(await bad(pollution), 'INTERNAL');
});

test('CORS: any origin, the headers that clients read; security headers', async () => {
  const preflight = await request('OPTIONS', `${rig.api}/accounts`, {
    headers: {
      origin: 'https://app.example',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
  assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /PUT/);
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/);
  const answer = await request('GET', `${rig.api}/info/version`, {
    headers: { origin: 'https://a.example' },
  });
  assert.match(answer.headers.get('access-control-expose-headers') ?? '', /server-timing/);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
});

test('probes, metrics, documents', async () => {
  assert.equal((await request('GET', `${rig.url}/healthz`)).json.status, 'ok');
  assert.equal((await request('GET', `${rig.url}/ready`)).json.status, 'ready');
  assert.equal((await request('GET', `${rig.url}/metrics`)).status, 401);
  const metrics = await request('GET', `${rig.url}/metrics`, { token: 'scrape' });
  assert.match(metrics.text, /velum_http_requests_total\{method="GET",route="\/healthz",status="200"\} \d/);
  assert.match(metrics.text, /velum_workers_ready 1/);
  const openapi = (await request('GET', `${rig.url}/openapi.json`)).json;
  assert.equal(openapi.openapi, '3.1.0');
  assert.equal(openapi.servers[0].url, rig.url);
  const docs = await request('GET', `${rig.url}/docs`);
  assert.equal(docs.status, 200);
  assert.match(docs.headers.get('content-security-policy') ?? '', /script-src|default-src 'self'/);
  assert.equal((await fetch(rig.url)).url, `${rig.url}/docs`);
});

test('quotas: each names itself and its limit', async () => {
  const limits = {
    deployedModels: 1,
    activeModels: 1,
    predictionsPerDay: 1,
    tokens: 1,
    storedBytes: 3_400_000,
  };
  const small = await startRig({ limits });
  try {
    const owner = await User.signUp(small.api);
    const refused = async (method: string, url: string, quota: string, options = {}) => {
      const answer = await owner.call(method, url, { any: true, ...options });
      assert.equal(answer.json.code, 'QUOTA_EXCEEDED', answer.text);
      assert.equal(answer.json.quota, quota);
      assert.equal(answer.json.limit, limits[quota as keyof typeof limits]);
    };
    const url = await owner.deploy('one');
    await refused('POST', '/two/v1/deploy_model', 'deployedModels');
    const user = await ModelUser.enrol(owner, url, { batchSize: 1 });
    const other = await (await User.signUp(small.api)).deploy('other');
    await refused('POST', `${other}application/register_user`, 'activeModels');
    await user.uploadRows('d', [TINY_ROW]);
    await owner.call('POST', `${url}predict/d`);
    await refused('POST', `${url}predict/d`, 'predictionsPerDay');
    await owner.call('POST', '/tokens', jsonBody({ name: 'a' }));
    await refused('POST', '/tokens', 'tokens', jsonBody({ name: 'b' }));
    let code = 'none';
    for (let i = 0; i < 20 && code !== 'QUOTA_EXCEEDED'; i++) {
      const link = await owner.call('POST', `${url}d${i}/upload/data_url`, { any: true });
      code = link.json.code ?? 'none';
      if (link.status === 200) await put(link.json.predictDataUrl, await user.keys.encrypt([TINY_ROW]));
    }
    assert.equal(code, 'QUOTA_EXCEEDED');
  } finally {
    await small.close();
  }
});

test('rate limits: strict for sign-in, per account elsewhere', async () => {
  const strict = await startRig({ limits: { authPerMinute: 3, requestsPerMinute: 5 } });
  try {
    const one = await User.signUp(strict.api);
    const two = await User.signUp(strict.api);
    const codes: number[] = [];
    for (let i = 0; i < 3; i++) {
      codes.push(
        (await request('POST', `${strict.api}/sessions`, jsonBody({ username: 'x', password: 'y' }))).status,
      );
    }
    assert.deepEqual(codes, [401, 429, 429]);
    for (let i = 0; i < 5; i++) await one.call('GET', '/account');
    const sixth = await one.call('GET', '/account', { any: true });
    assert.equal(sixth.json.code, 'RATE_LIMITED');
    assert.ok(Number(sixth.headers.get('retry-after')) > 0);
    assert.equal((await two.call('GET', '/account')).status, 200, 'another account is not held back');
  } finally {
    await strict.close();
  }
});

test('the log holds no token, password or signature', async () => {
  const owner = await User.signUp(rig.api);
  const user = await ModelUser.enrol(owner, await owner.deploy('logged'));
  const link = await user.link('d/upload/data_url');
  await put(link, await user.keys.encrypt([TINY_ROW]));
  await owner.call('POST', `${user.url}predict/d`);
  const all = log.join('');
  assert.ok(all.includes('/upload/data_url'), 'requests are logged');
  const signature = new URL(link).searchParams.get('signature') as string;
  for (const secret of [owner.token, PASSWORD, signature]) assert.ok(!all.includes(secret));
});

test('jobs are listed newest first, page by page', async () => {
  const owner = await User.signUp(rig.api);
  const user = await ModelUser.enrol(owner, await owner.deploy('pages'));
  await user.uploadRows('d', [TINY_ROW]);
  const urls: string[] = [];
  for (let i = 0; i < 5; i++) urls.push(await user.start('d'));
  for (const url of urls) await user.waitFor(url, ['Completed']);
  const seen: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page: { jobs: { job_url: string }[]; next: string | null } = (
      await owner.call('GET', `/jobs?limit=2${next && `&before=${next}`}`)
    ).json;
    seen.push(...page.jobs.map((job) => job.job_url));
    next = page.next;
  }
  assert.deepEqual([...seen].sort(), [...urls].sort());
  assert.deepEqual((await owner.call('GET', '/jobs?state=Failed')).json.jobs, []);
  assert.equal((await owner.call('GET', '/jobs?before=x', { any: true })).json.code, 'REQUEST_INVALID');
});
