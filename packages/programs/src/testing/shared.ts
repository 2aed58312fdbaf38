/**
 * What tests share: data beside the repository where it is there, tables in the programs' pages. Not exported.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';

/** A file of the data folder beside the repository, or undefined in a clone without one. */
export function sharedFile(path: string): Uint8Array | undefined {
  const url = new URL(`../../../../../shared/data/fhe-server/${path}`, import.meta.url);
  return existsSync(url) ? new Uint8Array(readFileSync(url)) : undefined;
}

export function sharedJson(path: string): unknown {
  const bytes = sharedFile(path);
  return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
}

/** The rows of the table of a Markdown file whose first line begins with `heading`, each as its cells' text. */
export function tableOf(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading}`));
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end < 0 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The page of a program. */
export const pageOf = (folder: string): string =>
  readFileSync(new URL(`../${folder}/README.md`, import.meta.url), 'utf8');

/** A number as pages write it. */
export const numberIn = (cell: string): number => Number(cell.replaceAll(',', ''));
