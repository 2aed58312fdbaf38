/**
 * Fresh program keys as files: `client.key` for whoever encrypts, `server.key` for the server, byte for byte what /add_key takes.
 * @module
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadKernels } from '@velum/kernels/node';
import { ProgramKeys } from '@velum/programs';
import type { ProgramKeygenOptions } from '../commands/program.ts';
import { newPassphrase } from '../local/passphrase.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { sealClientKey } from './key-file.ts';

export interface MadeProgramKeys extends Measured {
  files: { client: string; server: string };
  bytes: { client: number; server: number };
  keyId: string;
  /** Whether the secret key is under one. */
  passphrase: boolean;
}

export async function makeProgramKeys(
  terminal: Terminal,
  options: ProgramKeygenOptions,
): Promise<MadeProgramKeys> {
  const files = { client: join(options.output, 'client.key'), server: join(options.output, 'server.key') };
  await mkdir(options.output, { recursive: true });
  await checkOutputs(Object.values(files));
  const passphrase = options.passphrase ? await newPassphrase(terminal, options.passphraseFile) : undefined;
  const watch = new Stopwatch();
  const kernels = await loadKernels({ threads: options.threads ?? 'auto' });
  const progress = progressFor(terminal);
  try {
    const keys = ProgramKeys.generate(kernels);
    const server = await keys.serverKey((done, total) => progress.update('server key', done, total));
    watch.lap('keys');
    const client = await sealClientKey(kernels, keys, passphrase);
    watch.lap('wrap');
    await writeOutputs([
      { path: files.client, bytes: client, mode: 0o600 },
      { path: files.server, bytes: server },
    ]);
    watch.lap('write');
    return {
      files,
      bytes: { client: client.length, server: server.length },
      keyId: keys.id,
      passphrase: passphrase !== undefined,
      ...watch.result(),
    };
  } finally {
    progress.clear();
    await kernels.close();
  }
}
