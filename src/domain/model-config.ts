import { z } from 'zod';
import { Duration } from './duration.ts';
import { CAPABILITIES, TIERS } from './model.ts';
import { MOST_USD_PER_MILLION } from './money.ts';
import { Name } from './name.ts';
import { OpenRouterPreferences, RateLimits } from './provider-config.ts';

const Share = z.number().min(0).max(1);
const UsdPerMillion = z.number().min(0).max(MOST_USD_PER_MILLION);

/** USD per million tokens. What is not said is charged like `input` or `output`. */
const Rates = z.strictObject({
  input: UsdPerMillion,
  output: UsdPerMillion,
  /** Prompt tokens that the provider had in its cache. */
  cached_input: UsdPerMillion.optional(),
  /** Prompt tokens that it put there, for five minutes and for an hour. */
  cache_write: UsdPerMillion.optional(),
  cache_write_1h: UsdPerMillion.optional(),
  /** Tokens of the answer that were thought and not said. */
  reasoning: UsdPerMillion.optional(),
});

/** A model's price list. */
export const ModelPrice = Rates.extend({
  /** Other prices for the whole call when its prompt has more tokens than `above`. */
  long_context: z
    .array(Rates.partial().extend({ above: z.int().min(1) }))
    .min(1)
    .optional(),
  /** Other prices when the provider says that the call was served in this tier. */
  service_tiers: z.partialRecord(z.enum(['batch', 'flex', 'priority']), Rates.partial()).optional(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;

const PriceSource = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'use 1 to 128 printable characters without spaces')
  .refine(
    (source) => source !== 'unknown' && source !== 'provider',
    'the words unknown and provider have a meaning of their own',
  );

export const ModelConfig = z.strictObject({
  provider: Name,
  /** The provider's own id, pinned to a version where it has one. */
  id: z.string().min(1).max(256),
  /** Without it the price that the catalogue knows for the model. */
  price: ModelPrice.optional(),
  /** Who says the price: `openrouter@2026-11-22`. Written by imports, and for prices that were looked up; else `config`. */
  price_source: PriceSource.optional(),
  /** Tokens that prompt and answer may have together; without it what the catalogue knows, else 128,000. */
  context: z.int().min(1).max(100_000_000).optional(),
  max_output: z.int().min(1).max(10_000_000).default(16_384),
  capabilities: z.array(z.enum(CAPABILITIES)).default([]),
  tier: z.enum(TIERS).default('medium'),
  /** Expected score by task, 0 to 1; `default` for all other tasks. */
  scores: z.record(Name, Share).default({}),
  /** What to expect before the model's last hundred calls say better. */
  latency: z
    .strictObject({ p50: Duration, p95: Duration })
    .refine(({ p50, p95 }) => p50 <= p95, { path: ['p95'], message: 'must not be below p50' })
    .prefault({ p50: '2s', p95: '8s' }),
  weight: z.number().min(0).max(1_000_000).default(1),
  /** Models with the same name here are one model in several places: what is learned of one holds for all. */
  deployment_of: Name.optional(),
  /** For each key of its provider; shared by all workers. */
  limits: RateLimits.optional(),
  /** Parameters that it refuses (reasoning models often take no `temperature`): left out of its requests. */
  omit: z
    .array(
      z.enum([
        'temperature',
        'top_p',
        'seed',
        'stop',
        'frequency_penalty',
        'presence_penalty',
        'reasoning_effort',
        'parallel_tool_calls',
      ]),
    )
    .default([]),
  /** Asks for a cheaper or quicker way of being served (OpenAI's and OpenRouter's `service_tier`). */
  service_tier: z.enum(['auto', 'default', 'flex', 'priority']).optional(),
  /** Routing inside OpenRouter, for this model. */
  openrouter: z
    .strictObject({
      provider: OpenRouterPreferences.optional(),
      /** Models that OpenRouter itself is to fall back to. They cost what they cost: prefer models of your own. */
      models: z.array(z.string()).min(1).max(3).optional(),
    })
    .optional(),
});
export type ModelConfig = z.infer<typeof ModelConfig>;
