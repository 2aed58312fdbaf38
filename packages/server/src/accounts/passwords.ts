/**
 * Password hashes: scrypt (RFC 7914) in PHC strings, `$scrypt$ln=15,r=8,p=3$salt$hash`, with the
 * parameters OWASP's password storage cheat sheet gives for 32 MiB. Verification reads the parameters from
 * the string, so the cost can be raised later; `needsRehash` says when to.
 * @module
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const LOG_N = 15;
const BLOCK = 8;
const PARALLEL = 3;
const HASH_BYTES = 32;
/** More at once would let a burst of sign-ins take the whole thread pool and 32 MiB each. */
const MOST_AT_ONCE = 2;

let running = 0;
const waiting: (() => void)[] = [];

async function derive(
  password: string,
  salt: Uint8Array,
  logN: number,
  r: number,
  p: number,
): Promise<Buffer> {
  if (running >= MOST_AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  running++;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const options = { N: 2 ** logN, r, p, maxmem: 160 * 2 ** logN * r };
      scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, key) =>
        error ? reject(error) : resolve(key),
      );
    });
  } finally {
    running--;
    waiting.shift()?.();
  }
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, LOG_N, BLOCK, PARALLEL);
  return `$scrypt$ln=${LOG_N},r=${BLOCK},p=${PARALLEL}$${base64(salt)}$${base64(hash)}`;
}

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Any account's hash parameters, for the unknown user: its check must take as long as a real one. */
const NOBODY = `$scrypt$ln=${LOG_N},r=${BLOCK},p=${PARALLEL}$${base64(Buffer.alloc(16))}$${base64(Buffer.alloc(HASH_BYTES))}`;

/** `stored` undefined means there is no such user: takes the same time and says false. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, ln, r, p, salt, hash] = PHC.exec(stored ?? NOBODY) ?? [];
  if (!hash) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = await derive(password, Buffer.from(salt, 'base64'), Number(ln), Number(r), Number(p));
  const equal = expected.length === actual.length && timingSafeEqual(expected, actual);
  return equal && stored !== undefined;
}

export function needsRehash(stored: string): boolean {
  const [, ln, r, p] = PHC.exec(stored) ?? [];
  return Number(ln) !== LOG_N || Number(r) !== BLOCK || Number(p) !== PARALLEL;
}
