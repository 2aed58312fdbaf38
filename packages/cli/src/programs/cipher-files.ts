/**
 * Encrypted inputs and results of programs as files, for sessions with curl.
 * @module
 */
import { taskOutputs } from '@velum/client';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { type Program, type ProgramKeys, programNamed } from '@velum/programs';
import type { ProgramDecryptOptions, ProgramEncryptOptions } from '../commands/program.ts';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import { checkOutputs, writeOutputs } from '../output-files.ts';
import type { Terminal } from '../terminal.ts';
import { readClientKey } from './key-file.ts';
import { readInput } from './read-input.ts';
import { shownPart } from './round.ts';

export interface EncryptedInput {
  file: string;
  bytes: number;
  values: number;
  bootstraps: number;
  /** Where the file has several. */
  night?: string;
}

/** @throws CliError NIGHTS_SEVERAL; those of the input and the key */
export async function encryptInput(
  terminal: Terminal,
  name: string,
  options: ProgramEncryptOptions,
): Promise<EncryptedInput> {
  const program = programNamed(name);
  const inputs = options.input === '-' ? [] : [options.input];
  await checkOutputs([options.output], [options.keys, ...inputs]);
  const [clear, ...more] = await readInput(terminal, name, options.input, options);
  if (more.length > 0) {
    const message = `${options.input} has ${1 + more.length} nights, and a task takes one`;
    throw new CliError('NIGHTS_SEVERAL', message, EXIT.usage, 'Give --night DATE, or --night last.');
  }
  return withKeys(terminal, options, async (keys) => {
    const bytes = program.encode(keys, clear.input);
    const { values, bootstraps } = program.inspect(bytes);
    await writeOutputs([{ path: options.output, bytes }]);
    return { file: options.output, bytes: bytes.length, values, bootstraps, night: clear.night };
  });
}

/** @param files the JSON or the bytes of get_task_result; several, in any order, where each has one output */
export async function decryptResult(
  terminal: Terminal,
  name: string,
  files: string[],
  options: ProgramDecryptOptions,
): Promise<{ result: Record<string, unknown> }> {
  const program = programNamed(name);
  const outputs: Record<string, Uint8Array> = {};
  for (const path of files) Object.assign(outputs, outputsOf(program, path, await readBytes(path)));
  return withKeys(terminal, options, (keys) => ({ result: shownPart(program.decode(keys, outputs)) }));
}

async function withKeys<T>(
  terminal: Terminal,
  { keys, passphraseFile }: { keys: string; passphraseFile?: string },
  work: (keys: ProgramKeys) => T | Promise<T>,
): Promise<T> {
  const kernels: Kernels = await loadKernels({ threads: 1 });
  try {
    return await work(await readClientKey(terminal, kernels, keys, passphraseFile));
  } finally {
    await kernels.close();
  }
}

function outputsOf(program: Program, path: string, bytes: Uint8Array): Record<string, Uint8Array> {
  if (bytes[0] === 0x7b) {
    // {: the JSON of a result, or of a task that has none yet
    const body = jsonOf(bytes);
    const { status, details } = body;
    if (typeof status === 'string' && program.outputs.every(({ key }) => !(key in body))) {
      const message = `${path} holds no result but the state of a task: ${status}${typeof details === 'string' ? `, ${details}` : ''}`;
      throw new CliError(
        'TASK_NOT_READY',
        message,
        EXIT.badInput,
        'Fetch the result again when the task has ended.',
      );
    }
    if (
      /^[A-Z][A-Z0-9_]{1,63}$/.test(String(body['code'])) &&
      program.outputs.every(({ key }) => !(key in body))
    )
      throw problemError(path, body);
    return taskOutputs({ ...program, responseType: 'json' }, bytes);
  }
  return { [keyOf(program, path, bytes)]: bytes };
}

/** A problem document (RFC 9457) that curl saved in the place of a result: its own code, text and hint. */
function problemError(path: string, { code, detail, title, hint }: Record<string, unknown>): CliError {
  const text = [detail, title].find((part) => typeof part === 'string' && part !== '');
  const message = `${path} holds no result but an error of the server: ${text ?? code}`;
  return new CliError(String(code), message, EXIT.badInput, typeof hint === 'string' ? hint : undefined);
}

function jsonOf(bytes: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

/** Which output a file has: it says so itself, between the name of its program and its ciphertext. */
function keyOf(program: Program, path: string, bytes: Uint8Array): string {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 128));
  const found = program.outputs.find(({ key }) => head.includes(`${program.name}.${key}`));
  if (found === undefined) {
    const hint = 'Give what /get_task_result answered: its JSON, or its bytes (curl -o).';
    throw new CliError('WRONG_FILE', `${path} is no result of ${program.name}`, EXIT.badInput, hint);
  }
  return found.key;
}
