/**
 * token list, create, revoke.
 * @module
 */
import type { Command } from 'commander';
import { connectRemote } from '../context.ts';
import { print, printJson, table } from '../output.ts';
import { groupCommand, positiveNumber, remoteCommand } from '../program.ts';
import type { Terminal } from '../terminal.ts';

/** `velum token list|create|revoke` */
export function tokenCommand(terminal: Terminal): Command {
  const list = remoteCommand('list', 'list the tokens of the account', ['velum token list']).action(
    async (options: { url?: string; json?: boolean }) => {
      const { velum } = await connectRemote(terminal, options);
      const tokens = await velum.tokens.list();
      if (options.json) {
        printJson(terminal, { tokens });
        return;
      }
      const rows = tokens.map((t) => [
        t.id,
        t.name,
        `${t.prefix}...`,
        t.createdAt,
        t.lastUsedAt ?? 'never',
        t.expiresAt ?? 'never',
      ]);
      print(terminal, table(['id', 'name', 'token', 'created', 'last used', 'expires'], rows));
    },
  );
  const create = remoteCommand('create', 'make a named token; it is shown once', [
    'velum token create ci --days 90',
    'VELUM_TOKEN=$(velum token create ci --json | jq -r .token) velum models',
  ])
    .argument('<name>', 'a name to recognise it by')
    .option('--days <n>', 'days until it expires (default 365)', positiveNumber)
    .action(async (name: string, options: { days?: number; url?: string; json?: boolean }) => {
      const { velum } = await connectRemote(terminal, options);
      const token = await velum.tokens.create(name, options.days);
      if (options.json) printJson(terminal, token);
      else
        print(
          terminal,
          `${token.token}\nKeep it now: it is not shown again. Expires: ${token.expiresAt ?? 'never'}.`,
        );
    });
  const revoke = remoteCommand('revoke', 'make a token invalid at once', ['velum token revoke 3f2c...'])
    .argument('<id>', 'its id, from `velum token list`')
    .action(async (id: string, options: { url?: string; json?: boolean }) => {
      const { velum } = await connectRemote(terminal, options);
      await velum.tokens.revoke(id);
      if (options.json) printJson(terminal, { revoked: id });
      else print(terminal, `Revoked ${id}.`);
    });
  return groupCommand('token', 'list, make and revoke API tokens', [
    'velum token list',
    'velum token create ci',
  ])
    .addCommand(list)
    .addCommand(create)
    .addCommand(revoke);
}
