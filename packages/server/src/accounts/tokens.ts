/**
 * API tokens: `velum_` and 256 random bits in base62. The database holds only their SHA-256; a fast hash is
 * enough for 256 random bits, and the look-up is by that hash.
 * @module
 */
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Db } from '../db/open.ts';
import type { AccountsTable, TokensTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** ceil(256 / log2(62)) */
const DIGITS = 43;
const TOKEN = /^velum_[0-9A-Za-z]{43}$/;
const SHOWN_PREFIX = 12;
/** `last_used_at` is written at most this often, so that a busy token costs no write per request. */
const LAST_USED_RESOLUTION = 60_000;

export function generateToken(): string {
  let value = BigInt(`0x${randomBytes(32).toString('hex')}`);
  let digits = '';
  for (let i = 0; i < DIGITS; i++) {
    digits = ALPHABET[Number(value % 62n)] + digits;
    value /= 62n;
  }
  return `velum_${digits}`;
}

export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex');

export interface CreatedToken {
  id: string;
  token: string;
  prefix: string;
  name: string;
  expiresAt: number | null;
}

/** `seconds` null: never expires. */
export async function createToken(
  db: Db,
  accountId: string,
  options: { name: string; kind: TokensTable['kind']; seconds: number | null },
): Promise<CreatedToken> {
  const token = generateToken();
  const now = Date.now();
  const row: TokensTable = {
    id: randomUUID(),
    account_id: accountId,
    name: options.name,
    kind: options.kind,
    prefix: token.slice(0, SHOWN_PREFIX),
    sha256: tokenHash(token),
    created_at: now,
    last_used_at: null,
    expires_at: options.seconds === null ? null : now + options.seconds * 1000,
  };
  await db.insertInto('tokens').values(row).execute();
  return { id: row.id, token, prefix: row.prefix, name: row.name, expiresAt: row.expires_at };
}

export interface Principal {
  account: AccountsTable;
  tokenId: string;
}

/** The account behind a token; throws ApiError TOKEN_INVALID or TOKEN_EXPIRED. */
export async function resolveToken(db: Db, token: string): Promise<Principal> {
  const unknown = () => new ApiError('TOKEN_INVALID', 'the bearer token belongs to no account');
  if (!TOKEN.test(token)) throw unknown();
  const sha256 = tokenHash(token);
  const row = await db
    .selectFrom('tokens')
    .innerJoin('accounts', 'accounts.id', 'tokens.account_id')
    .selectAll('accounts')
    .select(['tokens.id as token_id', 'tokens.sha256', 'tokens.expires_at', 'tokens.last_used_at'])
    .where('tokens.sha256', '=', sha256)
    .executeTakeFirst();
  if (!row || !timingSafeEqual(Buffer.from(row.sha256), Buffer.from(sha256))) throw unknown();
  const now = Date.now();
  if (row.expires_at !== null && row.expires_at <= now) {
    throw new ApiError('TOKEN_EXPIRED', `the token expired at ${new Date(row.expires_at).toISOString()}`);
  }
  if (row.last_used_at === null || now - row.last_used_at > LAST_USED_RESOLUTION) {
    await db.updateTable('tokens').set({ last_used_at: now }).where('id', '=', row.token_id).execute();
  }
  const { token_id, sha256: _sha256, expires_at: _expires, last_used_at: _used, ...account } = row;
  return { account, tokenId: token_id };
}
