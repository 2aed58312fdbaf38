/**
 * An encrypted input to an encrypted result. Samples are evaluated a few at a time, so that memory is bounded by the model
 * and its keys, whatever the size of a batch.
 * @module
 */
import { dirname } from 'node:path';
import { WIRE_HEADER_BYTES } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import { ServerPlan } from '@velum/runtime';
import type { InferenceOptions } from '../commands/inference.ts';
import { readBytes } from '../files.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { openCommandFile, sealCommandFile } from './command-file.ts';
import { readPublicKey, sameKey } from './key-files.ts';
import { findPlan } from './plan-files.ts';

export interface InferredFile extends Measured {
  file: string;
  plan: string;
  samples: number;
  bytes: { publicKey: number; input: number; output: number };
  threads: number;
}

/** Rows that a wire `input` states: the second number of its payload. */
const rowsOf = (input: Uint8Array): number =>
  new DataView(input.buffer, input.byteOffset, input.byteLength).getUint32(WIRE_HEADER_BYTES + 4, true);

export async function inferFile(terminal: Terminal, options: InferenceOptions): Promise<InferredFile> {
  const { modelPath, keyPath, ciphertextInputPath: input, ciphertextOutputPath: output } = options;
  await checkOutputs([output], [modelPath, keyPath, input]);
  const watch = new Stopwatch();
  const bytes = await readBytes(input);
  const hint = 'Give the file that `velum encrypt -o` wrote.';
  const encrypted = openCommandFile(input, bytes, 'input', hint);
  const key = await readPublicKey(keyPath);
  sameKey({ path: keyPath, ...key }, { path: input, ...encrypted }, 'encrypted');
  const { plan, path } = await findPlan({
    model: modelPath,
    plan: options.plan,
    near: [dirname(keyPath), dirname(input)],
    profileId: key.profileId,
  });
  const kernels = await loadKernels({ threads: options.threads ?? 'auto', wide: true });
  const progress = progressFor(terminal);
  try {
    watch.lap('read');
    const server = new ServerPlan(kernels, plan);
    watch.lap('plan');
    const keys = await server.loadKeys(key.publicKey, key.evaluationKey);
    watch.lap('keys');
    const results: Uint8Array[] = [];
    const parts = encrypted.containers.length;
    for (const container of encrypted.containers) {
      const result = await server.predict(keys, container, {
        onProgress: (done, total) => progress.update('inference', results.length + done / total, parts),
      });
      results.push(result);
    }
    watch.lap('inference');
    keys.dispose();
    server.dispose();
    const sealed = sealCommandFile('result', key.keyId, results);
    await writeOutputs([{ path: output, bytes: sealed }]);
    watch.lap('write');
    return {
      file: output,
      plan: path,
      samples: encrypted.containers.reduce((sum, container) => sum + rowsOf(container), 0),
      bytes: {
        publicKey: key.publicKey.length + key.evaluationKey.length,
        input: bytes.length,
        output: sealed.length,
      },
      threads: kernels.threads,
      ...watch.result(),
    };
  } finally {
    progress.clear();
    await kernels.close();
  }
}
