import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import type { ErrorCode } from '../domain/errors.ts';
import type { GateReason } from '../domain/gate.ts';
import { type ClosedGate, type GatedModel, readClosedGate, summariseGates } from './gates/closed.ts';
import type { Keys } from './keys.ts';

export type { GatedModel } from './gates/closed.ts';

/** What all workers together saw of a model's last hundred calls. */
export type LatencySummary = { p50: number; p95: number; count: number };

/** What is known of models, by alias. Times are epoch milliseconds. Nothing in it is ever changed, only replaced. */
export type Observations = {
  latencies: ReadonlyMap<string, LatencySummary>;
  /** Until when a model takes no calls, since they fail or since all its keys are refused. */
  closedUntil: ReadonlyMap<string, number>;
  /** Until when a model takes no calls, since it is throttled with every key that is not refused. */
  throttledUntil: ReadonlyMap<string, number>;
  /** Why, for those of both: what stopped it, since when, and as which error it shows. */
  closedFor: ReadonlyMap<string, { reason: GateReason; sinceMs: number; code?: ErrorCode }>;
};

export type ObservationReader = {
  /** The newest known; never waits. The same object for as long as nothing has changed. */
  current(): Observations;
  /** Fetches what changed since the last time: one round trip, two when there are new calls. */
  refresh(): Promise<void>;
};

export function createObservationReader(redis: Redis, keys: Keys, models: readonly GatedModel[]): ObservationReader {
  const seen = new Map<string, string>();
  let observations: Observations = {
    latencies: new Map(),
    closedUntil: new Map(),
    throttledUntil: new Map(),
    closedFor: new Map(),
  };

  async function refresh(): Promise<void> {
    const [counts, closed] = await Promise.all([redis.hgetall(keys.observed), redis.hgetall(keys.closedGates)]);
    const now = Date.now();
    const gates = new Map(Object.entries(closed).map(([name, entry]) => [name, readClosedGate(entry)]));
    await forget(gates, now);
    const latencies = await readLatencies(counts);
    const { closedUntil, throttledUntil, closedFor } = summariseGates(models, gates, now);
    // Part by part: whoever works something out of one of them need not do so again when another has changed.
    const next = {
      latencies,
      closedUntil: keepEqual(observations.closedUntil, closedUntil),
      throttledUntil: keepEqual(observations.throttledUntil, throttledUntil),
      closedFor: keepEqual(observations.closedFor, closedFor),
    };
    if (NAMES.some((name) => next[name] !== observations[name])) observations = next;
  }

  async function readLatencies(counts: Record<string, string>): Promise<Observations['latencies']> {
    const changed = Object.keys(counts).filter((model) => counts[model] !== seen.get(model));
    if (changed.length === 0) return observations.latencies;
    const lists = await Promise.all(changed.map((model) => redis.lrange(keys.latencies(model), 0, -1)));
    const latencies = new Map(observations.latencies);
    for (const [index, model] of changed.entries()) {
      seen.set(model, counts[model] ?? '');
      const summary = summarise(lists[index] ?? []);
      if (summary) latencies.set(model, summary);
      else latencies.delete(model);
    }
    return latencies;
  }

  /** Entries are removed by the call that finds the gate open again. Of models that nobody asks any more, here. */
  async function forget(gates: Map<string, ClosedGate>, now: number): Promise<void> {
    const old = [...gates].filter(([, { untilMs }]) => untilMs + FORGOTTEN_AFTER_MS < now).map(([name]) => name);
    if (old.length > 0) await redis.hdel(keys.closedGates, ...old);
  }

  return { current: () => observations, refresh };
}

const NAMES = ['latencies', 'closedUntil', 'throttledUntil', 'closedFor'] as const;

const FORGOTTEN_AFTER_MS = 86_400_000;

function keepEqual<Value>(known: Value, next: Value): Value {
  return isDeepStrictEqual(known, next) ? known : next;
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
