/**
 * Sign up, sign in, the account itself.
 * @module
 */
import { Type } from 'typebox';
import { createAccount, signIn } from '../accounts/accounts.ts';
import { principalOf } from '../accounts/authenticate.ts';
import { verifyPassword } from '../accounts/passwords.ts';
import { createToken } from '../accounts/tokens.ts';
import type { AccountsTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import { listOwnModels, undeploy } from '../models/deployments.ts';
import { removeUserData } from '../models/removal.ts';
import { removeUnusedVariants } from '../models/variants.ts';
import { removeProgramData } from '../programs/tasks.ts';
import type { Services } from '../services.ts';
import { type App, sendEmpty } from './app-type.ts';
import { iso, isoOrNull, json, problem, Time, TimeOrNull } from './schemas.ts';

const Username = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._@+-]+$' });
const Password = Type.String({ minLength: 8, maxLength: 256, description: 'At least 8 characters' });
const AnyPassword = Type.String({ minLength: 1, maxLength: 256 });

const Account = Type.Object({
  id: Type.String(),
  service_id: Type.String({ description: 'First path segment of the URLs of this account’s models' }),
  username: Type.String(),
  email: Type.String(),
  created_at: Time,
});
const SignedIn = Type.Object({
  account: Account,
  token: Type.String({ description: 'The API token; shown once' }),
  token_id: Type.String(),
  expires_at: TimeOrNull,
});

const describe = (account: AccountsTable) => ({
  id: account.id,
  service_id: account.service_id,
  username: account.username,
  email: account.email,
  created_at: iso(account.created_at),
});

export function accountRoutes(app: App, services: Services): void {
  const { db, config } = services;

  async function signedIn(account: AccountsTable, name: string) {
    const token = await createToken(db, account.id, {
      name,
      kind: 'session',
      seconds: config.sessionSeconds,
    });
    return {
      account: describe(account),
      token: token.token,
      token_id: token.id,
      expires_at: isoOrNull(token.expiresAt),
    };
  }

  app.post(
    '/accounts',
    {
      config: { public: true, strictLimit: true },
      schema: {
        operationId: 'signUp',
        tags: ['Accounts'],
        summary: 'Sign up',
        description: 'Makes an account and signs in. The token lives as long as a session token.',
        security: [],
        body: Type.Object({
          username: Username,
          email: Type.String({ maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' }),
          password: Password,
        }),
        response: { 201: json('The account and its first token', SignedIn), default: problem },
      },
    },
    async (request, reply) => {
      const account = await createAccount(db, request.body);
      return reply.code(201).send(await signedIn(account, 'sign-up'));
    },
  );

  app.post(
    '/sessions',
    {
      config: { public: true, strictLimit: true },
      schema: {
        operationId: 'signIn',
        tags: ['Accounts'],
        summary: 'Sign in',
        description: 'Gives an API token that lives 12 hours by default.',
        security: [],
        body: Type.Object({
          username: Type.String({ minLength: 1, maxLength: 254, description: 'Username or e-mail address' }),
          password: AnyPassword,
        }),
        response: { 201: json('A new session token', SignedIn), default: problem },
      },
    },
    async (request, reply) => {
      const account = await signIn(db, request.body.username, request.body.password);
      return reply.code(201).send(await signedIn(account, 'sign-in'));
    },
  );

  app.get(
    '/account',
    {
      schema: {
        operationId: 'account',
        tags: ['Accounts'],
        summary: 'The signed-in account',
        response: { 200: json('The account', Account), default: problem },
      },
    },
    async (request) => describe(principalOf(request).account),
  );

  app.delete(
    '/account',
    {
      config: { strictLimit: false },
      schema: {
        operationId: 'deleteAccount',
        tags: ['Accounts'],
        summary: 'Delete the account',
        description:
          'Deletes the account with its tokens, its models (with everything their users stored) and its own keys, data and results. Needs the password.',
        body: Type.Object({ password: AnyPassword }),
        response: { 204: { description: 'Deleted', type: 'null' }, default: problem },
      },
    },
    async (request, reply) => {
      const { account } = principalOf(request);
      if (!(await verifyPassword(request.body.password, account.password))) {
        throw new ApiError('PASSWORD_WRONG', 'the password does not fit this account');
      }
      for (const model of await listOwnModels(services, account.id)) await undeploy(services, model);
      const enrolments = await db
        .selectFrom('enrolments')
        .select(['id', 'model_id'])
        .where('account_id', '=', account.id)
        .execute();
      for (const enrolment of enrolments) await removeUserData(services, enrolment.id);
      await removeProgramData(services, account.id);
      await db.deleteFrom('accounts').where('id', '=', account.id).execute();
      for (const enrolment of enrolments) await removeUnusedVariants(services, enrolment.model_id);
      return sendEmpty(reply, 204);
    },
  );
}
