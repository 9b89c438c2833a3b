import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** What all workers together saw of a model's last hundred calls. */
export type LatencySummary = { p50: number; p95: number; count: number };

export type Observations = {
  latencies: ReadonlyMap<string, LatencySummary>;
  /** Model alias -> epoch milliseconds until which it is not asked. */
  benchedUntil: ReadonlyMap<string, number>;
};

export type ObservationReader = {
  /** The newest known; never waits. */
  current(): Observations;
  /** Fetches what changed since the last time: one round trip, two when there are new calls. */
  refresh(): Promise<void>;
  /** What this process learns by itself counts at once, before it is read back: `until` in epoch milliseconds. */
  bench(model: string, until: number): void;
};

export function createObservationReader(redis: Redis, keys: Keys): ObservationReader {
  const seen = new Map<string, string>();
  const latencies = new Map<string, LatencySummary>();
  const benchedUntil = new Map<string, number>();

  async function refresh(): Promise<void> {
    const [counts, benched] = await Promise.all([redis.hgetall(keys.observed), redis.hgetall(keys.benched)]);
    for (const [model, until] of Object.entries(benched)) bench(model, Number(until));
    const changed = Object.keys(counts).filter((model) => counts[model] !== seen.get(model));
    const lists = await Promise.all(changed.map((model) => redis.lrange(keys.latencies(model), 0, -1)));
    for (const [index, model] of changed.entries()) {
      seen.set(model, counts[model] ?? '');
      const summary = summarise(lists[index] ?? []);
      if (summary) latencies.set(model, summary);
      else latencies.delete(model);
    }
  }

  function bench(model: string, until: number): void {
    benchedUntil.set(model, Math.max(until, benchedUntil.get(model) ?? 0));
  }

  return { current: () => ({ latencies, benchedUntil }), refresh, bench };
}

/**
 * A failed call (-1) counts as slower than any that answered: a model that mostly fails is not a fast one. Where none
 * answered nothing is known about the latency.
 */
function summarise(entries: readonly string[]): LatencySummary | undefined {
  const answered = entries.map(Number).filter((latencyMs) => latencyMs >= 0);
  if (answered.length === 0) return undefined;
  const slowest = Math.max(...answered);
  const ordered = entries.map((entry) => (Number(entry) < 0 ? slowest * 2 : Number(entry))).toSorted((a, b) => a - b);
  const at = (share: number): number => ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), count: ordered.length };
}
