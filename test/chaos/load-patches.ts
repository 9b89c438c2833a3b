import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * A preload (`node --import`) that changes the text of named sources while they are loaded, so that a worker can be given
 * a bug or a place to crash at, and the production code needs no switch for it.
 */
export type Patch = {
  /** From the root of the repository: `src/workers/attempt.ts`. */
  file: string;
  /** Must occur exactly once, so that a patch cannot silently stop working. */
  find: string;
  replace: string;
};

/** The environment variable that holds the patches, as JSON. */
export const PATCHES_VARIABLE = 'SLUICE_CHAOS_PATCHES';

const ROOT = new URL('../../', import.meta.url);

const patches = JSON.parse(process.env[PATCHES_VARIABLE] ?? '[]') as Patch[];
const waiting = new Map(
  [...Map.groupBy(patches, ({ file }) => file)].map(([file, ofFile]) => [new URL(file, ROOT).href, ofFile]),
);

if (waiting.size > 0) {
  registerHooks({
    load(url, context, nextLoad) {
      const ofFile = waiting.get(url);
      if (ofFile === undefined) return nextLoad(url, context);
      waiting.delete(url);
      const source = ofFile.reduce(apply, readFileSync(fileURLToPath(url), 'utf8'));
      return { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}

/** Throws when a patch is for a source that has not been loaded. */
export function assertAllPatched(): void {
  if (waiting.size > 0) throw new Error(`patches for sources that are not loaded: ${[...waiting.keys()].join(', ')}`);
}

function apply(source: string, { file, find, replace }: Patch): string {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`patch for ${file}: found ${places} times instead of once: ${find}`);
  return source.replace(find, () => replace);
}
