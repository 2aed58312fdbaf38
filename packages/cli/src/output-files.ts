/**
 * Writing what a command made: all of it or nothing. Files are written beside their places and renamed when all of them
 * are complete, so that an error, a full disk or a second reader never meets half a file.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { access, constants, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CliError, EXIT } from './errors.ts';

export interface OutputFile {
  path: string;
  bytes: Uint8Array;
  /** Permissions of a new file, before the umask. Default 0666. */
  mode?: number;
}

/**
 * Refuses, before any work is done, what could not be written after it.
 * @throws CliError OUTPUT_IS_INPUT, OUTPUT_TWICE, OUTPUT_UNWRITABLE
 */
export async function checkOutputs(
  outputs: readonly string[],
  inputs: readonly string[] = [],
): Promise<void> {
  const taken = new Set(await Promise.all(inputs.map(place)));
  const seen = new Set<string>();
  for (const path of outputs) {
    const target = await place(path);
    if (taken.has(target)) {
      const message = `${path} is read and written: the output would replace an input`;
      throw new CliError('OUTPUT_IS_INPUT', message, EXIT.usage, 'Give the output another name.');
    }
    if (seen.has(target))
      throw new CliError('OUTPUT_TWICE', `two outputs are called ${path}`, EXIT.usage, 'Name them apart.');
    seen.add(target);
    const kind = await kindOf(target);
    if (kind === 'directory') throw unwritable(path, 'it is a directory');
    try {
      await access(kind === 'none' ? dirname(target) : target, constants.W_OK);
    } catch (error) {
      throw coded(path, error);
    }
  }
}

/** @throws CliError NO_SPACE, OUTPUT_UNWRITABLE; then none of the files has changed */
export async function writeOutputs(files: readonly OutputFile[]): Promise<void> {
  const written: { beside: string; target: string; path: string }[] = [];
  try {
    for (const { path, bytes, mode = 0o666 } of files) {
      const target = await place(path);
      if ((await kindOf(target)) === 'device') {
        await attempt(path, writeFile(target, bytes)); // a pipe or /dev/stdout has no place to rename to
        continue;
      }
      const beside = `${target}.${randomUUID()}.tmp`;
      written.push({ beside, target, path });
      await attempt(path, writeWhole(beside, bytes, mode));
    }
    for (const { beside, target, path } of written) await attempt(path, rename(beside, target));
  } catch (error) {
    for (const { beside } of written) await rm(beside, { force: true });
    throw error;
  }
}

async function writeWhole(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(bytes);
    await file.sync(); // a disk may tell only now that it is full
  } finally {
    await file.close();
  }
}

/** Where a path leads: through links, so that a link stays one. */
async function place(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return resolve(path);
  }
}

async function kindOf(path: string): Promise<'none' | 'file' | 'directory' | 'device'> {
  try {
    const found = await stat(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'device';
  } catch {
    return 'none';
  }
}

async function attempt(path: string, action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    throw coded(path, error);
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function coded(path: string, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (FULL.has(code ?? '')) {
    const hint = 'Free some space (or raise the quota) and run the command again; nothing was left behind.';
    return new CliError('NO_SPACE', `no space for ${path} (${code})`, EXIT.failure, hint);
  }
  return unwritable(path, code === 'ENOENT' ? `there is no directory ${dirname(path)}` : (code ?? message));
}

function unwritable(path: string, why: string): CliError {
  return new CliError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why}`, EXIT.badInput, 'Check the path.');
}
