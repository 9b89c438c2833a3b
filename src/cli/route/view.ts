import { nanosToUsd, formatUsd } from '../../domain/money.ts';
import { type Route, type RouteQuestion, explainDrop, explainRoute, whyEmpty } from '../../router/index.ts';
import type { Context } from '../context.ts';
import { formatCount, formatLatency, formatPercent, styled } from '../format.ts';
import type { LiveObservations } from '../live-observations.ts';
import { type Column, renderTable } from '../table.ts';

export type RoutedPrompt = {
  route: Route;
  question: RouteQuestion;
  /** Of the prompt, by OpenAI's tokeniser: workers decide by the estimate, and here a person sees how good that is. */
  countedTokens: number;
  observations: LiveObservations;
  /** The configuration's words for the task. */
  description: string | undefined;
};

const COLUMNS: readonly Column[] = [
  { title: '#', align: 'right' },
  { title: 'model' },
  { title: 'score', align: 'right' },
  { title: '+-', align: 'right' },
  { title: 'cost', align: 'right' },
  { title: 'at the most', align: 'right' },
  { title: 'latency', align: 'right' },
];
const UTILITY: Column = { title: 'utility', align: 'right' };

export function printDecision(context: Context, decision: RoutedPrompt): void {
  const { route, question, observations } = decision;
  context.note(describeQuestion(decision));
  context.note(observations.isLive ? `latencies from ${observations.source}` : describeAbsence(observations));
  for (const line of describeEvidence(decision)) context.note(line);
  context.note('');
  if (route.chain.length === 0) context.note(`nobody would be asked: ${whyEmpty(route, question)}`);
  else for (const line of tableOf(route)) context.print(line);
  // The explanation has a line for each model of the chain, and after them one for each that was left out.
  for (const line of explainRoute(route).slice(route.chain.length)) context.print(line);
}

const bold = (titles: string): string => styled('bold', titles);

function describeQuestion({ route, question, countedTokens, description }: RoutedPrompt): string {
  const { quality, cost, latency } = route.weights;
  const strategy =
    route.strategy === 'hybrid' ? `hybrid (quality ${quality}, cost ${cost}, latency ${latency})` : route.strategy;
  const work =
    route.task === null
      ? describeGuess(question)
      : `task ${route.task}${description === undefined ? '' : ` (${description})`}`;
  const looks = route.tier === undefined ? '' : `, looks like work for a ${route.tier} model`;
  const variant = route.variant === undefined ? '' : `; experiment ${route.variant}`;
  const { expected, bound } = question.inputTokens;
  const counted = `${formatCount(countedTokens)} by OpenAI's tokeniser, ${formatCount(bound)} at the most`;
  const tokens = `about ${formatCount(expected)} prompt tokens (${counted})`;
  return `${work}${looks}; strategy ${strategy}${variant}; ${tokens}, up to ${formatCount(question.maxTokens)} for the answer`;
}

function describeGuess({ guess }: RouteQuestion): string {
  if (guess === undefined) return 'no task';
  const likely = guess.tasks
    .map((task, index) => ({ task, probability: guess.probabilities[index] as number }))
    .filter(({ probability }) => probability >= 0.05)
    .toSorted((left, right) => right.probability - left.probability)
    .slice(0, 3);
  return `no task; reads like ${likely.map(({ task, probability }) => `${task} ${formatPercent(probability)}`).join(', ')}`;
}

/** What the scores rest on, and what a floor on quality made of them. */
function describeEvidence({ route, question, observations }: RoutedPrompt): string[] {
  const { floor, relaxed, why } = route;
  const lines = [describeScores(observations)];
  if (floor?.alone) {
    lines.push(
      `nobody but ${floor.best}, the best single model, is sure to keep the floor on quality: others come after it`,
    );
  } else if (floor) {
    const least = floor.score.toFixed(2);
    lines.push(
      `models whose score, less 3/4 of +-, is below ${least} come last: quality is to stay that of ${floor.best} alone`,
    );
  } else if (question.qualityFloor !== undefined) {
    lines.push('no floor on quality holds: no answer was scored, or the strategy gives the order');
  }
  if (relaxed === 'cheapest') lines.push('no model keeps the limit on latency: put aside, cheapest first');
  if (relaxed === 'relax-latency') lines.push('no model keeps the limit on latency: put aside');
  if (why === 'explored') lines.push('drawn to learn more of the models, not the best that is known');
  return lines;
}

function describeScores({ evidence, isLive, source }: LiveObservations): string {
  if (!isLive) return `scores from the configuration: ${source}`;
  const cells = Object.values(evidence.models).flatMap((byTask) => Object.values(byTask));
  const count = Math.round(cells.reduce((sum, { score }) => sum + (score?.n ?? 0), 0));
  if (count === 0) return 'scores from the configuration: no answer was scored yet';
  return `scores from the configuration and ${formatCount(count)} scored answers (version ${formatCount(evidence.version)})`;
}

function describeAbsence({ source }: LiveObservations): string {
  return `latencies from the configuration: ${source}`;
}

function tableOf({ chain, strategy }: Route): string[] {
  // Any other strategy ranks by what stands in a column already, or by chance.
  const isWeighed = strategy === 'hybrid';
  const rows = chain.map(({ model, predicted, boundNanos, utility }, index) => [
    String(index + 1),
    model.alias,
    predicted.score.toFixed(2),
    predicted.scoreDeviation === 0 ? '' : predicted.scoreDeviation.toFixed(2),
    formatUsd(predicted.costNanos),
    formatUsd(boundNanos),
    formatLatency(predicted.latencyMs),
    ...(isWeighed ? [utility.toFixed(3)] : []),
  ]);
  return renderTable([...COLUMNS, ...(isWeighed ? [UTILITY] : [])], rows, bold);
}

export function factsOf({ route, question, countedTokens, observations }: RoutedPrompt): object {
  return {
    task: route.task,
    strategy: route.strategy,
    weights: route.weights,
    why: route.why,
    ...(route.floor === undefined ? {} : { floor: route.floor }),
    ...(route.relaxed === undefined ? {} : { relaxed: route.relaxed }),
    ...(question.guess === undefined
      ? {}
      : { guess: { task: question.guess.task, confidence: question.guess.confidence } }),
    ...(route.tier === undefined ? {} : { tier: route.tier }),
    ...(route.variant === undefined ? {} : { variant: route.variant }),
    input_tokens: { ...question.inputTokens, openai: countedTokens },
    max_tokens: question.maxTokens,
    live_observations: observations.isLive,
    chain: route.chain.map(({ model, maxTokens, predicted, boundNanos, utility }) => ({
      model: model.alias,
      provider: model.provider,
      model_id: model.id,
      score: predicted.score,
      score_deviation: predicted.scoreDeviation,
      cost_usd: nanosToUsd(predicted.costNanos),
      max_cost_usd: nanosToUsd(boundNanos),
      latency_ms: Math.round(predicted.latencyMs),
      latency_p95_ms: Math.round(predicted.latencyP95Ms),
      max_tokens: maxTokens,
      utility: Number(utility.toPrecision(6)),
    })),
    also_eligible: route.alsoEligible.map(({ model }) => model.alias),
    dropped: route.dropped.map((drop) => ({ model: drop.alias, reason: drop.reason, explanation: explainDrop(drop) })),
  };
}
