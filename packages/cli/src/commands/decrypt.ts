/**
 * decrypt: predictions from an encrypted result, under the secret key, into an .npy file.
 * @module
 */
import type { Command } from 'commander';
import { millisecondsText, note, print, printJson, scoreText } from '../output.ts';
import { command, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export interface DecryptOptions {
  keyPath: string;
  ciphertextInputPath: string;
  plaintextOutputPath: string;
  passphraseFile?: string;
  threads?: number | 'auto';
  json?: boolean;
}

/** Longer results are for programs. */
const SHOWN_VALUES = 16;

export function decryptCommand(terminal: Terminal): Command {
  const sub = command('decrypt', 'decrypt the result of an inference', [
    'velum decrypt -k key -i y.enc -o y.npy',
  ]);
  setting(sub, terminal, '-k, --key-path <path>', {
    description: 'the secret key',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-i, --ciphertext-input-path <path>', {
    description: 'the encrypted result',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-o, --plaintext-output-path <path>', {
    description: 'the predictions: an .npy array of doubles',
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
  return sub.action((options: DecryptOptions) => decryptAction(terminal, options));
}

async function decryptAction(terminal: Terminal, options: DecryptOptions): Promise<void> {
  const { decryptFile } = await import('../local/decrypt-file.ts');
  const { predictions, ...result } = await decryptFile(terminal, options);
  if (options.json) {
    printJson(terminal, result);
    return;
  }
  if (predictions.length * predictions[0].length <= SHOWN_VALUES)
    for (const row of predictions) print(terminal, row.map(scoreText).join('  '));
  note(
    terminal,
    `${result.file}  shape (${result.shape.join(', ')}), in ${millisecondsText(result.times.total)}`,
  );
}
