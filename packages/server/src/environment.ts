/**
 * The three environments of the program routes, by one setting. dev serves this machine alone and asks for no
 * token; staging and prod ask for bearer tokens and travel by TLS, their own or a proxy's.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import { ConfigError } from './errors.ts';

export type Environment = 'dev' | 'staging' | 'prod';
export const ENVIRONMENTS: readonly Environment[] = ['dev', 'staging', 'prod'];

interface Network {
  host: string;
  publicUrl?: string;
  trustProxy: boolean;
  environment: Environment;
  tlsKey?: string;
  tlsCert?: string;
}

/** True for names and addresses that only this machine can reach; brackets of IPv6 are allowed. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Whether the program routes are open. Throws ConfigError when the setting and the network do not fit.
 * `explicit` false: the environment was not chosen, so a server that stands on a network keeps working, with
 * tokens asked for on every route.
 */
export function checkEnvironment(network: Network, explicit: boolean): boolean {
  const { environment, host, publicUrl, trustProxy } = network;
  if ((network.tlsKey === undefined) !== (network.tlsCert === undefined)) {
    throw new ConfigError(
      'TLS_INCOMPLETE',
      'tlsKey (VELUM_TLS_KEY) and tlsCert (VELUM_TLS_CERT) belong together: give both files or none',
    );
  }
  if (environment === 'dev') {
    const local =
      isLoopback(host) && !trustProxy && (publicUrl === undefined || isLoopback(new URL(publicUrl).hostname));
    if (!local && explicit) {
      throw new ConfigError(
        'ENVIRONMENT_UNSAFE',
        `environment dev asks for no token, so it serves this machine alone: host is ${JSON.stringify(host)}` +
          `${trustProxy ? ', behind a proxy' : ''}${publicUrl ? `, public as ${publicUrl}` : ''}. ` +
          'Listen on 127.0.0.1, or set VELUM_ENV to staging or prod',
      );
    }
    return local;
  }
  const own = network.tlsKey !== undefined;
  const proxied = trustProxy && publicUrl?.startsWith('https:');
  if (!own && !proxied) {
    throw new ConfigError(
      'TLS_REQUIRED',
      `environment ${environment} carries bearer tokens, so it needs TLS: set VELUM_TLS_KEY and VELUM_TLS_CERT to ` +
        'PEM files, or stand behind a proxy that ends TLS with VELUM_TRUST_PROXY=1 and VELUM_PUBLIC_URL=https://…',
    );
  }
  return false;
}

/** What the operator has to know though the server runs: tokens and keys that others on the line can read. */
export function clearTextWarning({ host, publicUrl, trustProxy, tlsKey }: Network): string | undefined {
  if (tlsKey !== undefined || publicUrl?.startsWith('https:')) return undefined;
  const local = isLoopback(host) && !trustProxy && (!publicUrl || isLoopback(new URL(publicUrl).hostname));
  if (local) return undefined;
  return (
    `listening on ${host} without TLS: passwords and bearer tokens travel in clear. Set VELUM_ENV to staging or prod ` +
    'with VELUM_TLS_KEY and VELUM_TLS_CERT, or stand behind a proxy that ends TLS and set VELUM_PUBLIC_URL=https://…'
  );
}

/** Key and certificate for the listener; undefined without TLS. Throws ConfigError TLS_FILE_UNREADABLE. */
export function readTls(
  config: Pick<Network, 'tlsKey' | 'tlsCert'>,
): { key: Buffer; cert: Buffer } | undefined {
  if (config.tlsKey === undefined || config.tlsCert === undefined) return undefined;
  const read = (name: string, path: string) => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new ConfigError(
        'TLS_FILE_UNREADABLE',
        `${name} ${path} cannot be read: ${(cause as Error).message}`,
        { cause },
      );
    }
  };
  return { key: read('tlsKey', config.tlsKey), cert: read('tlsCert', config.tlsCert) };
}

/** Reads the files again, for connections from now on: certificates are renewed while a server runs. */
export function renewTls(server: Server, config: Pick<Network, 'tlsKey' | 'tlsCert'>): void {
  const files = readTls(config);
  if (files) server.setSecureContext(files);
}
