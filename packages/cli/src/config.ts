/**
 * The configuration file: the server last signed in to, and a token per server (0600). A token is only ever
 * sent to the server it was issued by.
 * @module
 */
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { apiBase, defaultKeyDirectory, replaceFile, sameServer } from '@velum/client/node';
import { CliError, EXIT } from './errors.ts';

export const DEFAULT_URL = 'http://127.0.0.1:5001';

export interface StoredLogin {
  username: string;
  /** SENSITIVE */
  token: string;
  expiresAt: string | null;
}

export interface Config {
  /** The server of the last sign-in. */
  url?: string;
  /** By API base URL. */
  servers: Record<string, StoredLogin>;
}

export type Environment = Record<string, string | undefined>;

/** VELUM_CONFIG_DIR, else $XDG_CONFIG_HOME/velum, else ~/.config/velum. */
export function configDirectory(env: Environment): string {
  return env['VELUM_CONFIG_DIR'] || join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'velum');
}

/** Where secret keys are kept: with the configuration when that was placed explicitly. */
export function keyDirectory(env: Environment): string {
  return env['VELUM_CONFIG_DIR'] ? join(env['VELUM_CONFIG_DIR'], 'keys') : defaultKeyDirectory();
}

export async function readConfig(env: Environment): Promise<Config> {
  const path = join(configDirectory(env), 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { servers: {} };
    throw error;
  }
  try {
    const { url, servers } = JSON.parse(text);
    if (typeof servers !== 'object' || servers === null) throw new Error('no servers');
    return { url: typeof url === 'string' ? url : undefined, servers };
  } catch {
    throw new CliError('CONFIG_INVALID', `cannot read ${path}`, EXIT.failure, 'Remove it and sign in again.');
  }
}

export async function writeConfig(env: Environment, config: Config): Promise<void> {
  const directory = configDirectory(env);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(config, null, 2)}\n`;
  await replaceFile(join(directory, 'config.json'), new TextEncoder().encode(text));
}

/** --url, VELUM_URL, the last sign-in, the default; in this order. */
export function serverUrl(config: Config, env: Environment, option?: string): string {
  return apiBase(option || env['VELUM_URL'] || config.url || DEFAULT_URL);
}

/** The stored login for a server (names of the loopback interface are one). */
export function loginFor(config: Config, url: string): { key: string; login: StoredLogin } | undefined {
  const key =
    url in config.servers ? url : Object.keys(config.servers).find((other) => sameServer(other, url));
  return key === undefined ? undefined : { key, login: config.servers[key] };
}
