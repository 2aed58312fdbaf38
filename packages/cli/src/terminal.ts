/**
 * The streams and environment of one run of the command, and what they can do.
 * @module
 */
import type { Environment } from './config.ts';

export interface Terminal {
  stdin: NodeJS.ReadStream | NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  env: Environment;
}

export function processTerminal(): Terminal {
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env };
}

export function isTty(stream: unknown): boolean {
  return (stream as { isTTY?: boolean }).isTTY === true;
}

/** Whether a line on stderr may be rewritten in place. */
export function canAnimate(terminal: Terminal): boolean {
  return isTty(terminal.stderr) && terminal.env['TERM'] !== 'dumb';
}

/** Whether stderr may carry colour (https://no-color.org). */
export function hasColour(terminal: Terminal): boolean {
  return canAnimate(terminal) && !terminal.env['NO_COLOR'];
}
