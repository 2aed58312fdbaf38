/**
 * encrypt: samples from an .npy file, under the secret key.
 * @module
 */
import type { Command } from 'commander';
import { bytesText, millisecondsText, print, printJson } from '../output.ts';
import { command, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export interface EncryptOptions {
  keyPath: string;
  plaintextInputPath: string;
  ciphertextOutputPath: string;
  passphraseFile?: string;
  threads?: number | 'auto';
  json?: boolean;
}

export function encryptCommand(terminal: Terminal): Command {
  const sub = command('encrypt', 'encrypt samples for a model', [
    'velum encrypt -k key -i x.npy -o x.enc',
    'velum encrypt -k key -i batch.npy -o batch.enc --passphrase-file secret.txt --json',
  ]);
  setting(sub, terminal, '-k, --key-path <path>', {
    description: 'the secret key',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-i, --plaintext-input-path <path>', {
    description: 'one sample or a batch: an .npy array',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-o, --ciphertext-output-path <path>', {
    description: 'the encrypted samples',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '--passphrase-file <path>', {
    description: "the key's passphrase: first line of this file",
  });
  setting(sub, terminal, '--threads <n>', {
    description: 'threads, or auto (default 1)',
    parse: threadCount,
  });
  return sub.action((options: EncryptOptions) => encryptAction(terminal, options));
}

async function encryptAction(terminal: Terminal, options: EncryptOptions): Promise<void> {
  const { encryptFile } = await import('../local/encrypt-file.ts');
  const { showWarnings } = await import('../local/samples.ts');
  const result = await encryptFile(terminal, options);
  if (options.json) {
    printJson(terminal, result);
    return;
  }
  showWarnings(terminal, result.warnings, result.warningCount);
  const { file, samples, bytes, times } = result;
  print(
    terminal,
    `${file}  ${samples} sample${samples === 1 ? '' : 's'}, ${bytesText(bytes.output)}, in ${millisecondsText(times.total)}`,
  );
}
