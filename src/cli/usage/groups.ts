import { formatUsd, nanosToUsd } from '../../domain/money.ts';
import { USAGE_DIMENSIONS, type UsageSums, addRecord, addSums, emptySums } from '../../domain/usage-sums.ts';
import { dayOfId } from '../../store/stream-id.ts';
import type { UsageEntry } from '../../store/usage-stream.ts';
import { formatCount, formatLatency } from '../format.ts';
import { type Column, renderTable } from '../table.ts';

/** What usage can be grouped by, and what an entry says of it. The day is that of Redis' clock when it was written. */
export const DIMENSIONS = {
  model: ({ record }) => USAGE_DIMENSIONS.model(record),
  task: ({ record }) => USAGE_DIMENSIONS.task(record),
  account: ({ record }) => USAGE_DIMENSIONS.account(record),
  user: ({ record }) => USAGE_DIMENSIONS.user(record),
  key: ({ record }) => USAGE_DIMENSIONS.key(record),
  day: ({ id }) => dayOfId(id),
  provider: ({ record }) => USAGE_DIMENSIONS.provider(record),
  variant: ({ record }) => USAGE_DIMENSIONS.variant(record),
  batch: ({ record }) => record.batch_id,
} as const satisfies Record<string, (entry: UsageEntry) => string | undefined>;
export type Dimension = keyof typeof DIMENSIONS;

export type UsageGroup = { names: (string | undefined)[]; sums: UsageSums };

export type UsageGroups = ReturnType<typeof createUsageGroups>;

/** Adds records up by dimension; holds the groups and never the records. */
export function createUsageGroups(dimensions: readonly Dimension[]) {
  const groups = new Map<string, UsageGroup>();
  const total = emptySums();

  function sumsOf(names: (string | undefined)[]): UsageSums {
    const key = JSON.stringify(names);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { names, sums: emptySums() }));
    return group.sums;
  }

  function count(entry: UsageEntry): void {
    addRecord(sumsOf(dimensions.map((dimension) => DIMENSIONS[dimension](entry))), entry.record);
    addRecord(total, entry.record);
  }

  /** What has been added up elsewhere. `names` are of the dimensions, in their order. */
  function add(names: (string | undefined)[], sums: UsageSums): void {
    addSums(sumsOf(names), sums);
    addSums(total, sums);
  }

  /** The dearest first. */
  const sorted = (): UsageGroup[] =>
    [...groups.values()].toSorted((a, b) => b.sums.cost_nanos - a.sums.cost_nanos || callsOf(b.sums) - callsOf(a.sums));

  return { count, add, sorted, total };
}

/** What reached a provider, or may have; answers from the cache are apart. */
function callsOf({ completed, failed, unconfirmed }: UsageSums): number {
  return completed + failed + unconfirmed;
}

function averageLatencyMs({ completed, latency_ms }: UsageSums): number | undefined {
  return completed === 0 ? undefined : latency_ms / completed;
}

const NUMBERS = ['calls', 'failed', 'cached', 'tokens in', 'tokens out', 'cost', 'saved', 'latency'];

export function renderUsage(
  dimensions: readonly string[],
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
  const counts = [callsOf(sums), sums.failed + sums.unconfirmed, sums.cached, sums.input_tokens, sums.output_tokens];
  return [
    ...counts.map(formatCount),
    formatUsd(sums.cost_nanos),
    formatUsd(sums.saved_nanos),
    latencyMs === undefined ? '-' : formatLatency(latencyMs),
  ];
}

/** The sums for programs, in the words of the usage record. */
export function usageFacts(sums: UsageSums): Record<string, number | null> {
  const latencyMs = averageLatencyMs(sums);
  return {
    calls: callsOf(sums),
    // Calls without an answer: `unconfirmed` ones among them may have been billed, and are charged at the estimate.
    failed: sums.failed + sums.unconfirmed,
    unconfirmed: sums.unconfirmed,
    cached: sums.cached,
    input_tokens: sums.input_tokens,
    output_tokens: sums.output_tokens,
    cost_usd: nanosToUsd(sums.cost_nanos),
    cost_nanos: sums.cost_nanos,
    saved_usd: nanosToUsd(sums.saved_nanos),
    saved_nanos: sums.saved_nanos,
    average_latency_ms: latencyMs === undefined ? null : Math.round(latencyMs),
  };
}
