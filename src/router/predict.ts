import type { ModelSpec } from '../domain/model.ts';
import { costOfTokens } from '../domain/money.ts';
import { expectedOutputTokens } from './estimate.ts';

/** A model's latest calls: percentiles of their latency, and how many calls they were taken from. */
export type ObservedLatency = { p50: number; p95: number; count: number };

/**
 * What is known at the moment of a decision. The router reads no clock and draws no chance of its own, so that a
 * decision can be replayed.
 */
export type Knowledge = {
  /** Epoch milliseconds. */
  now: number;
  /** Uniform in [0, 1). */
  random: () => number;
  /** By alias. */
  latencies: ReadonlyMap<string, ObservedLatency>;
  /** By alias: until when (epoch milliseconds) a model takes no calls. */
  benchedUntil: ReadonlyMap<string, number>;
};

/** From so many observed calls on, the configured latency does not count any more. */
const TRUSTED_CALLS = 10;

/** Expected quality, 0 to 1, for a task (null: any). */
export function predictScore(model: ModelSpec, task: string | null): number {
  return (task === null ? undefined : model.scores.get(task)) ?? model.defaultScore;
}

export function predictCostNanos(model: ModelSpec, inputTokens: number, maxTokens: number): number {
  return costOfTokens(model.price, { inputTokens, outputTokens: expectedOutputTokens(maxTokens) });
}

/** Whole milliseconds: the configured latency, drawn towards the observed one with every call, until that stands alone. */
export function predictLatencyMs(
  model: ModelSpec,
  percentile: 'p50' | 'p95',
  observed: ObservedLatency | undefined,
): number {
  if (observed === undefined) return model.latencyMs[percentile];
  const trust = Math.min(1, observed.count / TRUSTED_CALLS);
  return Math.round(trust * observed[percentile] + (1 - trust) * model.latencyMs[percentile]);
}
