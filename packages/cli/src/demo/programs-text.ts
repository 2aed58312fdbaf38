/**
 * The demo of programs as text: what was typed, what the server saw, what came back.
 * @module
 */
import { programNamed } from '@velum/programs';
import { bytesText, millisecondsText, table } from '../output.ts';
import { resultText } from '../programs/show.ts';
import type { ProgramRunReport, ProgramsReport, ServerKeyReport } from './programs.ts';
import type { StoredArea } from './saw.ts';

const LINE = 96;
const LABEL = 12;

/** JSON, broken between its parts. */
function wrapped(value: unknown): string {
  const lines = [''];
  for (const part of JSON.stringify(value).split(/(?<=\],)|(?<=,)(?=")/)) {
    if (lines[lines.length - 1].length + part.length > LINE) lines.push('');
    lines[lines.length - 1] += part;
  }
  return lines.join(`\n${' '.repeat(LABEL)}`);
}

const line = (label: string, text: string): string => label.padEnd(LABEL) + text;

export const keyText = ({ bytes, made_ms, upload_ms }: ServerKeyReport): string =>
  `One key pair for all of it: the secret key stays here; the server key, ${bytesText(bytes)}, was made in ${millisecondsText(made_ms)}
and uploaded in ${millisecondsText(upload_ms)}: POST /add_key`;

/** How long the service computed; its own measure where it gave one. */
const computeMs = ({ times_ms }: ProgramRunReport): number => times_ms['compute'] ?? times_ms['wait'];

export function runText(run: ProgramRunReport): string {
  const { program, title, input, server_saw, bootstraps, bytes } = run;
  return `
${title} (${program})
${line('typed', wrapped(input))}
${line('server saw', `${bytesText(server_saw.bytes)}  ...${server_saw.hex}...`)}
${line('server', `${bootstraps} bootstraps, ${millisecondsText(computeMs(run))}`)}
${line('travelled', `${bytesText(bytes['input'])} up, ${bytesText(bytes['result'])} down`)}
${resultText(programNamed(program), [run])}`;
}

const areas = (stored: StoredArea[]): string =>
  stored.length === 0
    ? 'nothing'
    : table(
        ['stored', 'files', 'size'],
        stored.map(({ area, files, bytes }) => [area, files, bytesText(bytes)]),
      );

export function endText({ stored, agrees, total_ms }: ProgramsReport): string {
  return `
What the server has now; inputs were deleted as their tasks ended
${areas(stored.before)}

After DELETE /keys: results, encrypted, until they expire. Here they go with the server
${areas(stored.after)}

${agrees ? 'Every encrypted result is the clear one' : 'AN ENCRYPTED RESULT IS NOT the clear one'}; the demo took ${millisecondsText(total_ms)}`;
}
