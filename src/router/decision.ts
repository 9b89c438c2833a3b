import { type Considered, type Decision, fitDecision, MOST_CONSIDERED, shortName } from '../domain/decision.ts';
import type { RankedCandidate } from './candidates.ts';
import type { Knowledge } from './predict.ts';
import type { RouteQuestion } from './question.ts';
import type { Route } from './route.ts';

/**
 * A route as it is kept with the usage record of the attempt that it led to. Of the models that were left out nothing is built: there may be hundreds of them.
 */
export function decisionOf(
  route: Route,
  question: RouteQuestion,
  { costPressure }: Pick<Knowledge, 'costPressure'>,
): Decision {
  const { strategy, task, chain, variant, floor, relaxed, tier } = route;
  const { guess } = question;
  const filters = filtersOf(route);
  return fitDecision({
    ...(task !== null && { task: shortName(task) }),
    ...(guess && { guess: [shortName(guess.task), thousandths(guess.confidence)] }),
    strategy,
    candidates: chain.slice(0, MOST_CONSIDERED).map(consideredOf),
    ...(filters && { filters }),
    chosen: shortName(chain[0]?.model.alias ?? ''),
    why: whyOf(route, question),
    ...(floor && { floor: [thousandths(floor.score), shortName(floor.best)] }),
    ...(relaxed !== undefined && { relaxed }),
    ...(tier !== undefined && { tier }),
    ...(variant !== undefined && { variant: shortName(variant) }),
    ...(strategy === 'hybrid' &&
      costPressure !== undefined &&
      costPressure !== 1 && { pressure: thousandths(costPressure) }),
  });
}

function whyOf({ why, chain }: Route, { tried }: RouteQuestion): string {
  if (tried.length > 0) return 'fallback';
  return chain.length === 1 ? 'only' : why;
}

function consideredOf({ model, predicted }: RankedCandidate): Considered {
  const { score, scoreDeviation, costNanos, latencyMs } = predicted;
  const costUsd = Math.round(costNanos) / 1e9;
  return [shortName(model.alias), thousandths(score), thousandths(scoreDeviation), costUsd, Math.round(latencyMs)];
}

function filtersOf({ dropCounts }: Route): Decision['filters'] | undefined {
  if (dropCounts.size === 0) return undefined;
  const filters: NonNullable<Decision['filters']> = {};
  for (const [reason, { count, first }] of dropCounts) filters[reason] = [count, ...first.map(shortName)];
  return filters;
}

function thousandths(figure: number): number {
  return Math.round(figure * 1_000) / 1_000;
}
