/**
 * Writes docs/rest.md from the routes: `node scripts/rest-reference.ts`.
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { describeApi, restReference } from '@velum/server';

await writeFile(new URL('../docs/rest.md', import.meta.url), restReference(await describeApi()));
console.log('docs/rest.md written');
