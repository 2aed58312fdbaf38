/**
 * A round against a server: it gets the server key once and ciphertexts, and never a secret.
 * @module
 */
import { loadKernels } from '@velum/kernels/node';
import { connectRemote } from '../context.ts';
import { interruptSignal } from '../interrupt.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { readClientKey } from './key-file.ts';
import { showStep } from './progress-label.ts';
import { type Round, type RunProgram, roundOf } from './round.ts';

export const runThere =
  (terminal: Terminal): RunProgram =>
  async (program, inputs, options) => {
    const kernels = await loadKernels({ threads: options.threads ?? 'auto' });
    const progress = progressFor(terminal);
    const { signal, done: release } = interruptSignal();
    try {
      const { velum } = await connectRemote(terminal, options, undefined, { tokenOptional: true, kernels });
      const keys =
        options.keys === undefined
          ? undefined
          : await readClientKey(terminal, kernels, options.keys, options.passphraseFile);
      const rounds: Round[] = [];
      for (const clearInput of inputs) {
        const { times, bytes, ...run } = await velum.programs.run(program, clearInput.input, {
          keys,
          signal,
          onProgress: (step, done, total, left) => showStep(progress, step, done, total, left),
        });
        const sizes = { server_key: bytes.keys, input: bytes.input, result: bytes.result };
        rounds.push(roundOf(program, clearInput, { ...run, bytes: sizes }, times));
      }
      return rounds;
    } finally {
      progress.clear();
      release();
      await kernels.close();
    }
  };
