/**
 * Options that environment variables can give too: VELUM_<OPTION>, and the names HE-MAN uses for its own, bare and in any
 * case. The command line comes first, then VELUM_<OPTION>, then the bare name.
 * @module
 */
import { type Command, Option } from 'commander';
import type { Environment } from './config.ts';
import type { Terminal } from './terminal.ts';

export interface Setting {
  description: string;
  required?: boolean;
  choices?: string[];
  parse?: (text: string) => unknown;
  /** Whether HE-MAN has the option as well, so that the bare name counts. */
  heman?: boolean;
}

/** Adds the option `flags`, such as `-m, --model-path <path>`, to a command. */
export function setting(command: Command, terminal: Terminal, flags: string, spec: Setting): Command {
  const option = new Option(flags, spec.description);
  if (spec.choices) option.choices(spec.choices);
  if (spec.parse) option.argParser(spec.parse);
  if (spec.required) option.makeOptionMandatory();
  const name = (option.long ?? '').replace(/^--/, '').replaceAll('-', '_').toUpperCase();
  const names = spec.heman ? [`VELUM_${name}`, name] : [`VELUM_${name}`];
  return command.addOption(option.env(given(terminal.env, names) ?? names[0]));
}

/** The variable as it is spelled in the environment. */
function given(env: Environment, names: string[]): string | undefined {
  for (const name of names) {
    const found = Object.keys(env).find((key) => key.toUpperCase() === name && env[key] !== '');
    if (found !== undefined) return found;
  }
  return undefined;
}
