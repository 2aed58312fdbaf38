/**
 * Fresh keys for the profile of keyparams.json, into `key` and `key.pub`.
 * @module
 */
import { wrapSecret } from '@velum/client';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys } from '@velum/runtime';
import type { KeygenOptions } from '../commands/keygen.ts';
import { type Measured, Stopwatch } from '../measure.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import { progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { keyIdOf } from './command-file.ts';
import { sealKey, sealPublicKey } from './key-files.ts';
import { readKeyParams } from './key-params.ts';
import { newPassphrase } from './passphrase.ts';

export interface MadeKeys extends Measured {
  json?: boolean;
  files: { key: string; publicKey: string };
  bytes: { key: number; publicKey: number };
  keyId: string;
  profileId: string;
  /** Whether the secret key is under one. */
  passphrase: boolean;
  threads: number;
}

export async function makeKeys(terminal: Terminal, options: KeygenOptions): Promise<MadeKeys> {
  const key = options.secretKeyPath;
  const publicKey = `${key}.pub`;
  await checkOutputs([key, publicKey], [options.keyParamsPath]);
  const { profile } = await readKeyParams(options.keyParamsPath);
  const passphrase = options.passphrase ? await newPassphrase(terminal, options.passphraseFile) : undefined;
  const watch = new Stopwatch();
  const kernels = await loadKernels({ threads: options.threads ?? 'auto' });
  const progress = progressFor(terminal);
  try {
    const client = ClientKeys.generate(kernels, profile);
    const pub = await client.publicKey();
    const evaluation = await client.evaluationKey((done, total) => progress.update('keys', done, total));
    watch.lap('keys');
    const secret = await client.exportSecret();
    client.dispose();
    const stored = passphrase === undefined ? secret : await wrapSecret(kernels, secret, passphrase);
    const keyId = keyIdOf(pub);
    const files = [
      { path: key, bytes: await sealKey(profile, keyId, stored), mode: 0o600 },
      { path: publicKey, bytes: sealPublicKey(pub, evaluation) },
    ];
    if (passphrase !== undefined) secret.fill(0);
    watch.lap('wrap');
    await writeOutputs(files);
    watch.lap('write');
    return {
      json: options.json,
      files: { key, publicKey },
      bytes: { key: files[0].bytes.length, publicKey: files[1].bytes.length },
      keyId,
      profileId: profile.id,
      passphrase: passphrase !== undefined,
      threads: kernels.threads,
      ...watch.result(),
    };
  } finally {
    progress.clear();
    await kernels.close();
  }
}
