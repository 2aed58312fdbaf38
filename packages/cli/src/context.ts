/**
 * What a command that talks to the service needs: the server, the token for it, a connection.
 * @module
 */
import { join } from 'node:path';
import { apiBase, connect, FileKeyStore, FileProgramKeyStore, type Velum } from '@velum/client/node';
import type { Kernels } from '@velum/kernels';
import { keyDirectory, loginFor, readConfig, serverUrl } from './config.ts';
import { CliError, EXIT } from './errors.ts';
import type { Terminal } from './terminal.ts';

export interface RemoteOptions {
  url?: string;
  json?: boolean;
}

export interface Remote {
  velum: Velum;
  /** API base URL. */
  url: string;
}

/**
 * A connection with the token of that server: VELUM_TOKEN, else the stored one. A `modelUrl` names its server
 * itself. NOT_SIGNED_IN (exit 3) without a token, unless `tokenOptional`: a server in dev runs programs for anybody.
 */
export async function connectRemote(
  terminal: Terminal,
  options: RemoteOptions,
  modelUrl?: string,
  { tokenOptional = false, kernels }: { tokenOptional?: boolean; kernels?: Kernels } = {},
): Promise<Remote> {
  const config = await readConfig(terminal.env);
  let url = serverUrl(config, terminal.env, options.url);
  const explicit = options.url !== undefined || Boolean(terminal.env['VELUM_URL']);
  // the server of the model, unless one is named: then the client checks that they agree
  if (!explicit && modelUrl !== undefined && /^https?:/.test(modelUrl)) {
    const named = apiBase(new URL(modelUrl).href.replace(/[?#].*$/, ''));
    if (loginFor(config, named) !== undefined) url = named;
  }
  const token = terminal.env['VELUM_TOKEN'] || loginFor(config, url)?.login.token;
  if (!token && !tokenOptional) {
    throw new CliError(
      'NOT_SIGNED_IN',
      `no token for ${url}`,
      EXIT.authentication,
      'Run `velum login` (or `velum signup`), or set VELUM_TOKEN.',
    );
  }
  const velum = connect(url, token, {
    keyStore: new FileKeyStore(keyDirectory(terminal.env)),
    programKeyStore: programKeyStore(terminal),
    ...(kernels === undefined ? {} : { kernels }),
  });
  return { velum, url };
}

/** Where the secrets of program keys are kept, one for each server and account, and one for runs without a server. */
export const programKeyStore = (terminal: Terminal): FileProgramKeyStore =>
  new FileProgramKeyStore(join(keyDirectory(terminal.env), 'programs'));
