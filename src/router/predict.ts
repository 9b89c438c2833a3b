import type { ModelSpec } from '../domain/model.ts';

/** A model's latest calls: percentiles of their latency, and how many calls they were taken from. */
export type ObservedLatency = Readonly<{ p50: number; p95: number; count: number }>;

/**
 * What is known at the moment of a decision. The router reads no clock and draws no chance of its own, so that a
 * decision can be replayed.
 */
export type Knowledge = {
  /** Epoch milliseconds. */
  now: number;
  /** Uniform in [0, 1). */
  random: () => number;
  /** By alias. An observation may be replaced at any time, but not be changed itself. */
  latencies: ReadonlyMap<string, ObservedLatency>;
  /** By alias: until when (epoch milliseconds) a model takes no calls. */
  benchedUntil: ReadonlyMap<string, number>;
};

/** Knowledge by row, as it was once: never changed, so that a route can be explained long after it was decided. */
export type Forecast = {
  latencyMs: { p50: Float64Array; p95: Float64Array };
  /** Natural logarithms of the medians; see `logOf`. */
  latencyLogs: Float64Array;
  /** Epoch milliseconds; 0 for a model that was never benched. */
  benchedUntil: Float64Array;
  /** What the latencies were predicted from. */
  observations: readonly (ObservedLatency | undefined)[];
};

/** From so many observed calls on, the configured latency does not count any more. */
const TRUSTED_CALLS = 10;

/**
 * Keeps the forecast for as long as nothing new is known: knowledge changes a few times a second, and decisions are made
 * thousands of times. Every entry is compared, because whoever observes may keep the same map and replace what is in it.
 */
export function createForecaster(models: readonly ModelSpec[]): (knowledge: Knowledge) => Forecast {
  let latest: Forecast | undefined;
  return (knowledge) => {
    if (latest === undefined || !holds(latest, models, knowledge)) latest = forecast(models, knowledge);
    return latest;
  };
}

function holds(latest: Forecast, models: readonly ModelSpec[], { latencies, benchedUntil }: Knowledge): boolean {
  for (let row = 0; row < models.length; row += 1) {
    const { alias } = models[row] as ModelSpec;
    if (latencies.get(alias) !== latest.observations[row]) return false;
    if ((benchedUntil.get(alias) ?? 0) !== latest.benchedUntil[row]) return false;
  }
  return true;
}

function forecast(models: readonly ModelSpec[], { latencies, benchedUntil }: Knowledge): Forecast {
  const observations = models.map(({ alias }) => latencies.get(alias));
  const predictAll = (percentile: 'p50' | 'p95'): Float64Array =>
    Float64Array.from(models, (model, row) => predictLatencyMs(model, percentile, observations[row]));
  const p50 = predictAll('p50');
  return {
    latencyMs: { p50, p95: predictAll('p95') },
    latencyLogs: p50.map(logOf),
    benchedUntil: Float64Array.from(models, ({ alias }) => benchedUntil.get(alias) ?? 0),
    observations,
  };
}

/** Whole milliseconds: the configured latency, drawn towards the observed one with every call, until that stands alone. */
function predictLatencyMs(model: ModelSpec, percentile: 'p50' | 'p95', observed: ObservedLatency | undefined): number {
  if (observed === undefined) return model.latencyMs[percentile];
  const trust = Math.min(1, observed.count / TRUSTED_CALLS);
  return Math.round(trust * observed[percentile] + (1 - trust) * model.latencyMs[percentile]);
}

/** Free and instant have no logarithm; below one nano-dollar or one millisecond there is no difference that counts. */
export function logOf(amount: number): number {
  return Math.log(Math.max(1, amount));
}
