import { formatUsd } from '../domain/money.ts';
import { TIERS } from '../domain/model.ts';
import type { Candidate } from './candidates.ts';
import type { RouteQuestion } from './question.ts';
import type { Route } from './route.ts';
import type { Dropped, DropReason } from './rules.ts';

/** A route for a person, one line a model: the chain in its order, those that come after it, those left out and why. */
export function explainRoute(route: Route): string[] {
  return [
    ...route.chain.map(
      (candidate, index) =>
        `${index + 1}. ${describeCandidate(candidate, route)}, utility ${formatUtility(candidate.utility)}`,
    ),
    ...route.alsoEligible.map((candidate) => `+  ${describeCandidate(candidate, route)}, comes after the chain`),
    ...route.dropped.map((drop) => `-  ${explainDrop(drop)}`),
  ];
}

function describeCandidate({ model, predicted, boundNanos }: Candidate, { tier }: Route): string {
  const score = `score ${predicted.score.toFixed(2)}`;
  const cost = `expected cost ${formatUsd(predicted.costNanos)} (up to ${formatUsd(boundNanos)})`;
  const latency = `latency ${formatMs(predicted.latencyMs)}`;
  const isBelow = tier !== undefined && TIERS.indexOf(model.tier) < TIERS.indexOf(tier);
  const doubt = isBelow ? `, a ${model.tier} model where the prompt looks like work for a ${tier} one` : '';
  return `${model.alias}: ${score}, ${cost}, ${latency}${doubt}`;
}

const WORDS: Record<DropReason, (drop: Dropped) => string> = {
  'not-allowed': () => 'is not among the models that this job may use',
  kind: ({ limit }) => (limit === 'embeddings' ? 'does not embed' : 'embeds, and does not chat'),
  unpriced: () => 'nobody knows its price',
  tried: () => 'was tried already',
  'provider-avoided': ({ actual }) => `its provider ${actual} has a key that failed`,
  capability: ({ limit }) => `lacks ${limit}`,
  untranslatable: ({ limit }) => `its API has no words for a part of the request: ${limit}`,
  'context-not-larger': ({ limit, actual }) => `its context of ${actual} tokens is not larger than ${limit}`,
  context: ({ limit, actual }) => `needs about ${actual} tokens, its context has ${limit}`,
  tier: ({ limit, actual }) => `is a ${actual} model, the job's budget is for ${limit} ones at the most`,
  cost: ({ limit, actual }) => `costs up to ${formatUsd(Number(actual))}, the job allows ${formatUsd(Number(limit))}`,
  latency: ({ limit, actual }) => `takes ${formatMs(Number(actual))}, the job allows ${formatMs(Number(limit))}`,
  benched: ({ actual }) => `takes no calls until ${formatTime(Number(actual))}`,
};

/** One line for a person: who was left out, and why. */
export function explainDrop(drop: Dropped): string {
  return `${drop.alias}: left out, ${WORDS[drop.reason](drop)}`;
}

/** How near a model came to being chosen: the reason that is checked last is the one that stands in the way. */
const NEAREST_FIRST: readonly DropReason[] = [
  'benched',
  'latency',
  'cost',
  'tier',
  'context',
  'context-not-larger',
  'untranslatable',
  'capability',
  'provider-avoided',
  'tried',
  'unpriced',
  'kind',
  'not-allowed',
];

/**
 * One line that says why the chain is empty: the limit that stands in the way of the model that came nearest, then how
 * many of those that the job may use were left out for which other reason. Only for routes with an empty chain.
 */
export function whyEmpty(route: Route, question: RouteQuestion): string {
  const byReason = Map.groupBy(route.dropped, (drop) => drop.reason);
  const present = NEAREST_FIRST.filter((reason) => byReason.has(reason));
  const [binding, ...others] = present;
  if (binding === undefined) return 'no model is configured';
  const counts = others
    .filter((reason) => reason !== 'not-allowed' && reason !== 'kind')
    .map((reason) => `${byReason.get(reason)?.length} ${COUNTED[reason]}`);
  const rest = counts.length === 0 ? '' : `; of the others ${counts.join(', ')}`;
  return BINDING[binding](byReason.get(binding) ?? [], question) + rest;
}

const COUNTED: Record<DropReason, string> = {
  benched: 'take no calls now',
  latency: 'too slow',
  cost: 'too dear',
  tier: 'too large for its budget',
  context: 'with too short a context',
  'context-not-larger': 'with no larger context',
  capability: 'lack a capability',
  untranslatable: 'of an API that cannot say it',
  'provider-avoided': 'of a provider whose key failed',
  tried: 'tried already',
  unpriced: 'without a price',
  kind: 'for other work',
  'not-allowed': 'not allowed for this job',
};

const BINDING: Record<DropReason, (drops: readonly Dropped[], question: RouteQuestion) => string> = {
  benched: (drops) => {
    const { alias, actual } = least(drops);
    return `every model that fits takes no calls now; the first that does again is ${alias} at ${formatTime(actual)}`;
  },
  latency: (drops, { maxLatencyMs }) => {
    const { alias, actual } = least(drops);
    return `no model satisfies max_latency_ms ${maxLatencyMs}: the fastest that could is ${alias} at ${formatMs(actual)}`;
  },
  cost: (drops, { maxCostNanos, inputTokens }) => {
    const { alias, actual } = least(drops);
    const limit = formatUsd(maxCostNanos ?? 0);
    const needed = `${alias} at up to ${formatUsd(actual)} (${inputTokens.bound} prompt tokens at the most)`;
    return `no model satisfies max_cost_usd ${limit}: the cheapest that could is ${needed}`;
  },
  tier: (_, { maxTier }) => `every model that fits is larger than the ${maxTier} ones that the job's budget is for`,
  context: (drops, { inputTokens, longestInputTokens }) => {
    const largest = Math.max(...drops.map((drop) => Number(drop.limit)));
    if (longestInputTokens !== undefined) {
      return `no model has room for an input of about ${longestInputTokens} tokens: the largest context has ${largest}`;
    }
    const answerTokens = least(drops).actual - inputTokens.expected;
    const needed = `${inputTokens.expected} prompt tokens and up to ${answerTokens} for the answer`;
    return `no model has room for about ${needed}: the largest context has ${largest} tokens`;
  },
  'context-not-larger': (_, { minContextTokens }) => `no model has a larger context than ${minContextTokens} tokens`,
  capability: (_, { needs }) => `no model that this job may use can do all that it needs: ${needs.join(', ')}`,
  untranslatable: (_, { features }) =>
    `no model is left whose API has words for all of the request: ${features.join(', ')}`,
  'provider-avoided': (_, { avoidProviders = [] }) =>
    `every model left is of a provider whose key failed: ${avoidProviders.join(', ')}`,
  unpriced: (drops) => {
    const [first] = drops;
    const others = drops.length === 1 ? '' : ` and ${drops.length - 1} more`;
    return `nobody knows the price of ${first?.alias}${others}: give it a price in the configuration, or set routing.allow_unpriced`;
  },
  kind: (_, { longestInputTokens }) =>
    longestInputTokens === undefined
      ? 'the models that this job may use embed, and do not chat'
      : 'no model that this job may use embeds: capabilities: [embeddings] says that one does',
  tried: (_, { tried }) => `every model that this job may use was tried: ${tried.join(', ')}`,
  'not-allowed': (_, { models = [] }) => `none of the models that this job may use is configured: ${models.join(', ')}`,
};

function least(drops: readonly Dropped[]): { alias: string; actual: number } {
  const [first, ...rest] = drops.map(({ alias, actual }) => ({ alias, actual: Number(actual) }));
  const none = { alias: 'none', actual: Number.NaN };
  return rest.reduce((best, drop) => (drop.actual < best.actual ? drop : best), first ?? none);
}

function formatMs(latencyMs: number): string {
  return `${Math.round(latencyMs)} ms`;
}

function formatUtility(utility: number): string {
  return String(Number(utility.toPrecision(4)));
}

/** `2026-11-22T16:00:00Z`; a time that no calendar has is one that nobody can wait for. */
function formatTime(epochMs: number): string {
  const time = new Date(epochMs);
  return Number.isNaN(time.getTime()) ? 'further notice' : `${time.toISOString().slice(0, 19)}Z`;
}
