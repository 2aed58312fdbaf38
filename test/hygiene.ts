/**
 * What must not stand in the repository, as functions from files to findings. The marks are spelled so that
 * this file does not contain them.
 * @module
 */
import { posix } from 'node:path';
import type { SourceFile } from './repository.ts';

/** A source longer than this has more than one idea in it. */
const LONGEST_SOURCE = 500;

const BUILT = /\.(wasm|node|o|so|a|dylib|dll|tsbuildinfo)$|(^|\/)(node_modules|dist|build|coverage)\//;
const SOURCE = /\.(ts|tsx|mjs|js|c|h)$/;

// Bare hosts too: a registry named in a document or a script binds the clone to it.
const REGISTRY = /https?:\/\/registry\.|\bregistry\.(npmjs|yarnpkg|npmmirror)\.|\bnpm\.pkg\.github\./;
const UNFINISHED = /\b(?:TO[D]O|FIXM[E])\b|\b[Nn]ot implemente[d]\b/;
const FOCUSED = /\b(?:test|it|describe|suite|t)\.(?:skip|only|todo)\(/;
const FOCUSED_OPTION = /\b(?:test|it|describe|suite)\([^\n]*\{[^}\n]*\b(?:skip|only|todo)\b/;

/** Folders of people's machines: wrong in every clone but one. */
const PERSONAL_PATH = /(?<![\w.\-}])\/(?:home\/[a-z][\w-]*|Users\/[A-Za-z][\w-]*)\//;

/** Built files among tracked paths. */
export const builtFiles = (paths: readonly string[]): string[] => paths.filter((path) => BUILT.test(path));

/** `path:line text` for each line that matches. */
function linesMatching(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1} ${line.trim().slice(0, 100)}`] : [],
      ),
  );
}

export const registryHosts = (files: readonly SourceFile[]): string[] => linesMatching(files, REGISTRY);

/**
 * Absolute paths of a machine: of anybody's home, and of this clone.
 * `workplaces` are folders of this machine that no file has a reason to name, without a slash at the end.
 */
export function machinePaths(files: readonly SourceFile[], workplaces: readonly string[]): string[] {
  const escaped = workplaces.map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const here = new RegExp(`(?<![\\w.\\-}])(?:${escaped.join('|')})(?![\\w-])`);
  const found = linesMatching(files, PERSONAL_PATH);
  return workplaces.length === 0 ? found : [...new Set([...found, ...linesMatching(files, here)])];
}

/** Tests that are switched off, or that switch all others off. */
export function focusedTests(files: readonly SourceFile[]): string[] {
  const tests = files.filter(({ path }) => /\.test\.tsx?$/.test(path));
  return [...linesMatching(tests, FOCUSED), ...linesMatching(tests, FOCUSED_OPTION)];
}

/** Marks of unfinished work in sources. */
export const unfinishedMarks = (files: readonly SourceFile[]): string[] =>
  linesMatching(
    files.filter(({ path }) => SOURCE.test(path)),
    UNFINISHED,
  );

/** Sources over the longest length, with their lengths. */
export function longSources(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    return SOURCE.test(path) && lines > LONGEST_SOURCE ? [`${path}: ${lines} lines`] : [];
  });
}

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

/** Whether Node would find the package when a module below `path` imports it. */
function isLocked(name: string, path: string, packages: Record<string, LockedPackage>): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/'), 0))) {
    if (Object.hasOwn(packages, posix.join(folder, 'node_modules', name))) return true;
    if (folder === '') return false;
  }
}

/**
 * Faults of a package-lock.json: every package from outside is pinned by its hash, and none by an address, so
 * that the clone installs from whichever registry its machine is set to. Every dependency has an entry, those of
 * other platforms too: npm leaves out the ones its registry lacks, and `npm ci` then refuses the whole file.
 */
export function lockfileFaults(lock: { packages: Record<string, LockedPackage> }): string[] {
  return Object.entries(lock.packages).flatMap(([path, entry]) => {
    const faults: string[] = [];
    if (entry.resolved !== undefined && /^[a-z+]+:/i.test(entry.resolved))
      faults.push(`${path}: resolved by address`);
    const fromOutside = path.includes('node_modules/') && entry.link !== true;
    if (fromOutside && entry.integrity === undefined) faults.push(`${path}: no integrity`);
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
      if (!isLocked(name, path, lock.packages)) faults.push(`${path}: ${name} is not locked`);
    return faults;
  });
}

/** Relative links of Markdown files that lead to no tracked file or folder. */
export function brokenLinks(files: readonly SourceFile[], paths: readonly string[]): string[] {
  const known = new Set(
    paths.flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))),
  );
  return files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!\w+:|#)([^)\s#]+)[^)]*\)/g)].flatMap(([, link]) => {
        const target = posix.normalize(posix.join(posix.dirname(path), link)).replace(/\/$/, '');
        return target === '.' || known.has(target) ? [] : [`${path}: ${link}`];
      }),
    );
}
