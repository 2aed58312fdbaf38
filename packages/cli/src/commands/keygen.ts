/**
 * keygen: the keys of one person for one model, from keyparams.json.
 * @module
 */
import type { Command } from 'commander';
import { bytesText, millisecondsText, print, printJson } from '../output.ts';
import { command, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export interface KeygenOptions {
  keyParamsPath: string;
  secretKeyPath: string;
  passphraseFile?: string;
  passphrase: boolean;
  threads?: number | 'auto';
  json?: boolean;
}

export function keygenCommand(terminal: Terminal): Command {
  const sub = command('keygen', 'make the secret key and the public key for a model', [
    'velum keygen -i keyparams.json -o key                  writes key and key.pub, asks for a passphrase',
    'velum keygen -i keyparams.json -o key --passphrase-file secret.txt',
  ]);
  setting(sub, terminal, '-i, --key-params-path <path>', {
    description: 'keyparams.json',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-o, --secret-key-path <path>', {
    description: 'the secret key; the public one is written beside it with .pub',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '--passphrase-file <path>', {
    description: 'the passphrase of the secret key: first line of this file',
  });
  sub.option('--no-passphrase', 'store the secret key as it is (the file is readable for your account only)');
  setting(sub, terminal, '--threads <n>', { description: 'threads, or auto (default)', parse: threadCount });
  return sub.action((options: KeygenOptions) => keygenAction(terminal, options));
}

async function keygenAction(terminal: Terminal, options: KeygenOptions): Promise<void> {
  const { makeKeys } = await import('../local/make-keys.ts');
  const { json, ...result } = await makeKeys(terminal, options);
  if (json) {
    printJson(terminal, result);
    return;
  }
  const { files, bytes, times, passphrase } = result;
  print(
    terminal,
    [
      `${files.key}      secret key, ${bytesText(bytes.key)}, ${passphrase ? 'under the passphrase' : 'NOT under a passphrase'}: keep it`,
      `${files.publicKey}  public key, ${bytesText(bytes.publicKey)}: for whoever runs the model`,
      `in ${millisecondsText(times.total)}`,
    ].join('\n'),
  );
}
