/**
 * @velum/programs: ready-made computations on encrypted values. See docs/adding-a-program.md.
 * @module
 */
import type { AdInfo } from './ad-targeting/catalogue.ts';
import { ownCatalogue } from './ad-targeting/own-ads.ts';

export { type AdCatalogue, type AdInfo, adCatalogueOf } from './ad-targeting/catalogue.ts';
export type { AdResult } from './ad-targeting/decode.ts';
export { FEATURES as AD_FEATURES } from './ad-targeting/features.ts';
export { adTargeting } from './ad-targeting/program.ts';
export { ProgramError, type ProgramErrorCode } from './errors.ts';
export { ProgramKeys } from './keys.ts';
export type { InputFacts, Program, ProgramOutput, RunContext } from './program.ts';
export { programNamed, programs } from './registry.ts';

/** The advertisements that Velum ships, by index. */
export const adCatalogue = (): readonly AdInfo[] => ownCatalogue().ads;
