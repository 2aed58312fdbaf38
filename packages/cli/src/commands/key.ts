/**
 * key list, delete: server keys of programs that a server holds, and the secret ones here.
 * @module
 */
import type { Command } from 'commander';
import { connectRemote, programKeyStore, type RemoteOptions } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { bytesText, print, printJson, table } from '../output.ts';
import { groupCommand, remoteCommand } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface DeleteOptions extends RemoteOptions {
  local?: boolean;
}

export function keyCommand(terminal: Terminal): Command {
  const list = remoteCommand('list', 'the server keys that the server holds for the account', [
    'velum key list',
  ]).action(async (options: RemoteOptions) => {
    const { velum } = await connectRemote(terminal, options, undefined, { tokenOptional: true });
    const keys = await velum.programs.serverKeys();
    if (options.json) {
      const shown = keys.map((key) => ({
        uid: key.uid,
        key_id: key.keyId,
        bytes: key.bytes,
        created_at: key.createdAt,
        expires_at: key.expiresAt,
      }));
      printJson(terminal, { keys: shown });
    } else if (keys.length === 0) print(terminal, 'No keys.');
    else
      print(
        terminal,
        table(
          ['uid', 'key', 'size', 'created', 'expires'],
          keys.map((key) => [
            key.uid,
            key.keyId.slice(0, 12),
            bytesText(key.bytes),
            key.createdAt ?? '',
            key.expiresAt ?? '',
          ]),
        ),
      );
  });

  const remove = remoteCommand('delete', 'delete a server key there, or the secret key here', [
    'velum key delete 3f2c6f0e-...           the server cannot compute for it any more',
    'velum key delete --local                the next run makes a new secret key for this server',
  ])
    .argument('[uid]', 'of the server key, from `velum key list`')
    .option('--local', 'the secret key of this server and account, stored on this machine')
    .action((uid: string | undefined, options: DeleteOptions) => deleteAction(terminal, uid, options));

  return groupCommand('key', 'keys of programs', ['velum key list', 'velum key delete UID'])
    .addCommand(list)
    .addCommand(remove);
}

async function deleteAction(
  terminal: Terminal,
  uid: string | undefined,
  options: DeleteOptions,
): Promise<void> {
  if ((uid === undefined) === (options.local !== true))
    throw new CliError('USAGE', 'name what to delete', EXIT.usage, 'Give a UID, or --local.');
  const { velum, url } = await connectRemote(terminal, options, undefined, { tokenOptional: true });
  if (uid === undefined) await programKeyStore(terminal).remove(await velum.programs.keyStoreId());
  else await velum.programs.deleteKey(uid);
  if (options.json) printJson(terminal, { deleted: uid ?? 'local', url });
  else print(terminal, uid === undefined ? `Deleted the secret key for ${url}.` : `Deleted ${uid}.`);
}
