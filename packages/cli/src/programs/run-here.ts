/**
 * A round in one process: the server's part computes on what the client's part encrypted, with nothing but the server key.
 * @module
 */
import { TfheServerKey } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { ProgramKeys } from '@velum/programs';
import { programKeyStore } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { interruptSignal } from '../interrupt.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { readClientKey } from './key-file.ts';
import { progressLabel } from './progress-label.ts';
import { type Round, type RunProgram, roundOf } from './round.ts';

/** Of the keys for runs without a server. */
const LOCAL_KEYS = 'local';

export const runHere =
  (terminal: Terminal): RunProgram =>
  async (program, inputs, options) => {
    const kernels = await loadKernels({ threads: options.threads ?? 'auto' });
    const progress = progressFor(terminal);
    const { signal, done: release } = interruptSignal();
    let serverKey: TfheServerKey | undefined;
    try {
      let last = performance.now();
      const lap = (): number => {
        const before = last;
        last = performance.now();
        return last - before;
      };
      const keys =
        options.keys === undefined
          ? await localKeys(terminal, kernels)
          : await readClientKey(terminal, kernels, options.keys, options.passphraseFile);
      let keyBytes = 0;
      // inputs that fail should do so before keys of 24 MB are made
      for (const { input } of inputs) program.clear(input);
      if (program.needsKey) {
        const bytes = await keys.serverKey((done, total) => progress.update('server key', done, total));
        keyBytes = bytes.length;
        serverKey = await TfheServerKey.load(kernels, bytes, (done, total) =>
          progress.update('loading the key', done, total),
        );
      }
      const keyTime = lap();
      const rounds: Round[] = [];
      for (const clearInput of inputs) {
        const input = program.encode(keys, clearInput.input);
        const { bootstraps } = program.inspect(input);
        const encrypt = lap();
        const started = performance.now();
        const outputs = await program.run(
          {
            kernels,
            serverKey,
            signal,
            onProgress: (done, total) => {
              const left = done > 0 ? ((performance.now() - started) / done) * (total - done) : undefined;
              progress.update(progressLabel(done, total, left && left / 1000), done, total);
            },
          },
          input,
        );
        const run = lap();
        const result = program.decode(keys, outputs);
        const decrypt = lap();
        const times = { keys: rounds.length === 0 ? keyTime : 0, encrypt, run, decrypt };
        const total = Object.values(times).reduce((sum, ms) => sum + ms, 0);
        const bytes = { server_key: keyBytes, input: input.length, result: totalBytes(outputs) };
        rounds.push(roundOf(program, clearInput, { result, bootstraps, bytes }, { ...times, total }));
        lap();
      }
      return rounds;
    } catch (error) {
      if (signal.aborted) throw new CliError('ABORTED', 'interrupted', EXIT.interrupted);
      throw error;
    } finally {
      progress.clear();
      release();
      serverKey?.free();
      await kernels.close();
    }
  };

/** The stored keys for runs without a server, made when there are none. */
async function localKeys(terminal: Terminal, kernels: Kernels): Promise<ProgramKeys> {
  const store = programKeyStore(terminal);
  const stored = await store.load(LOCAL_KEYS);
  if (stored !== undefined) {
    try {
      return ProgramKeys.fromBytes(kernels, stored);
    } catch (error) {
      const hint = `Remove ${store.path(LOCAL_KEYS)}; the next run makes a new key.`;
      const message = `the stored key cannot be read: ${(error as Error).message}`;
      throw new CliError('KEY_STORE_CORRUPT', message, EXIT.badInput, hint);
    }
  }
  const keys = ProgramKeys.generate(kernels);
  await store.save(LOCAL_KEYS, keys.toBytes());
  return keys;
}

const totalBytes = (outputs: Record<string, Uint8Array>): number =>
  Object.values(outputs).reduce((sum, { length }) => sum + length, 0);
