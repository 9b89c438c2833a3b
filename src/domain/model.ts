import type { Feature } from './features.ts';
import type { PriceList } from './price.ts';
import type { RateLimits } from './provider-config.ts';
import type { ModelConfig } from './model-config.ts';

/** A model with `embeddings` embeds, and does not chat. */
export const CAPABILITIES = ['tools', 'json', 'vision', 'reasoning', 'embeddings'] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** From cheap and quick to dear and able. */
export const TIERS = ['small', 'medium', 'large'] as const;
export type Tier = (typeof TIERS)[number];

/** A model that the operator configured, ready for the router. */
export type ModelSpec = {
  /** The name by which jobs, logs and records call it. */
  alias: string;
  provider: string;
  /** The provider's own, pinned id. */
  id: string;
  price: PriceList;
  /** Who says so: `config`, or a catalogue with its version; `unknown` when nobody does, and `price` is 0. */
  priceSource: string;
  /** Tokens that prompt and answer may have together. */
  contextTokens: number;
  maxOutputTokens: number;
  capabilities: ReadonlySet<Capability>;
  tier: Tier;
  /** Expected score by task, 0 to 1, as the configuration says; `defaultScore` for tasks that are not listed. */
  scores: ReadonlyMap<string, number>;
  defaultScore?: number;
  /** What to expect before there are observations. */
  latencyMs: { p50: number; p95: number };
  /** The name that it shares with its other deployments, else its alias: what evidence of it stands under. */
  family: string;
  /** Share of the traffic under the `weighted` strategy. */
  weight: number;
  /** What requests to it cannot say, whether the model could do it or not. */
  lacks: ReadonlySet<Feature>;
  /** For each key of its provider. */
  limits: RateLimits;
  /** What its requests say besides the job's own words. */
  request: Pick<ModelConfig, 'omit' | 'service_tier' | 'openrouter'>;
};
