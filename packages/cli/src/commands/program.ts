/**
 * program list, run, keygen, encrypt, decrypt.
 * @module
 */
import type { ProgramInfo } from '@velum/client/node';
import type { Program } from '@velum/programs';
import type { Command } from 'commander';
import type { RemoteOptions } from '../context.ts';
import { bytesText, millisecondsText, print, printJson, table } from '../output.ts';
import { command, groupCommand, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { type NightChoice, nightOptions } from './health.ts';
import { runCommand } from './program-run.ts';

export interface ProgramKeygenOptions {
  output: string;
  passphrase: boolean;
  passphraseFile?: string;
  threads?: number | 'auto';
  json?: boolean;
}

export interface ProgramEncryptOptions extends NightChoice {
  keys: string;
  input: string;
  output: string;
  passphraseFile?: string;
  json?: boolean;
}

export interface ProgramDecryptOptions {
  keys: string;
  passphraseFile?: string;
  json?: boolean;
}

export function programCommand(terminal: Terminal): Command {
  return groupCommand('program', 'run a program on data that the server cannot read', [
    'velum program list',
    'echo \'{"weights_kg": [68, 65, 70.5]}\' | velum program run weight_stats --input -',
    'velum program run sleep_quality --input export.zip --night last --url http://127.0.0.1:5001',
  ])
    .addCommand(listCommand(terminal))
    .addCommand(runCommand(terminal))
    .addCommand(keygenCommand(terminal))
    .addCommand(encryptCommand(terminal))
    .addCommand(decryptCommand(terminal));
}

function listCommand(terminal: Terminal): Command {
  return command('list', 'the programs there are', [
    'velum program list',
    'velum program list --url http://127.0.0.1:5001 --json',
  ])
    .option('--url <url>', 'those of this server; without, those of this velum')
    .action(async (options: RemoteOptions) => {
      const { programs } = await import('@velum/programs');
      const { connectRemote } = await import('../context.ts');
      const found: ProgramInfo[] | readonly Program[] =
        options.url === undefined
          ? programs
          : await (
              await connectRemote(terminal, options, undefined, { tokenOptional: true })
            ).velum.programs.list();
      const listed = found.map(({ name, title, summary, needsKey }) => {
        return { name, title, summary, needs_key: needsKey };
      });
      if (options.json) printJson(terminal, { programs: listed });
      else
        print(
          terminal,
          table(
            ['name', 'title', 'what it does'],
            listed.map(({ name, title, summary }) => [name, title, summary]),
          ),
        );
    });
}

function keygenCommand(terminal: Terminal): Command {
  const sub = command('keygen', 'make the secret key and the server key of programs, as files', [
    'velum program keygen -o keys               writes keys/client.key and keys/server.key, asks for a passphrase',
    'velum program keygen -o keys --no-passphrase',
    'curl -F key=@keys/server.key http://127.0.0.1:5001/add_key',
  ])
    .option('-o, --output <dir>', 'directory of the two files', '.')
    .option('--no-passphrase', 'store the secret key as it is (the file is readable for your account only)');
  setting(sub, terminal, '--passphrase-file <path>', {
    description: 'the passphrase of the secret key: first line of this file',
  });
  setting(sub, terminal, '--threads <n>', { description: 'threads, or auto (default)', parse: threadCount });
  return sub.action(async (options: ProgramKeygenOptions) => {
    const { makeProgramKeys } = await import('../programs/make-keys.ts');
    const made = await makeProgramKeys(terminal, options);
    const { files, bytes, passphrase, times } = made;
    if (options.json) {
      printJson(terminal, made);
      return;
    }
    const width = Math.max(files.client.length, files.server.length);
    const under = passphrase ? 'under the passphrase' : 'NOT under a passphrase';
    print(
      terminal,
      [
        `${files.client.padEnd(width)}  secret key, ${bytesText(bytes.client)}, ${under}: keep it`,
        `${files.server.padEnd(width)}  server key, ${bytesText(bytes.server)}: for the server`,
        `in ${millisecondsText(times.total)}`,
      ].join('\n'),
    );
  });
}

function encryptCommand(terminal: Terminal): Command {
  const sub = command('encrypt', 'encrypt an input of a program, as a file for /start_task', [
    'velum program encrypt weight_stats -k keys/client.key --input weights.json -o weights.enc',
    'velum program encrypt sleep_quality -k keys/client.key --input export.zip --night last -o night.enc',
  ])
    .argument('<name>', 'weight_stats, sleep_quality, ad_targeting')
    .requiredOption('-k, --keys <path>', 'the client.key of `velum program keygen`')
    .requiredOption('--input <path>', 'as for `velum program run`')
    .requiredOption('-o, --output <path>', 'the encrypted input');
  nightOptions(sub, ' (default: last)');
  setting(sub, terminal, '--passphrase-file <path>', {
    description: "the key's passphrase: first line of this file",
  });
  return sub.action(async (name: string, options: ProgramEncryptOptions) => {
    const { encryptInput } = await import('../programs/cipher-files.ts');
    const made = await encryptInput(terminal, name, options);
    if (options.json) printJson(terminal, made);
    else
      print(
        terminal,
        `${made.file}  ${made.night === undefined ? '' : `night of ${made.night}, `}${bytesText(made.bytes)}, ${made.values} values, will take ${made.bootstraps} bootstraps`,
      );
  });
}

function decryptCommand(terminal: Terminal): Command {
  const sub = command('decrypt', 'decrypt what /get_task_result gave', [
    'velum program decrypt weight_stats -k keys/client.key result.json',
    'velum program decrypt sleep_quality -k keys/client.key result.bin --json',
    'velum program decrypt weight_stats -k keys/client.key avg.bin min.bin max.bin',
  ])
    .argument('<name>', 'weight_stats, sleep_quality, ad_targeting')
    .argument('<files...>', 'the JSON or the bytes of the answer; several where each has one output')
    .requiredOption('-k, --keys <path>', 'the client.key that the input was encrypted with');
  setting(sub, terminal, '--passphrase-file <path>', {
    description: "the key's passphrase: first line of this file",
  });
  return sub.action(async (name: string, files: string[], options: ProgramDecryptOptions) => {
    const { decryptResult } = await import('../programs/cipher-files.ts');
    const { result } = await decryptResult(terminal, name, files, options);
    if (options.json) printJson(terminal, result);
    else {
      const { plainText } = await import('../programs/show.ts');
      print(terminal, plainText(result));
    }
  });
}
