import type { z } from 'zod';
import type { ConfigShape } from '../../src/domain/config.ts';
import type { SimProfilesInput } from '../../src/sim/profiles.ts';

export type ConfigInput = z.input<typeof ConfigShape>;

const PRICE = { input: 1, output: 4 };
const LATENCY = { p50_ms: 30, p95_ms: 60 };

/** The only lane: a worker's whole concurrency is that of its calls. */
export const LANE = 'batch';

/** Asked in this order. A fallback from one provider goes to the other. */
const MODELS = {
  small: { provider: 'alpha', id: 'sim/small', price: PRICE, context: 32_000 },
  medium: { provider: 'beta', id: 'sim/medium', price: PRICE, context: 32_000 },
  large: { provider: 'alpha', id: 'sim/large', price: PRICE, context: 32_000 },
} satisfies ConfigInput['models'];

/** The simulated models, as quick as this to answer. */
export function profilesAt(latency: { p50_ms: number; p95_ms: number } = LATENCY): SimProfilesInput {
  return Object.fromEntries(Object.values(MODELS).map(({ id, price }) => [id, { price, latency }]));
}

/**
 * Everything is short: a lock is lost within seconds, and so is a call that nobody answers. Circuits stay closed, so that
 * what is measured is the fault and not how long a model is left alone after it. `more` replaces whole fields.
 */
export function stageConfig(
  { providerPort, callTimeout }: { providerPort: number; callTimeout: string },
  more: Partial<ConfigInput> = {},
): ConfigInput {
  const provider = { base_url: `http://127.0.0.1:${providerPort}/v1`, allow_private: true, timeout: callTimeout };
  return {
    providers: { alpha: provider, beta: provider },
    models: MODELS,
    lanes: { [LANE]: { share: 1, max_wait: '5s' } },
    routing: { strategy: 'order', default_max_tokens: 128 },
    circuit: { failures: 10_000 },
    budgets: { everything: { limit_usd: 1_000 } },
    workers: { lock: '1200ms', grace: '5s' },
    ...more,
    redis: { prefix: '{chaos}' },
  };
}
