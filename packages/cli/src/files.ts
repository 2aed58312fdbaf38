/**
 * Reading the files a command names.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ModelFile } from '@velum/compiler';
import { CliError, EXIT } from './errors.ts';

/** Bytes of a file; FILE_UNREADABLE (exit 5) names it and the reason. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : String(code);
    throw new CliError('FILE_UNREADABLE', `cannot read ${path}: ${why}`, EXIT.badInput, 'Check the path.');
  }
}

export async function readModelFile(path: string): Promise<ModelFile> {
  return { name: basename(path), bytes: await readBytes(path) };
}

/** A file of samples, of which `samples.h5#name` means one dataset. */
export async function readSampleFile(path: string): Promise<ModelFile> {
  const hash = path.lastIndexOf('#');
  const file = hash < 0 ? path : path.slice(0, hash);
  return { name: basename(file) + (hash < 0 ? '' : path.slice(hash)), bytes: await readBytes(file) };
}

/** First line of a file, for a passphrase. */
export async function readPassphrase(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return new TextDecoder().decode(await readBytes(path)).split(/\r?\n/, 1)[0];
}
