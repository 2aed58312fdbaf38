/**
 * signup, login, logout: an account and the token of later commands.
 * @module
 */

import { connect, type SignedIn, signIn, signUp } from '@velum/client/node';
import type { Command } from 'commander';
import { configDirectory, loginFor, readConfig, serverUrl, writeConfig } from '../config.ts';
import { print, printJson } from '../output.ts';
import { remoteCommand } from '../program.ts';
import { passwordOrAsk, valueOrAsk } from '../prompt.ts';
import type { Terminal } from '../terminal.ts';

interface AccountOptions {
  username?: string;
  email?: string;
  password?: string;
  url?: string;
  json?: boolean;
}

export function accountCommands(terminal: Terminal): Command[] {
  const signup = remoteCommand('signup', 'make an account and sign in to it', [
    'velum signup --username ada --email ada@example.org',
    'echo "$PASSWORD" | velum signup --username ada --email ada@example.org --password - --json',
  ])
    .option('--username <name>', 'user name')
    .option('--email <address>', 'e-mail address')
    .option(
      '--password <password>',
      'password; - reads it from stdin (better: others can see a command line)',
    )
    .action(async (options: AccountOptions) => {
      const username = await valueOrAsk(terminal, options.username, '--username', 'Username');
      const email = await valueOrAsk(terminal, options.email, '--email', 'E-mail');
      const password = await passwordOrAsk(terminal, options.password, 'Password (not shown)');
      const url = serverUrl(await readConfig(terminal.env), terminal.env, options.url);
      await store(terminal, options, url, await signUp(url, { username, email, password }));
    });

  const login = remoteCommand('login', 'sign in and store the token for later commands', [
    'velum login --username ada',
    'velum login --url https://velum.example.org --username ada',
  ])
    .option('--username <name>', 'user name')
    .option(
      '--password <password>',
      'password; - reads it from stdin (better: others can see a command line)',
    )
    .action(async (options: AccountOptions) => {
      const username = await valueOrAsk(terminal, options.username, '--username', 'Username');
      const password = await passwordOrAsk(terminal, options.password, 'Password (not shown)');
      const url = serverUrl(await readConfig(terminal.env), terminal.env, options.url);
      await store(terminal, options, url, await signIn(url, { username, password }));
    });

  const logout = remoteCommand('logout', 'revoke the stored token and forget it', ['velum logout']).action(
    async (options: AccountOptions) => {
      const config = await readConfig(terminal.env);
      const url = serverUrl(config, terminal.env, options.url);
      const found = loginFor(config, url);
      let revoked = false;
      if (found !== undefined) {
        const { token } = found.login;
        try {
          const { tokens } = connect(url, token, { retries: 0 });
          const own = (await tokens.list()).find(({ current }) => current);
          if (own !== undefined) {
            await tokens.revoke(own.id);
            revoked = true;
          }
        } catch {
          // expired already, or no server to tell: forgetting it here is what remains
        }
        delete config.servers[found.key];
        await writeConfig(terminal.env, config);
      }
      if (options.json) printJson(terminal, { url, signed_out: found !== undefined, revoked });
      else print(terminal, found === undefined ? `Not signed in to ${url}.` : `Signed out of ${url}.`);
    },
  );
  return [signup, login, logout];
}

async function store(
  terminal: Terminal,
  options: AccountOptions,
  url: string,
  signedIn: SignedIn,
): Promise<void> {
  const config = await readConfig(terminal.env);
  const { token, username, expiresAt, id } = signedIn;
  config.url = url;
  config.servers[url] = { username, token, expiresAt };
  await writeConfig(terminal.env, config);
  if (options.json) printJson(terminal, { url, id, username, token, expires_at: expiresAt });
  else {
    print(terminal, `Signed in to ${url} as ${username}.`);
    print(
      terminal,
      `The token is stored in ${configDirectory(terminal.env)}, until ${expiresAt ?? 'revoked'}.`,
    );
  }
}
