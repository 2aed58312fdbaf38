/**
 * What the repository's own tests look at: the files that git tracks or would track, so that a finding shows
 * before the commit and build outputs stay out of sight.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = dirname(dirname(fileURLToPath(import.meta.url)));

/** A file of the repository: its path from the root, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Paths from the root of every tracked or new file that git does not ignore, sorted. */
export function trackedPaths(): string[] {
  // safe.directory: CI often runs as another user than the one that owns the clone.
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  return [...new Set(listed.split('\0'))]
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .sort();
}

/** Every tracked text file with its content; files with a NUL byte in their first 8 KiB are binary. */
export function trackedTexts(): SourceFile[] {
  return trackedPaths().flatMap((path) => {
    const bytes = readFileSync(join(root, path));
    return bytes.subarray(0, 8192).includes(0) ? [] : [{ path, text: bytes.toString('utf8') }];
  });
}
