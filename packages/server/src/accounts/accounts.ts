/**
 * Local accounts: sign up, sign in.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { type Db, isUniqueViolation } from '../db/open.ts';
import type { AccountsTable } from '../db/schema.ts';
import { ApiError } from '../errors.ts';
import { hashPassword, needsRehash, verifyPassword } from './passwords.ts';

const fold = (text: string) => text.normalize('NFKC').toLowerCase();

export async function createAccount(
  db: Db,
  input: { username: string; email: string; password: string },
): Promise<AccountsTable> {
  const row: AccountsTable = {
    id: randomUUID(),
    service_id: randomUUID(),
    username: input.username,
    username_key: fold(input.username),
    email: input.email,
    email_key: fold(input.email),
    password: await hashPassword(input.password),
    created_at: Date.now(),
  };
  try {
    await db.insertInto('accounts').values(row).execute();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    const taken = await db
      .selectFrom('accounts')
      .select('id')
      .where('username_key', '=', row.username_key)
      .executeTakeFirst();
    throw taken
      ? new ApiError('USERNAME_TAKEN', `username ${JSON.stringify(input.username)} is taken`)
      : new ApiError('EMAIL_TAKEN', `e-mail address ${JSON.stringify(input.email)} is taken`);
  }
  return row;
}

/** `username` may be the e-mail address. One error for every failure, and the same time for it. */
export async function signIn(db: Db, username: string, password: string): Promise<AccountsTable> {
  const key = fold(username);
  const account = await db
    .selectFrom('accounts')
    .selectAll()
    .where((eb) => eb.or([eb('username_key', '=', key), eb('email_key', '=', key)]))
    // A username that looks like somebody's e-mail address must not shadow that address.
    .orderBy((eb) => eb.case().when('username_key', '=', key).then(0).else(1).end())
    .executeTakeFirst();
  if (!(await verifyPassword(password, account?.password)) || !account) {
    throw new ApiError('SIGN_IN_FAILED', 'no account has this username and password');
  }
  if (needsRehash(account.password)) {
    const hash = await hashPassword(password);
    await db.updateTable('accounts').set({ password: hash }).where('id', '=', account.id).execute();
  }
  return account;
}
