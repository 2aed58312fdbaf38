/**
 * How results and errors are printed: tables and figures for people, JSON for programs.
 * @module
 */
import type { ErrorReport } from './errors.ts';
import type { Terminal } from './terminal.ts';

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(terminal: Terminal, text: string): void {
  terminal.stdout.write(`${text}\n`);
}

/** Notes beside the result: to stderr, so that a pipe carries the result alone. */
export function note(terminal: Terminal, text: string): void {
  terminal.stderr.write(`${text}\n`);
}

/** What went wrong, its code, and what to do next. */
export function printError(terminal: Terminal, json: boolean, report: ErrorReport): void {
  if (json) {
    printJson(terminal, { error: report });
    return;
  }
  const findings = findingsOf(report.details);
  // a message that lists its findings says them once, as a list
  const message = findings.length > 0 ? report.message.split('\n', 1)[0].replace(/:$/, '') : report.message;
  note(terminal, `error: ${message} [${report.code}]`);
  for (const finding of findings) note(terminal, `  - ${finding}`);
  if (report.hint !== undefined) note(terminal, `hint: ${report.hint}`);
}

/** What each importer found, one line each. */
function findingsOf(details: Record<string, unknown> | undefined): string[] {
  const findings = details?.['findings'];
  if (!Array.isArray(findings)) return [];
  return findings.map((finding) => {
    const parts = typeof finding === 'object' && finding !== null ? Object.values(finding) : [finding];
    return parts.map(String).join(': ').replace(/\s+/g, ' ');
  });
}

/** Columns as wide as their widest cell; numbers (right) and text (left) told apart by the first row. */
export function table(head: string[], rows: (string | number)[][]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = head.map((title, k) => Math.max(title.length, ...cells.map((row) => row[k].length)));
  const right = head.map((_, k) => rows.length > 0 && /^-?[0-9.]/.test(cells[0][k]));
  const line = (row: string[]) =>
    row
      .map((cell, k) => (right[k] ? cell.padStart(widths[k]) : cell.padEnd(widths[k])))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)].join('\n');
}

/** 1234567 -> `1.23 MB` (decimal units, as links are measured). */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toPrecision(3)} ${['B', 'kB', 'MB', 'GB'][power]}`;
}

export function millisecondsText(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 2 : 1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** A score with seven significant digits, which is beyond what an encrypted prediction carries. */
export function scoreText(value: number): string {
  return Number(value.toPrecision(7)).toString();
}
