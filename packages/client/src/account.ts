/**
 * Accounts and API tokens.
 * @module
 */
import { apiBase } from './address.ts';
import { listOf, stringField, stringOrNull } from './json-body.ts';
import { type ConnectOptions, Session } from './session.ts';

export interface SignedIn {
  /** The bearer token. SENSITIVE: shown once, the service keeps its hash. */
  token: string;
  id: string;
  username: string;
  /** ISO 8601, or null when the token does not expire. */
  expiresAt: string | null;
}

export interface TokenInfo {
  id: string;
  name: string;
  /** Made by signing in, or by `create`. */
  kind: 'session' | 'named';
  /** Whether it is the token of this connection. */
  current: boolean;
  /** The first characters, to recognise it by. */
  prefix: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
}

/** Makes an account and signs in to it. */
export function signUp(
  url: string,
  { username, email, password }: { username: string; email: string; password: string },
  options?: ConnectOptions,
): Promise<SignedIn> {
  return open(url, 'sign-up', '/accounts', { username, email, password }, options);
}

/** Exchanges a password for a token of limited life. */
export function signIn(
  url: string,
  { username, password }: { username: string; password: string },
  options?: ConnectOptions,
): Promise<SignedIn> {
  return open(url, 'sign-in', '/sessions', { username, password }, options);
}

async function open(
  url: string,
  what: string,
  path: string,
  credentials: Record<string, string>,
  options: ConnectOptions | undefined,
): Promise<SignedIn> {
  const body = await post(new Session(apiBase(url), undefined, options), what, path, credentials);
  const account = body['account'] as Record<string, unknown>;
  return {
    token: stringField(body, 'token'),
    id: stringField(account, 'id'),
    username: stringField(account, 'username'),
    expiresAt: stringOrNull(body, 'expires_at'),
  };
}

/** Tokens of one account. */
export class Tokens {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async list(): Promise<TokenInfo[]> {
    const answer = await this.#session.call('tokens', `${this.#session.base}/tokens`, {
      accept: 'application/json',
    });
    return listOf(answer.json(), 'tokens').map(parseToken);
  }

  /** `expiresInDays`: 365 by default, null for no expiry. The token itself is in the answer and nowhere else. */
  async create(name: string, expiresInDays?: number | null): Promise<TokenInfo & { token: string }> {
    const body = await post(this.#session, 'new token', '/tokens', {
      name,
      ...(expiresInDays === undefined ? {} : { expires_in_days: expiresInDays }),
    });
    return { ...parseToken(body), token: stringField(body, 'token') };
  }

  async revoke(id: string): Promise<void> {
    await this.#session.call('revoke token', `${this.#session.base}/tokens/${encodeURIComponent(id)}`, {
      method: 'DELETE',
    });
  }
}

async function post(
  session: Session,
  what: string,
  path: string,
  body: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const answer = await session.call(what, session.base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    accept: 'application/json',
  });
  return answer.json() as Record<string, unknown>;
}

function parseToken(value: Record<string, unknown>): TokenInfo {
  return {
    id: stringField(value, 'id'),
    name: stringField(value, 'name'),
    kind: value['kind'] === 'named' ? 'named' : 'session',
    current: value['current'] === true,
    prefix: stringField(value, 'prefix'),
    createdAt: stringField(value, 'created_at'),
    lastUsedAt: stringOrNull(value, 'last_used_at'),
    expiresAt: stringOrNull(value, 'expires_at'),
  };
}
