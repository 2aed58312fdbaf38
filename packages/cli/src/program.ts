/**
 * Common parts of every command: --json, --url, examples in the help.
 * @module
 */
import { Command, InvalidArgumentError } from 'commander';
import { EXIT_HELP } from './errors.ts';

/** A command that only holds others (`velum token list`): options belong to those. */
export function groupCommand(name: string, description: string, examples: string[]): Command {
  return new Command(name)
    .description(description)
    .addHelpText(
      'after',
      `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}\n${EXIT_HELP}`,
    );
}

/** A sub-command with --json and examples. */
export function command(name: string, description: string, examples: string[]): Command {
  return groupCommand(name, description, examples).option('--json', 'print the result (and errors) as JSON');
}

/** As `command`, for one that talks to a server. */
export function remoteCommand(name: string, description: string, examples: string[]): Command {
  return command(name, description, examples).option(
    '--url <url>',
    'the server (default: VELUM_URL, then the last sign-in, then http://127.0.0.1:5001)',
  );
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('Give a positive integer.');
  }
  return value;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(Number.isFinite(value) && value > 0)) throw new InvalidArgumentError('Give a positive number.');
  return value;
}

export function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw new InvalidArgumentError('Give a port from 0 to 65535.');
  return value;
}

/** For options that may be repeated. */
export function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}

/** Samples that come at a time: a positive integer, or `auto` for as many as are fastest for each. */
export function batchCount(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a positive integer, or auto.');
  return Number(text);
}

/** A number of threads: 1 to 64, or `auto` for one per processor. */
export function threadCount(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 64)
    throw new InvalidArgumentError('Give a number from 1 to 64, or auto.');
  return value;
}
