import { type Capability, type ModelSpec, type Tier, TIERS } from '../domain/model.ts';
import { costOfTokens } from '../domain/money.ts';
import { type Knowledge, predictCostNanos, predictLatencyMs, predictScore } from './predict.ts';
import type { RouteQuestion } from './question.ts';

/** A model that may serve the job. */
export type Candidate = {
  model: ModelSpec;
  /** Tokens that its answer may have: the question's, or its own limit where that is lower. */
  maxTokens: number;
  predicted: {
    score: number;
    costNanos: number;
    /** The median. */
    latencyMs: number;
  };
  /** What the call can cost at the most: the bound of the prompt and an answer of `maxTokens`. */
  boundNanos: number;
  /** What the strategy maximised; comparable within one route only. */
  utility: number;
};

/**
 * Why a model is out. They are checked in this order and the first that holds is given, so that `benched` means: it
 * would do, but not before `actual` (epoch milliseconds).
 */
export type DropReason =
  | 'not-allowed'
  | 'tried'
  | 'provider-avoided'
  | 'capability'
  | 'context-not-larger'
  | 'context'
  | 'cost'
  | 'latency'
  | 'benched'
  | 'tier';

/** `limit` is what was allowed or asked for, `actual` what the model has or would need; units are those of the reason. */
export type Dropped = { alias: string; reason: DropReason; limit?: number | string; actual?: number | string };

export type Screened = { survivors: Candidate[]; dropped: Dropped[] };

/** Aliases, and the place that each has in its list. */
export type AliasPlaces = ReadonlyMap<string, number>;

export function placesOf(aliases: readonly string[]): AliasPlaces {
  const places = new Map<string, number>();
  for (const alias of aliases) if (!places.has(alias)) places.set(alias, places.size);
  return places;
}

export type ScreenRules = {
  /** Undefined allows every model. */
  allowed: AliasPlaces | undefined;
  /** Which percentile of a model's latency a limit is held against. */
  percentile: 'p50' | 'p95';
};

/** Splits the models into those that may serve the job and those that may not, with the reason for each of these. */
export function screenModels(
  models: readonly ModelSpec[],
  question: RouteQuestion,
  rules: ScreenRules,
  knowledge: Knowledge,
): Screened {
  const survivors: Candidate[] = [];
  const dropped: Dropped[] = [];
  for (const model of models) {
    const maxTokens = Math.min(question.maxTokens, model.maxOutputTokens);
    const boundNanos = costOfTokens(model.price, {
      inputTokens: question.inputTokens.bound,
      outputTokens: maxTokens,
    });
    const drop =
      dropForAbility(model, question, rules.allowed) ??
      dropForLimits(model, maxTokens, boundNanos, question, rules.percentile, knowledge);
    if (drop === undefined) survivors.push(candidateOf(model, maxTokens, boundNanos, question, knowledge));
    else dropped.push(drop);
  }
  return { survivors, dropped };
}

/** What holds for this job whatever its size: who is allowed, what was tried, what a model is able to do. */
function dropForAbility(
  model: ModelSpec,
  question: RouteQuestion,
  allowed: AliasPlaces | undefined,
): Dropped | undefined {
  const { alias } = model;
  if (allowed !== undefined && !allowed.has(alias)) return { alias, reason: 'not-allowed' };
  if (question.tried.includes(alias)) return { alias, reason: 'tried' };
  if (question.avoidProviders?.includes(model.provider)) {
    return { alias, reason: 'provider-avoided', actual: model.provider };
  }
  const missing = missingCapabilities(question.needs, model);
  if (missing !== undefined) return { alias, reason: 'capability', limit: missing };
  const { minContextTokens } = question;
  if (minContextTokens !== undefined && model.contextTokens <= minContextTokens) {
    return { alias, reason: 'context-not-larger', limit: minContextTokens, actual: model.contextTokens };
  }
  return undefined;
}

/** What depends on the size of the job, on its limits and on the moment. */
function dropForLimits(
  model: ModelSpec,
  maxTokens: number,
  boundNanos: number,
  question: RouteQuestion,
  percentile: 'p50' | 'p95',
  knowledge: Knowledge,
): Dropped | undefined {
  const { alias } = model;
  const boundTokens = question.inputTokens.bound + maxTokens;
  if (boundTokens > model.contextTokens) {
    return { alias, reason: 'context', limit: model.contextTokens, actual: boundTokens };
  }
  const { maxCostNanos, maxLatencyMs } = question;
  if (maxCostNanos !== undefined && boundNanos > maxCostNanos) {
    return { alias, reason: 'cost', limit: maxCostNanos, actual: boundNanos };
  }
  if (maxLatencyMs !== undefined) {
    const latencyMs = predictLatencyMs(model, percentile, knowledge.latencies.get(alias));
    if (latencyMs > maxLatencyMs) return { alias, reason: 'latency', limit: maxLatencyMs, actual: latencyMs };
  }
  const until = knowledge.benchedUntil.get(alias);
  if (until !== undefined && until > knowledge.now) {
    return { alias, reason: 'benched', limit: knowledge.now, actual: until };
  }
  return undefined;
}

function candidateOf(
  model: ModelSpec,
  maxTokens: number,
  boundNanos: number,
  question: RouteQuestion,
  knowledge: Knowledge,
): Candidate {
  return {
    model,
    maxTokens,
    predicted: {
      score: predictScore(model, question.task),
      costNanos: predictCostNanos(model, question.inputTokens.expected, maxTokens),
      latencyMs: predictLatencyMs(model, 'p50', knowledge.latencies.get(model.alias)),
    },
    boundNanos,
    // A fraction from the start: V8 would otherwise lay every object out anew when `rank` sets it (three times slower).
    utility: Number.NaN,
  };
}

function missingCapabilities(needs: readonly Capability[], model: ModelSpec): string | undefined {
  if (needs.every((need) => model.capabilities.has(need))) return undefined;
  return needs.filter((need) => !model.capabilities.has(need)).join(', ');
}

/** Leaves out what is below the tier, unless nothing would be left: a weak answer is better than none. */
export function keepTier(screened: Screened, tier: Tier): Screened {
  const least = TIERS.indexOf(tier);
  const survivors: Candidate[] = [];
  const below: Dropped[] = [];
  for (const candidate of screened.survivors) {
    const { alias, tier: actual } = candidate.model;
    if (TIERS.indexOf(actual) >= least) survivors.push(candidate);
    else below.push({ alias, reason: 'tier', limit: tier, actual });
  }
  return survivors.length === 0 ? screened : { survivors, dropped: [...screened.dropped, ...below] };
}
