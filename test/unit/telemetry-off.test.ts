import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Loads the library, asks for telemetry that is turned off or on, and says what of OpenTelemetry was loaded. */
const PROBE = (enabled: boolean): string => `
import { registerHooks } from 'node:module';
const loaded = new Set();
registerHooks({ resolve(specifier, context, next) {
  const found = next(specifier, context);
  const [, name] = /node_modules\\/(@opentelemetry\\/[^/]+|bullmq-otel)\\//.exec(found.url) ?? [];
  if (name) loaded.add(name);
  return found;
} });
await import('./src/index.ts');
const config = { telemetry: { enabled: ${enabled} }, providers: {} };
(await import('./src/producer/telemetry.ts')).openQueueTelemetry(config);
await (await import('./src/workers/telemetry.ts')).openTelemetry(config);
console.log(JSON.stringify([...loaded].sort()));`;

async function probe(enabled: boolean): Promise<unknown> {
  const cwd = new URL('../../', import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROBE(enabled)], {
    cwd,
  });
  return JSON.parse(stdout);
}

test('nothing of OpenTelemetry is loaded where telemetry is turned off', { timeout: 30_000 }, async () => {
  const [off, on] = await Promise.all([probe(false), probe(true)]);
  expect(off).toEqual([]);
  expect(on).toEqual(['@opentelemetry/api', 'bullmq-otel']);
});
