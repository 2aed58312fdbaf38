/**
 * Writes the table of docs/integers.md from the circuits: `node scripts/integer-costs.ts`.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { integerCosts } from '@velum/fhe';

const BLOCK = /(<!-- costs:start -->)[\s\S]*?(<!-- costs:end -->)/;

/** The page with its table made anew. */
export function withCosts(page: string): string {
  const rows = integerCosts();
  const types = [...new Set(rows.map(({ type }) => type))];
  const operations = [...new Set(rows.map(({ operation }) => operation))];
  const cell = (operation: string, type: string): string => {
    const row = rows.find((entry) => entry.operation === operation && entry.type === type);
    return row ? `${row.bootstraps} / ${row.depth}` : '';
  };
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = [
    line(['operation', ...types]),
    line(['operation', ...types].map(() => '---')),
    ...operations.map((operation) => line([operation, ...types.map((type) => cell(operation, type))])),
  ];
  return page.replace(BLOCK, (_, start: string, end: string) => [start, ...table, end].join('\n'));
}

if (import.meta.main) {
  const file = new URL('../docs/integers.md', import.meta.url);
  await writeFile(file, withCosts(await readFile(file, 'utf8')));
  console.log('docs/integers.md written');
}
