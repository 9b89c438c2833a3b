import { z } from 'zod';
import { Decision } from './decision.ts';

/** Tokens of one call, as the provider counted them, or as we did when it did not say (`estimated`). */
export const TokenUsage = z.object({
  /** The whole prompt: what was read from a cache or written to one is in it, whichever way the provider counts. */
  input_tokens: z.int().min(0),
  /** The whole answer: what was thought is in it. */
  output_tokens: z.int().min(0),
  /** Of the input: read from the provider's cache. */
  cached_input_tokens: z.int().min(0).optional(),
  /** Of the input: written to the provider's cache, for five minutes (`cache_write_tokens`) or for an hour. */
  cache_write_tokens: z.int().min(0).optional(),
  cache_write_1h_tokens: z.int().min(0).optional(),
  /** Of the output: thought, not said. */
  reasoning_tokens: z.int().min(0).optional(),
  /** In which tier the provider says that it served the call, where that is not the usual one: `batch`, `flex`, `priority`. */
  service_tier: z.string().max(32).optional(),
  estimated: z.boolean().optional(),
});
export type TokenUsage = z.infer<typeof TokenUsage>;

/**
 * How an attempt ended, for the bill.
 *
 * - `completed`: an answer, and its price.
 * - `failed`: no usable answer. Costs 0, unless the provider says what it used all the same, or a stream that we broke off
 *   has shown it.
 * - `unconfirmed`: it may have done the work, and nothing tells (time-out, lost connection, crash): charged at the estimate.
 * - `cached`: answered from the response cache: costs 0.
 * - `correction`: the late truth about an `unconfirmed` attempt; its cost is a signed difference.
 */
export const UsageOutcome = z.enum(['completed', 'failed', 'unconfirmed', 'cached', 'correction']);
export type UsageOutcome = z.infer<typeof UsageOutcome>;

/** One entry of the usage stream: what one attempt did and cost. Times are epoch milliseconds. */
export const UsageRecord = z.object({
  v: z.literal(1),
  attempt_id: z.string(),
  job_id: z.string(),
  batch_id: z.string().optional(),
  row_id: z.string().optional(),
  outcome: UsageOutcome,
  error_code: z.string().optional(),
  /** HTTP status, when there was an answer. */
  status: z.int().optional(),
  task: z.string().nullable(),
  lane: z.string(),
  account: z.string(),
  user: z.string().optional(),
  /** Id of the virtual key that it came in with. */
  api_key: z.string().optional(),
  /** Alias, provider and the pinned id it stands for. */
  model: z.string(),
  provider: z.string(),
  /** Name of the provider's key that was used. */
  key: z.string().optional(),
  model_id: z.string(),
  variant: z.string().optional(),
  input_tokens: z.int().min(0),
  /** What we expected the prompt to have; of calls that were answered, and whose prompt the provider counted. */
  estimated_input_tokens: z.int().min(0).optional(),
  output_tokens: z.int().min(0),
  cached_input_tokens: z.int().min(0).optional(),
  cache_write_tokens: z.int().min(0).optional(),
  cache_write_1h_tokens: z.int().min(0).optional(),
  reasoning_tokens: z.int().min(0).optional(),
  service_tier: z.string().optional(),
  /** True when the tokens were counted by us and not by the provider. */
  estimated: z.boolean().optional(),
  cost_nanos: z.int(),
  /**
   * `provider`: the provider said what it charges. Else tokens times a price: `config`, or a catalogue with its version
   * (`genai-prices@0.1.8`). `unknown`: nobody knows the price, and the call counts as free.
   */
  price_source: z.string(),
  /** What a cache hit would have cost. */
  saved_nanos: z.int().optional(),
  latency_ms: z.number().min(0),
  /** To the first piece of the answer, where it was sent in pieces. */
  first_token_ms: z.number().min(0).optional(),
  /** From enqueueing to this attempt's start: earlier attempts and waits are in it. */
  queue_ms: z.number().min(0),
  at: z.int(),
  /** Why this model; of a version that we do not know it is left out, and the record counts all the same. */
  decision: Decision.optional().catch(undefined),
});
export type UsageRecord = z.infer<typeof UsageRecord>;
