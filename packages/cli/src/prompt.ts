/**
 * Questions on a terminal. Passwords are never echoed.
 * @module
 */
import { createInterface } from 'node:readline/promises';
import { CliError, EXIT } from './errors.ts';
import { isTty, type Terminal } from './terminal.ts';

/** The value, or the answer to a question when there is a terminal; USAGE otherwise. */
export async function valueOrAsk(
  terminal: Terminal,
  value: string | undefined,
  option: string,
  label: string,
): Promise<string> {
  if (value !== undefined) return value;
  requireTty(terminal, option);
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr });
  try {
    return (await lines.question(`${label}: `)).trim();
  } finally {
    lines.close();
  }
}

/** As `valueOrAsk` for a password: `-` reads the first line of stdin, a terminal is asked without echo. */
export async function passwordOrAsk(
  terminal: Terminal,
  value: string | undefined,
  label: string,
): Promise<string> {
  if (value === '-') return firstLine(terminal.stdin);
  if (value !== undefined) return value;
  requireTty(terminal, '--password');
  terminal.stderr.write(`${label}: `);
  try {
    return await readHidden(terminal.stdin as NodeJS.ReadStream);
  } finally {
    terminal.stderr.write('\n');
  }
}

function requireTty(terminal: Terminal, option: string): void {
  if (isTty(terminal.stdin)) return;
  const more = option === '--password' ? ' (or `--password -` and the password on stdin)' : '';
  throw new CliError('USAGE', `${option} is missing`, EXIT.usage, `Give ${option}${more}.`);
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const part of stream) {
    text += String(part);
    if (text.includes('\n')) break;
  }
  return text.split(/\r?\n/, 1)[0];
}

function readHidden(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = () => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
    };
    const onData = (data: string) => {
      for (const key of data) {
        if (key === '\r' || key === '\n') {
          finish();
          resolve(typed.join(''));
          return;
        }
        if (key === '\u0003' || key === '\u0004') {
          finish();
          reject(new CliError('ABORTED', 'interrupted', EXIT.interrupted));
          return;
        }
        if (key === '\u007f' || key === '\b') typed.pop();
        else if (key === '\u0015') typed = [];
        else typed.push(key);
      }
    };
    stdin.setRawMode(true);
    stdin.setEncoding('utf8');
    stdin.on('data', onData);
    stdin.resume();
  });
}
