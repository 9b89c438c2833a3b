import { type Evidence, NO_EVIDENCE } from '../domain/evidence.ts';
import type { ModelSpec } from '../domain/model.ts';
import type { Columns } from './columns.ts';
import { learnFrom, type Learned } from './evidence/learned.ts';

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
  /** By alias. Like `benchedUntil` it is never changed, only replaced: the same map stands for the same knowledge. */
  latencies: ReadonlyMap<string, ObservedLatency>;
  /** By alias: until when (epoch milliseconds) a model takes no calls. */
  benchedUntil: ReadonlyMap<string, number>;
  /** What was learned of the models. */
  evidence?: Evidence;
  /** By alias: calls under way, of all workers. */
  inFlight?: ReadonlyMap<string, number>;
  /** By how much cost weighs more (above 1) or less than configured, so that a budget lasts for its window. */
  costPressure?: number;
  /** Grows with every decision; whose turn it is. */
  turn?: number;
  /** Experiments that nobody is assigned to any more. */
  stoppedExperiments?: ReadonlySet<string>;
  /** By experiment: the variant whose settings hold for all its jobs, which are not counted. */
  promotedVariants?: ReadonlyMap<string, string>;
};

/** Knowledge by row, as it was once: never changed, so that a route can be explained long after it was decided. */
export type Forecast = {
  latencyMs: { p50: Float64Array; p95: Float64Array };
  /** Natural logarithms of the medians; see `logOf`. */
  latencyLogs: Float64Array;
  /** How many calls that is known from. */
  calls: Float64Array;
  /** Epoch milliseconds; 0 for a model that was never benched. */
  benchedUntil: Float64Array;
};

/** From so many observed calls on, the configured latency does not count any more. */
const TRUSTED_CALLS = 10;

/** Forecasts once from each map: knowledge changes a few times a second, decisions are made thousands of times. */
export function createForecaster(models: readonly ModelSpec[]): (knowledge: Knowledge) => Forecast {
  const latenciesFrom = oncePerSource((latencies: Knowledge['latencies']) => predictLatencies(models, latencies));
  const benchedFrom = oncePerSource((benchedUntil: Knowledge['benchedUntil']) =>
    Float64Array.from(models, ({ alias }) => benchedUntil.get(alias) ?? 0),
  );
  return ({ latencies, benchedUntil }) => ({ ...latenciesFrom(latencies), benchedUntil: benchedFrom(benchedUntil) });
}

/** Works out once from each table of evidence what it says: a table changes every few seconds. */
export function createScholar(
  { models, prices }: Pick<Columns, 'models' | 'prices'>,
  { z }: { z: number },
): (evidence: Evidence | undefined) => Learned {
  let latest: Learned | undefined;
  const learnOnce = oncePerSource((evidence: Evidence) => {
    latest = learnFrom(evidence, models, { prices: prices.expected, z, previous: latest?.fitted });
    return latest;
  });
  return (evidence) => learnOnce(evidence ?? NO_EVIDENCE);
}

/** Keeps what was made from a source for as long as somebody keeps the source. */
function oncePerSource<Source extends object, Made>(make: (source: Source) => Made): (source: Source) => Made {
  const known = new WeakMap<Source, Made>();
  return (source) => {
    const made = known.get(source) ?? make(source);
    if (!known.has(source)) known.set(source, made);
    return made;
  };
}

function predictLatencies(
  models: readonly ModelSpec[],
  latencies: Knowledge['latencies'],
): Pick<Forecast, 'latencyMs' | 'latencyLogs' | 'calls'> {
  const predictAll = (percentile: 'p50' | 'p95'): Float64Array =>
    Float64Array.from(models, (model) => predictLatencyMs(model, percentile, latencies.get(model.alias)));
  const p50 = predictAll('p50');
  const calls = Float64Array.from(models, ({ alias }) => latencies.get(alias)?.count ?? 0);
  return { latencyMs: { p50, p95: predictAll('p95') }, latencyLogs: p50.map(logOf), calls };
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
