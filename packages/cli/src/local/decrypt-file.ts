/**
 * An encrypted result to an .npy file.
 * @module
 */
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys } from '@velum/runtime';
import type { DecryptOptions } from '../commands/decrypt.ts';
import { readBytes } from '../files.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { writeNpy } from '../npy.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { openCommandFile } from './command-file.ts';
import { readKey, sameKey } from './key-files.ts';
import { toArray } from './samples.ts';

export interface DecryptedFile extends Measured {
  file: string;
  samples: number;
  shape: number[];
  bytes: { input: number; output: number };
  predictions: number[][];
  threads: number;
}

export async function decryptFile(terminal: Terminal, options: DecryptOptions): Promise<DecryptedFile> {
  const { keyPath, ciphertextInputPath: input, plaintextOutputPath: output } = options;
  await checkOutputs([output], [keyPath, input]);
  const bytes = await readBytes(input);
  const hint = 'Give the file that `velum inference -o` wrote.';
  const result = openCommandFile(input, bytes, 'result', hint);
  const key = await readKey(terminal, keyPath, options.passphraseFile);
  sameKey(
    { path: keyPath, keyId: key.keyId, profileId: key.profile.id },
    { path: input, ...result },
    'encrypted',
  );
  const watch = new Stopwatch();
  const kernels = await loadKernels({ threads: options.threads ?? 1 });
  const progress = progressFor(terminal);
  try {
    const client = await ClientKeys.fromSecret(kernels, key.profile, await key.secret);
    watch.lap('load');
    const predictions: number[][] = [];
    for (const [i, container] of result.containers.entries()) {
      predictions.push(...(await client.decrypt(container)));
      progress.update('decrypt', i + 1, result.containers.length);
    }
    client.dispose();
    watch.lap('decrypt');
    const { shape, values } = toArray(predictions, key.profile);
    const npy = writeNpy(shape, values);
    await writeOutputs([{ path: output, bytes: npy }]);
    watch.lap('write');
    return {
      file: output,
      samples: predictions.length,
      shape,
      bytes: { input: bytes.length, output: npy.length },
      predictions,
      threads: kernels.threads,
      ...watch.result(),
    };
  } finally {
    progress.clear();
    await kernels.close();
  }
}
