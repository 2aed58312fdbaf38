/**
 * The one account of environment dev: whoever sits at this machine. It has no password and cannot be signed in to.
 * Pages of other origins, and names that lead here from outside, are refused: a browser on this machine carries
 * both, and neither needs a token here.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Db, isUniqueViolation } from '../db/open.ts';
import type { AccountsTable } from '../db/schema.ts';
import { isLoopback } from '../environment.ts';
import { ApiError } from '../errors.ts';
import type { Principal } from './tokens.ts';

/** Parentheses are not allowed in usernames, so nobody can sign up as this one. */
const LOCAL = '(local)';

async function localAccount(db: Db): Promise<AccountsTable> {
  const find = () =>
    db.selectFrom('accounts').selectAll().where('username_key', '=', LOCAL).executeTakeFirst();
  const known = await find();
  if (known) return known;
  const row: AccountsTable = {
    id: randomUUID(),
    service_id: randomUUID(),
    username: LOCAL,
    username_key: LOCAL,
    email: LOCAL,
    email_key: LOCAL,
    // No hash of any password.
    password: '!',
    created_at: Date.now(),
  };
  try {
    await db.insertInto('accounts').values(row).execute();
    return row;
  } catch (error) {
    const twin = isUniqueViolation(error) && (await find());
    if (!twin) throw error;
    return twin;
  }
}

/** The principal of requests without a token; throws ApiError LOCAL_ONLY. */
export function localPrincipal(db: Db): (request: FastifyRequest) => Promise<Principal> {
  let account: AccountsTable | undefined;
  return async (request) => {
    const { host = '', origin } = request.headers;
    if (!isLoopback(nameOf(`http://${host}`))) {
      throw new ApiError('LOCAL_ONLY', `the request came by the name ${JSON.stringify(host.slice(0, 80))}`);
    }
    if (origin !== undefined && !isLoopback(nameOf(origin))) {
      throw new ApiError(
        'LOCAL_ONLY',
        `the request came from a page of ${JSON.stringify(origin.slice(0, 80))}`,
      );
    }
    account ??= await localAccount(db);
    return { account, tokenId: '' };
  };
}

function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
