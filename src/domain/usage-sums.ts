import type { UsageRecord } from './usage.ts';

/**
 * What usage records add up to, in integers. A call is `completed`, `failed` or `unconfirmed`; an answer from the cache
 * is none. `cancelled` are those of the failed and unconfirmed ones that were broken off because nobody wanted the answer
 * any more. `latency_ms` is the sum over the completed ones.
 */
export const USAGE_MEASURES = [
  'completed',
  'failed',
  'unconfirmed',
  'cancelled',
  'cached',
  'input_tokens',
  'output_tokens',
  'cost_nanos',
  'saved_nanos',
  'latency_ms',
] as const;
export type UsageMeasure = (typeof USAGE_MEASURES)[number];
export type UsageSums = Record<UsageMeasure, number>;

/** What usage is summed by, and what a record says of it. */
export const USAGE_DIMENSIONS = {
  model: (record) => record.model,
  task: (record) => record.task ?? undefined,
  account: (record) => record.account,
  user: (record) => record.user,
  key: (record) => record.api_key,
  variant: (record) => record.variant,
  provider: (record) => record.provider,
} as const satisfies Record<string, (record: UsageRecord) => string | undefined>;
export type UsageDimension = keyof typeof USAGE_DIMENSIONS;
export const DIMENSION_NAMES = Object.keys(USAGE_DIMENSIONS) as readonly UsageDimension[];

export function emptySums(): UsageSums {
  return {
    completed: 0,
    failed: 0,
    unconfirmed: 0,
    cancelled: 0,
    cached: 0,
    input_tokens: 0,
    output_tokens: 0,
    cost_nanos: 0,
    saved_nanos: 0,
    latency_ms: 0,
  };
}

export function addRecord(sums: UsageSums, record: UsageRecord): void {
  sums.cost_nanos += record.cost_nanos;
  // A correction is no call of its own: it changes what an earlier one cost.
  if (record.outcome === 'correction') return;
  sums[record.outcome] += 1;
  if (isCancelled(record)) sums.cancelled += 1;
  if (record.outcome === 'cached') {
    sums.saved_nanos += record.saved_nanos ?? 0;
    return;
  }
  sums.input_tokens += record.input_tokens;
  sums.output_tokens += record.output_tokens;
  if (record.outcome === 'completed') sums.latency_ms += Math.round(record.latency_ms);
}

/** Whether a call was broken off by those who had asked: that says nothing of the model. */
export function isCancelled({ outcome, error_code: code }: Pick<UsageRecord, 'outcome' | 'error_code'>): boolean {
  return (outcome === 'failed' || outcome === 'unconfirmed') && code === 'CANCELLED';
}

export function addSums(sums: UsageSums, more: UsageSums): void {
  for (const measure of USAGE_MEASURES) sums[measure] += more[measure];
}
