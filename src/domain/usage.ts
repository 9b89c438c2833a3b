import { z } from 'zod';

/** Tokens of one call, as the provider counted them, or as we did when it did not say (`estimated`). */
export const TokenUsage = z.object({
  input_tokens: z.int().min(0),
  output_tokens: z.int().min(0),
  cached_input_tokens: z.int().min(0).optional(),
  reasoning_tokens: z.int().min(0).optional(),
  estimated: z.boolean().optional(),
});
export type TokenUsage = z.infer<typeof TokenUsage>;

/**
 * How an attempt ended, for the bill.
 *
 * - `completed`: an answer, and its price.
 * - `failed`: no usable answer. Costs 0, unless the provider says what it used all the same.
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
  /** Alias, provider and the pinned id it stands for. */
  model: z.string(),
  provider: z.string(),
  model_id: z.string(),
  variant: z.string().optional(),
  input_tokens: z.int().min(0),
  output_tokens: z.int().min(0),
  cached_input_tokens: z.int().min(0).optional(),
  reasoning_tokens: z.int().min(0).optional(),
  /** True when the tokens were counted by us and not by the provider. */
  estimated: z.boolean().optional(),
  cost_nanos: z.int(),
  /** `provider`: the provider said what it charges; `config`: tokens times the configured price. */
  price_source: z.enum(['provider', 'config']),
  /** What a cache hit would have cost. */
  saved_nanos: z.int().optional(),
  latency_ms: z.number().min(0),
  /** From enqueueing to this attempt's start: earlier attempts and waits are in it. */
  queue_ms: z.number().min(0),
  at: z.int(),
});
export type UsageRecord = z.infer<typeof UsageRecord>;
