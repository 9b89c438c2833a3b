import { formatUsd, nanosToUsd } from '../domain/money.ts';
import type { UsageRecord } from '../domain/usage.ts';
import { formatCount, formatLatency } from './format.ts';
import { type Column, renderTable } from './table.ts';

/** What usage can be grouped by, and what a record says of it. */
export const DIMENSIONS = {
  model: (record) => record.model,
  task: (record) => record.task ?? undefined,
  account: (record) => record.account,
  user: (record) => record.user,
  day: (record) => new Date(record.at).toISOString().slice(0, 10),
  provider: (record) => record.provider,
  variant: (record) => record.variant,
  batch: (record) => record.batch_id,
} as const satisfies Record<string, (record: UsageRecord) => string | undefined>;
export type Dimension = keyof typeof DIMENSIONS;

/** Sums over usage records. `calls` reached a provider, or may have; answers from the cache are apart, in `cached`. */
export type UsageSums = {
  calls: number;
  /** Calls without an answer; `unconfirmed` ones among them may have been billed, and are charged at the estimate. */
  failed: number;
  unconfirmed: number;
  cached: number;
  inputTokens: number;
  outputTokens: number;
  costNanos: number;
  savedNanos: number;
  /** Of the calls that answered. */
  latencyMs: number;
};

export type UsageGroup = { names: (string | undefined)[]; sums: UsageSums };

/** Adds records up by dimension; holds the groups and never the records. */
export function createUsageGroups(dimensions: readonly Dimension[]) {
  const groups = new Map<string, UsageGroup>();
  const total = emptySums();

  function count(record: UsageRecord): void {
    const names = dimensions.map((dimension) => DIMENSIONS[dimension](record));
    const key = JSON.stringify(names);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { names, sums: emptySums() }));
    add(group.sums, record);
    add(total, record);
  }

  /** The dearest first. */
  const sorted = (): UsageGroup[] =>
    [...groups.values()].toSorted((a, b) => b.sums.costNanos - a.sums.costNanos || b.sums.calls - a.sums.calls);

  return { count, sorted, total };
}

function emptySums(): UsageSums {
  return {
    calls: 0,
    failed: 0,
    unconfirmed: 0,
    cached: 0,
    inputTokens: 0,
    outputTokens: 0,
    costNanos: 0,
    savedNanos: 0,
    latencyMs: 0,
  };
}

function add(sums: UsageSums, record: UsageRecord): void {
  sums.costNanos += record.cost_nanos;
  // A correction is no call of its own: it changes what an earlier one cost.
  if (record.outcome === 'correction') return;
  if (record.outcome === 'cached') {
    sums.cached += 1;
    sums.savedNanos += record.saved_nanos ?? 0;
    return;
  }
  sums.calls += 1;
  sums.inputTokens += record.input_tokens;
  sums.outputTokens += record.output_tokens;
  if (record.outcome === 'completed') sums.latencyMs += record.latency_ms;
  else sums.failed += 1;
  if (record.outcome === 'unconfirmed') sums.unconfirmed += 1;
}

function averageLatencyMs({ calls, failed, latencyMs }: UsageSums): number | undefined {
  return calls === failed ? undefined : latencyMs / (calls - failed);
}

const NUMBERS = ['calls', 'failed', 'cached', 'tokens in', 'tokens out', 'cost', 'saved', 'latency'];

export function renderUsage(
  dimensions: readonly Dimension[],
  groups: readonly UsageGroup[],
  total: UsageSums,
  style: (titles: string) => string,
): string[] {
  const columns: Column[] = [
    ...dimensions.map((title) => ({ title })),
    ...NUMBERS.map((title) => ({ title, align: 'right' }) as const),
  ];
  const rows = groups.map(({ names, sums }) => [...names.map((name) => name ?? '-'), ...cellsOf(sums)]);
  const totalRow = [...dimensions.map((_, index) => (index === 0 ? 'total' : '')), ...cellsOf(total)];
  return renderTable(columns, [...rows, totalRow], style);
}

function cellsOf(sums: UsageSums): string[] {
  const latencyMs = averageLatencyMs(sums);
  return [
    ...[sums.calls, sums.failed, sums.cached, sums.inputTokens, sums.outputTokens].map(formatCount),
    formatUsd(sums.costNanos),
    formatUsd(sums.savedNanos),
    latencyMs === undefined ? '-' : formatLatency(latencyMs),
  ];
}

/** The sums for programs, in the words of the usage record. */
export function usageFacts(sums: UsageSums): Record<string, number | null> {
  const latencyMs = averageLatencyMs(sums);
  return {
    calls: sums.calls,
    failed: sums.failed,
    unconfirmed: sums.unconfirmed,
    cached: sums.cached,
    input_tokens: sums.inputTokens,
    output_tokens: sums.outputTokens,
    cost_usd: nanosToUsd(sums.costNanos),
    cost_nanos: sums.costNanos,
    saved_usd: nanosToUsd(sums.savedNanos),
    saved_nanos: sums.savedNanos,
    average_latency_ms: latencyMs === undefined ? null : Math.round(latencyMs),
  };
}
