import { createRequire } from 'node:module';
import { z } from 'zod';

/** Of this package, as its manifest says. */
export function packageVersion(): string {
  // As far away from what was built as from the source.
  const manifest: unknown = createRequire(import.meta.url)('../../package.json');
  return z.object({ version: z.string() }).parse(manifest).version;
}
