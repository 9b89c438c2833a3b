import type { TokenPrice } from './money.ts';

export const CAPABILITIES = ['tools', 'json', 'vision', 'reasoning'] as const;
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
  price: TokenPrice;
  /** Tokens that prompt and answer may have together. */
  contextTokens: number;
  maxOutputTokens: number;
  capabilities: ReadonlySet<Capability>;
  tier: Tier;
  /** Expected score by task, 0 to 1; `defaultScore` for tasks that are not listed. */
  scores: ReadonlyMap<string, number>;
  defaultScore: number;
  /** What to expect before there are observations. */
  latencyMs: { p50: number; p95: number };
  /** Share of the traffic under the `weighted` strategy. */
  weight: number;
};
