import type { Redis } from 'ioredis';
import type { ErrorCode } from '../domain/errors.ts';
import type { Keys } from './keys.ts';

/** What all workers together saw of a model's last hundred calls. */
export type LatencySummary = { p50: number; p95: number; count: number };

/** A model that nobody asks for a while. Times are epoch milliseconds. */
export type Bench = { untilMs: number; sinceMs: number; code: ErrorCode };

export type Observations = {
  latencies: ReadonlyMap<string, LatencySummary>;
  /** Model alias -> epoch milliseconds until which it is not asked. */
  benchedUntil: ReadonlyMap<string, number>;
  /** Model alias -> why it is not asked: it is throttled, or its key is no good. */
  benchedFor: ReadonlyMap<string, ErrorCode>;
};

export type ObservationReader = {
  /** The newest known; never waits. */
  current(): Observations;
  /** Fetches what changed since the last time: one round trip, two when there are new calls. */
  refresh(): Promise<void>;
  /** What this process learns by itself counts at once, before it is read back. */
  bench(model: string, bench: Bench): void;
};

/** As it lies in Redis: `<until>:<since>:<code>`. */
export function writeBench({ untilMs, sinceMs, code }: Bench): string {
  return `${untilMs}:${sinceMs}:${code}`;
}

export function readBench(text: string): Bench {
  const [untilMs, sinceMs = 0, code = 'PROVIDER_RATE_LIMITED'] = text.split(':');
  return { untilMs: Number(untilMs), sinceMs: Number(sinceMs), code: code as ErrorCode };
}

export function createObservationReader(redis: Redis, keys: Keys): ObservationReader {
  const seen = new Map<string, string>();
  const latencies = new Map<string, LatencySummary>();
  let benches = new Map<string, Bench>();
  /** Learnt here since the last refresh began: perhaps not written yet when it read. */
  let learnt = new Map<string, Bench>();

  async function refresh(): Promise<void> {
    const recent = learnt;
    learnt = new Map();
    const [counts, benched] = await Promise.all([redis.hgetall(keys.observed), redis.hgetall(keys.benched)]);
    benches = new Map(Object.entries(benched).map(([model, text]) => [model, readBench(text)]));
    for (const [model, own] of [...recent, ...learnt]) extend(benches, model, own);
    const changed = Object.keys(counts).filter((model) => counts[model] !== seen.get(model));
    const lists = await Promise.all(changed.map((model) => redis.lrange(keys.latencies(model), 0, -1)));
    for (const [index, model] of changed.entries()) {
      seen.set(model, counts[model] ?? '');
      const summary = summarise(lists[index] ?? []);
      if (summary) latencies.set(model, summary);
      else latencies.delete(model);
    }
  }

  function bench(model: string, own: Bench): void {
    extend(benches, model, own);
    extend(learnt, model, own);
  }

  function current(): Observations {
    return {
      latencies,
      benchedUntil: new Map([...benches].map(([model, { untilMs }]) => [model, untilMs])),
      benchedFor: new Map([...benches].map(([model, { code }]) => [model, code])),
    };
  }

  return { current, refresh, bench };
}

/** The longer of two benches counts. */
function extend(benches: Map<string, Bench>, model: string, bench: Bench): void {
  if (bench.untilMs > (benches.get(model)?.untilMs ?? 0)) benches.set(model, bench);
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
