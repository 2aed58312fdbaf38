/**
 * An .npy file to an encrypted one.
 * @module
 */
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys } from '@velum/runtime';
import type { EncryptOptions } from '../commands/encrypt.ts';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { isNpy, readNpy } from '../npy.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { describeContent, sealCommandFile } from './command-file.ts';
import { readKey } from './key-files.ts';
import { inParts, type RangeWarning, rangeWarnings, toRows } from './samples.ts';

/** Images from 0 to 255 for a model that takes 0 to 1 would say the same of every pixel. */
const TOLD_WARNINGS = 100;

export interface EncryptedFile extends Measured {
  file: string;
  samples: number;
  bytes: { input: number; output: number };
  /** The first of them. */
  warnings: RangeWarning[];
  warningCount: number;
  threads: number;
}

export async function encryptFile(terminal: Terminal, options: EncryptOptions): Promise<EncryptedFile> {
  const { keyPath, plaintextInputPath: input, ciphertextOutputPath: output } = options;
  await checkOutputs([output], [keyPath, input]);
  const key = await readKey(terminal, keyPath, options.passphraseFile);
  const watch = new Stopwatch();
  const bytes = await readBytes(input);
  if (!isNpy(bytes)) {
    const message = `${input} is ${describeContent(bytes)}, not an .npy array`;
    throw new CliError(
      'WRONG_FILE',
      message,
      EXIT.badInput,
      'Give the samples in the clear, saved with np.save.',
    );
  }
  const rows = toRows(input, readNpy(input, bytes), key.profile);
  const warnings = rangeWarnings(rows, key.profile);
  const kernels = await loadKernels({ threads: options.threads ?? 1 });
  const progress = progressFor(terminal);
  try {
    const client = await ClientKeys.fromSecret(kernels, key.profile, await key.secret);
    watch.lap('load');
    const containers: Uint8Array[] = [];
    const parts = inParts(rows, key.profile);
    for (const part of parts) {
      containers.push(await client.encrypt(part));
      progress.update('encrypt', containers.length, parts.length);
    }
    client.dispose();
    watch.lap('encrypt');
    const sealed = sealCommandFile('input', key.keyId, containers);
    await writeOutputs([{ path: output, bytes: sealed }]);
    watch.lap('write');
    return {
      file: output,
      samples: rows.length,
      bytes: { input: bytes.length, output: sealed.length },
      warnings: warnings.slice(0, TOLD_WARNINGS),
      warningCount: warnings.length,
      threads: kernels.threads,
      ...watch.result(),
    };
  } finally {
    progress.clear();
    await kernels.close();
  }
}
