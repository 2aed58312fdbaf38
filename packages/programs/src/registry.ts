/**
 * The programs that Velum ships. A new one is added here, and nowhere else.
 * @module
 */
import { ownCatalogue } from './ad-targeting/own-ads.ts';
import { adTargeting } from './ad-targeting/program.ts';
import { ProgramError, shown } from './errors.ts';
import type { Program } from './program.ts';
import { sleepQuality } from './sleep-quality/program.ts';
import { weightStats } from './weight-stats/program.ts';

export const programs: readonly Program[] = [weightStats, sleepQuality, adTargeting(ownCatalogue())];

/** @throws ProgramError UNKNOWN_PROGRAM */
export function programNamed(name: string): Program {
  const program = programs.find((candidate) => candidate.name === name);
  if (program === undefined) {
    const names = programs.map((candidate) => candidate.name).join(', ');
    throw new ProgramError(
      'UNKNOWN_PROGRAM',
      `there is no program ${shown(name)}; there are ${names}`,
      'name',
    );
  }
  return program;
}
