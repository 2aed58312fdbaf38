/** The program routes as the original's clients use them, and what was broken there. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { programNamed, programs } from '@velum/programs';
import { file, form, ProgramUser, rawGet, readEvents, sharedKeys } from '../test/program-rig.ts';
import { blobKeys, type Rig, request, startRig, User, until } from '../test/rig.ts';

const WEIGHTS = { weights_kg: [68, 65] };
const ADS = programNamed('ad_targeting');

describe('environment dev', () => {
  let rig: Rig;
  let user: ProgramUser;

  before(async () => {
    rig = await startRig();
    user = await ProgramUser.local(rig.url);
  });
  after(() => rig.close());

  test('get_use_cases lists the programs', async () => {
    const { json } = await user.ok('GET', '/get_use_cases');
    assert.deepEqual(
      json['Use-cases'],
      programs.map(({ name }) => name),
    );
    assert.ok(json['Use-cases'].includes('weight_stats'));
    assert.equal(json.programs.length, programs.length);
  });

  test('the whole session: key, task, status, result, completed after the first fetch', async () => {
    const uid = await user.addKey();
    assert.match(uid, /^[0-9a-f-]{36}$/);
    const task = await user.start('weight_stats', WEIGHTS, uid);
    assert.match(task.task_id, /^[0-9a-f-]{36}$/);
    assert.equal(task.uid, uid);
    await user.waitFor(task, ['success']);
    const status = await user.status(task);
    assert.deepEqual([status.task_id, status.uid, status.worker], [task.task_id, uid, 'not tracked']);
    const answer = await user.result(task, `&task_name=weight_stats&uid=${uid}`);
    assert.deepEqual([answer.json.stderr, answer.json.status, answer.json.uid], ['', 'success', uid]);
    assert.equal(answer.json.output_file_path.length, 3);
    assert.deepEqual(await user.decode('weight_stats', task), programNamed('weight_stats').clear(WEIGHTS));
    assert.equal((await user.status(task)).status, 'completed');
    assert.match(
      (await user.status(task)).details,
      /^Task completed on `\d{4}-.*`\. The result is stored\.$/,
    );
    const one = await user.result(task, '&output=avg');
    assert.equal(one.headers.get('content-type'), 'application/octet-stream');
    assert.deepEqual(Buffer.from(one.bytes).toString('base64'), answer.json.avg);
    assert.equal((await user.result(task, '&output=median')).json.code, 'OUTPUT_UNKNOWN');
  });

  test('a program without a key needs no uid, and answers bytes with headers', async () => {
    const input = ADS.sample();
    const task = await user.start('ad_targeting', input);
    assert.match(task.uid, /^[0-9a-f-]{36}$/);
    await user.waitFor(task, ['success']);
    const answer = await user.result(task);
    assert.equal(answer.headers.get('task_id'), task.task_id);
    assert.equal(answer.headers.get('uid'), task.uid);
    assert.equal(answer.headers.get('status'), 'success');
    assert.match(
      answer.headers.get('content-disposition') ?? '',
      new RegExp(`^attachment; filename=${task.uid}\\.ad_targeting\\.output\\.fheencrypted$`),
    );
    assert.deepEqual(await user.decode('ad_targeting', task), ADS.clear(input));
    // The uid of an earlier task is the account's own; anybody's is not.
    assert.equal((await user.start('ad_targeting', input, task.uid)).uid, task.uid);
    const foreign = await user.tryStart(
      'ad_targeting',
      user.encode('ad_targeting', input),
      crypto.randomUUID(),
    );
    assert.equal(foreign.json.code, 'SERVER_KEY_NOT_FOUND');
  });

  test('fields from the query, X_form and X, on GET with a form too', async () => {
    const task = await user.start('ad_targeting', ADS.sample());
    await user.waitFor(task, ['success']);
    const id = task.task_id;
    // fetch sends no body with GET; curl -X GET -F does.
    const boundary = 'x-velum';
    const part = (name: string, value: string) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const get = (path: string, text: string, type = `multipart/form-data; boundary=${boundary}`) =>
      rawGet(rig.url, path, text, type);
    const end = `--${boundary}--\r\n`;
    const seen = async (path: string, text: string, type?: string) =>
      JSON.parse(await get(path, text, type)).status;
    assert.equal(
      await seen('/get_task_status', part('task_id', id) + part('uid', task.uid) + end),
      'success',
    );
    assert.equal(
      await seen('/get_task_status', part('task_id_form', id) + part('task_id', 'x') + end),
      'success',
    );
    assert.equal(await seen(`/get_task_status?task_id=${id}`, part('task_id', 'x') + end), 'success');
    const encoded = 'application/x-www-form-urlencoded';
    assert.equal(await seen('/get_task_status', `task_id=${id}`, encoded), 'success');
    const broken = JSON.parse(await get('/get_task_status', 'no form at all'));
    assert.equal(broken.code, 'REQUEST_INVALID');
    const large = JSON.parse(await get('/get_task_status', part('task_id', 'x'.repeat(70_000)) + end));
    assert.equal(large.code, 'BODY_TOO_LARGE');
  });

  test('unknown tasks: status unknown as in the original, 404 elsewhere', async () => {
    const status = async (query: string) => (await user.ok('GET', `/get_task_status${query}`)).json;
    assert.deepEqual(await status('?task_id=&uid=u').then((s) => [s.status, s.details]), [
      'unknown',
      'Task ID is None or Empty.',
    ]);
    assert.equal((await status('?task_id=x&uid=')).details, 'UID is None or Empty.');
    assert.match((await status('?task_id=Fake_Task_ID')).details, /^Task may not exist/);
    const task = await user.start('ad_targeting', ADS.sample());
    assert.equal((await status(`?task_id=${task.task_id}&uid=*`)).status, 'unknown');
    for (const [method, path] of [
      ['GET', '/get_task_result'],
      ['GET', '/get_task_events'],
      ['POST', '/cancel_task'],
    ]) {
      assert.equal((await user.call(method, `${path}?task_id=*`)).json.code, 'TASK_NOT_FOUND');
      assert.equal((await user.call(method, path)).json.code, 'FIELD_MISSING');
    }
    assert.equal((await user.result(task, '&task_name=nope')).json.code, 'PROGRAM_UNKNOWN');
    assert.equal((await user.result(task, '&task_name=weight_stats')).json.code, 'TASK_NOT_FOUND');
  });

  test('events of a task that has ended: its state, then the end; numbers go on from Last-Event-ID', async () => {
    const task = await user.start('ad_targeting', ADS.sample());
    await user.waitFor(task, ['success']);
    const url = `${rig.url}/get_task_events?task_id=${task.task_id}`;
    const events = await readEvents(await fetch(url, { headers: { 'last-event-id': '41' } }));
    assert.deepEqual(
      events.map(({ event, id, data }) => [event, id, data.task_id]),
      [['success', 42, task.task_id]],
    );
    const odd = await readEvents(await fetch(url, { headers: { 'last-event-id': 'x' } }));
    assert.equal(odd[0].id, 1);
  });

  test('refused starts keep nothing', async () => {
    await until(async () => (await user.ok('GET', '/list_current_tasks')).json.length === 0, 'no tasks');
    const before = await blobKeys(rig);
    const uid = await user.addKey();
    const good = user.encode('weight_stats', WEIGHTS);
    const ads = user.encode('ad_targeting', ADS.sample());
    const { kernels } = await sharedKeys();
    const { ProgramKeys } = await import('@velum/programs');
    const other = programNamed('weight_stats').encode(ProgramKeys.generate(kernels), WEIGHTS);
    const cases: [
      Promise<{ json: { code: string; reason?: { code: string } }; status: number }>,
      number,
      string,
    ][] = [
      [user.tryStart('nope', good, uid), 400, 'PROGRAM_UNKNOWN'],
      [user.tryStart('weight_stats', good, crypto.randomUUID()), 404, 'SERVER_KEY_NOT_FOUND'],
      [user.tryStart('weight_stats', good), 422, 'FIELD_MISSING'],
      [user.tryStart('weight_stats', ads, uid), 413, 'BODY_TOO_LARGE'],
      [user.tryStart('ad_targeting', good), 422, 'INPUT_REFUSED'],
      [user.tryStart('weight_stats', good.slice(0, 40), uid), 422, 'INPUT_REFUSED'],
      [user.tryStart('weight_stats', new Uint8Array(0), uid), 422, 'INPUT_REFUSED'],
      [user.tryStart('weight_stats', new Uint8Array(40 * 2 ** 20), uid), 413, 'BODY_TOO_LARGE'],
      [user.tryStart('weight_stats', other, uid), 409, 'SERVER_KEY_MISMATCH'],
      [
        user.call('POST', '/start_task', { body: form({ uid, task_name: 'weight_stats' }) }),
        422,
        'FIELD_MISSING',
      ],
      [
        user.call('POST', '/start_task', { body: form({ uid, encrypted_input: file(good) }) }),
        422,
        'FIELD_MISSING',
      ],
      [
        user.call('POST', '/start_task', {
          // The name comes after the file: the program's own limit holds all the same.
          body: form({ encrypted_input: file(good), uid, task_name: 'nope' }),
        }),
        400,
        'PROGRAM_UNKNOWN',
      ],
      [
        user.call('POST', '/start_task', {
          body: form({ encrypted_input: file(new Uint8Array(100_000)), uid, task_name: 'weight_stats' }),
        }),
        413,
        'BODY_TOO_LARGE',
      ],
      [user.call('POST', '/start_task', { body: 'x' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
      [
        user.call('POST', '/start_task', {
          body: form({ uid, task_name: 'weight_stats', encrypted_input: 'text' }),
        }),
        422,
        'FIELD_MISSING',
      ],
      [
        user.call('POST', '/start_task', {
          body: Buffer.from(
            '--b\r\ncontent-disposition: form-data; name="encrypted_input"; filename="x"\r\n\r\nabc',
          ),
          headers: { 'content-type': 'multipart/form-data; boundary=b' },
        }),
        400,
        'REQUEST_INVALID',
      ],
    ];
    for (const [answer, status, code] of cases) {
      const got = await answer;
      assert.deepEqual([got.status, got.json?.code], [status, code], JSON.stringify(got.json));
    }
    await user.ok('DELETE', `/keys/${uid}`);
    const key = (name: string) => !name.startsWith('keys/');
    assert.deepEqual((await blobKeys(rig)).filter(key), before.filter(key));
  });

  test('the same Idempotency-Key gives the same task; another request under it is refused', async () => {
    const bytes = user.encode('ad_targeting', ADS.sample());
    const start = (input = bytes, key = 'one') =>
      user.tryStart('ad_targeting', input, undefined, { 'idempotency-key': key });
    const answers = await Promise.all([start(), start(), start()]);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(new Set(answers.map(({ json }) => json.task_id)).size, 1);
    assert.notEqual((await start(bytes, 'two')).json.task_id, answers[0].json.task_id);
    const other = await start(user.encode('ad_targeting', ADS.sample()));
    assert.deepEqual([other.status, other.json.code], [422, 'IDEMPOTENCY_KEY_REUSED']);
    assert.equal((await start(bytes, 'a b')).json.code, 'REQUEST_INVALID');
  });

  test('open to this machine alone: other pages and other names are refused', async () => {
    const page = await user.call('GET', '/list_current_tasks', {
      headers: { origin: 'https://example.org' },
    });
    assert.deepEqual([page.status, page.json.code], [403, 'LOCAL_ONLY']);
    await user.ok('GET', '/list_current_tasks', { headers: { origin: 'http://localhost:5173' } });
    const named = JSON.parse(await rawGet(rig.url, '/keys', '', '', 'rebound.example.org'));
    assert.equal(named.code, 'LOCAL_ONLY');
    // The model API keeps its accounts, and a token is honoured where none is needed.
    assert.equal((await request('GET', `${rig.api}/jobs`)).status, 401);
    assert.equal((await user.call('GET', '/keys', { token: 'velum_nonsense' })).status, 401);
    await user.start('ad_targeting', ADS.sample());
    const someone = await User.signUp(rig.api);
    const signedIn = new ProgramUser(rig.url, user.keys, someone.token);
    assert.deepEqual((await signedIn.ok('GET', '/keys')).json.keys, []);
    const signIn = await request('POST', `${rig.api}/sessions`, {
      body: JSON.stringify({ username: '(local)', password: '!' }),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(signIn.json.code, 'SIGN_IN_FAILED');
  });
});
