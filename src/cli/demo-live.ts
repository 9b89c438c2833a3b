import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import type { BatchInput } from './batch-input.ts';
import { loadConfig } from '../config/config-file.ts';
import { bundledFile, type Context } from './context.ts';
import { DEMO } from './demo-provider.ts';
import { SLUICE } from './invocation.ts';

const OPENROUTER = 'examples/sluice.yaml';

/**
 * Real models under the demo's tasks: those of the configuration in force, else OpenRouter's when its key is set.
 * The demo keeps its own queues and its own ledger.
 */
export function liveConfig(context: Context): Config {
  const demo = loadConfig(bundledFile(DEMO.config), context.env);
  const own = readOwn(context);
  return {
    ...own,
    redis: { ...own.redis, prefix: demo.redis.prefix },
    tasks: { ...withoutWeights(demo.tasks), ...own.tasks },
  };
}

function readOwn(context: Context): Config {
  if (context.configFile !== undefined) return loadConfig(context.configFile, context.env);
  if (context.env['OPENROUTER_API_KEY']) return loadConfig(bundledFile(OPENROUTER), context.env);
  throw new InputError(
    `--live needs models to call: set OPENROUTER_API_KEY, or make a sluice.yaml with "${SLUICE} init"`,
  );
}

function withoutWeights(tasks: Config['tasks']): Config['tasks'] {
  return Object.fromEntries(Object.keys(tasks).map((name) => [name, {}]));
}

/** The example rows without the limits that fit the simulated models only. */
export function liveInput(input: BatchInput): BatchInput {
  return {
    ...input,
    async *lines() {
      for await (const line of input.lines()) {
        if ('problem' in line) yield line;
        else {
          const {
            max_latency_ms: _latency,
            max_cost_usd: _cost,
            ...row
          } = JSON.parse(line.text) as Record<string, unknown>;
          yield { number: line.number, text: JSON.stringify(row) };
        }
      }
    },
  };
}
