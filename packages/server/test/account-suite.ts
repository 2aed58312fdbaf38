import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { jsonBody, PASSWORD, type Rig, request, startRig, User } from './rig.ts';
import type { FreshDatabase } from './suites.ts';

export function accountSuite(fresh: FreshDatabase): void {
  describe('accounts and tokens', () => {
    let rig: Rig;
    before(async () => {
      rig = await startRig(await fresh());
    });
    after(() => rig.close());

    const post = (path: string, body: unknown, token?: string) =>
      request('POST', rig.api + path, { ...jsonBody(body), token });

    test('sign up, sign in by name or address, whatever the case', async () => {
      const user = await User.signUp(rig.api, 'Ada');
      const account = (await user.call('GET', '/account')).json;
      assert.equal(account.username, 'Ada');
      assert.match(account.service_id, /^[0-9a-f-]{36}$/);
      for (const username of ['ada', 'ADA', 'ada@EXAMPLE.org']) {
        const answer = await post('/sessions', { username, password: PASSWORD });
        assert.equal(answer.status, 201, answer.text);
        assert.match(answer.json.token, /^velum_[0-9A-Za-z]{43}$/);
        const life = new Date(answer.json.expires_at).getTime() - Date.now();
        assert.ok(Math.abs(life - 12 * 3_600_000) < 60_000, 'sessions live 12 hours');
      }
    });

    test('one error for a wrong password and for an unknown user, in like time', async () => {
      await User.signUp(rig.api, 'Bob');
      const time = async (username: string) => {
        const start = performance.now();
        const answer = await post('/sessions', { username, password: 'not the password' });
        assert.equal(answer.status, 401);
        assert.equal(answer.json.code, 'SIGN_IN_FAILED');
        return performance.now() - start;
      };
      const known = Math.min(await time('Bob'), await time('Bob'), await time('Bob'));
      const unknown = Math.min(await time('nobody'), await time('nobody'), await time('nobody'));
      assert.ok(unknown > known / 3 && known > unknown / 3, `${known} ms and ${unknown} ms`);
    });

    test('names and addresses are unique, passwords have a least length', async () => {
      await User.signUp(rig.api, 'Carol');
      const carol = { username: 'cAROL', email: 'other@example.org', password: PASSWORD };
      assert.equal((await post('/accounts', carol)).json.code, 'USERNAME_TAKEN');
      const email = { username: 'carol2', email: 'CAROL@example.org', password: PASSWORD };
      assert.equal((await post('/accounts', email)).json.code, 'EMAIL_TAKEN');
      const short = { username: 'dave', email: 'd@example.org', password: 'short' };
      const answer = await post('/accounts', short);
      assert.equal(answer.status, 400);
      assert.equal(answer.json.code, 'REQUEST_INVALID');
      assert.ok(!answer.text.includes('short"'), 'the password is not repeated');
    });

    test('list, create, use, revoke', async () => {
      const user = await User.signUp(rig.api);
      const created = (await post('/tokens', { name: 'ci', expires_in_days: 7 }, user.token)).json;
      assert.match(created.token, /^velum_/);
      assert.ok(created.token.startsWith(created.prefix));
      const forever = (await post('/tokens', { name: 'x', expires_in_days: null }, user.token)).json;
      assert.equal(forever.expires_at, null);
      assert.equal((await request('GET', `${rig.api}/account`, { token: created.token })).status, 200);
      const { tokens } = (await user.call('GET', '/tokens')).json;
      assert.equal(tokens.length, 3);
      assert.equal(tokens.filter((token: { current: boolean }) => token.current).length, 1);
      const listed = tokens.find((token: { id: string }) => token.id === created.id);
      assert.notEqual(listed.last_used_at, null);
      assert.ok(!JSON.stringify(tokens).includes(created.token), 'a token is shown once');
      await user.call('DELETE', `/tokens/${created.id}`);
      const after = await request('GET', `${rig.api}/account`, { token: created.token });
      assert.equal(after.json.code, 'TOKEN_INVALID');
      const other = await User.signUp(rig.api);
      const foreign = await other.call('DELETE', `/tokens/${forever.id}`, { any: true });
      assert.equal(foreign.json.code, 'TOKEN_NOT_FOUND');
    });

    test('expired, missing and malformed ones are told apart', async () => {
      const user = await User.signUp(rig.api);
      const { token, id } = (await post('/tokens', { name: 'old' }, user.token)).json;
      await rig.services.db
        .updateTable('tokens')
        .set({ expires_at: Date.now() - 1 })
        .where('id', '=', id)
        .execute();
      const code = async (headers: Record<string, string>) => {
        const answer = await request('GET', `${rig.api}/account`, { headers });
        assert.equal(answer.status, 401);
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
        return answer.json.code;
      };
      assert.equal(await code({ authorization: `Bearer ${token}` }), 'TOKEN_EXPIRED');
      assert.equal(await code({}), 'UNAUTHENTICATED');
      assert.equal(await code({ authorization: 'Basic abc' }), 'UNAUTHENTICATED');
      assert.equal(await code({ authorization: "Bearer ' or 1=1 --" }), 'UNAUTHENTICATED');
      assert.equal(await code({ authorization: `Bearer velum_${'0'.repeat(43)}` }), 'TOKEN_INVALID');
    });

    test('only hashes are stored', async () => {
      const user = await User.signUp(rig.api);
      const rows = JSON.stringify([
        await rig.services.db.selectFrom('tokens').selectAll().execute(),
        await rig.services.db.selectFrom('accounts').selectAll().execute(),
      ]);
      assert.ok(!rows.includes(user.token));
      assert.ok(!rows.includes(PASSWORD));
    });
  });
}
