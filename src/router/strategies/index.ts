import type { Strategy } from '../../domain/job.ts';
import type { Candidate } from '../candidates.ts';
import { costUtility } from './cost.ts';
import { hybridUtility } from './hybrid.ts';
import { latencyUtility } from './latency.ts';
import { orderUtility } from './order.ts';
import { randomUtility } from './random.ts';
import { taskUtility } from './task.ts';
import type { StrategyContext, Utility } from './utility.ts';
import { weightedUtility } from './weighted.ts';

export type { StrategyContext, Utility, Weights } from './utility.ts';

const UTILITIES: Record<Strategy, Utility> = {
  hybrid: hybridUtility,
  cost: costUtility,
  latency: latencyUtility,
  task: taskUtility,
  order: orderUtility,
  random: randomUtility,
  weighted: weightedUtility,
};

/**
 * As many models as a job can be tried on (the largest `max_attempts`). Only they need an order: to sort 400 would take
 * as long as all the rest of a decision.
 */
export const ORDERED_CANDIDATES = 20;

/**
 * The survivors with their utility: the best 20 in order, then the others as they came. Ties go to the cheaper one, then
 * by alias, so that a route is fully determined. Takes the survivors over and changes them.
 */
export function rank(strategy: Strategy, survivors: Candidate[], context: StrategyContext): Candidate[] {
  const utilities = UTILITIES[strategy](survivors, context);
  for (let index = 0; index < survivors.length; index += 1) {
    (survivors[index] as Candidate).utility = utilities[index] as number;
  }
  if (survivors.length <= ORDERED_CANDIDATES) return survivors.sort(byPreference);
  const best = bestOf(survivors);
  const chosen = new Set(best);
  return best.concat(survivors.filter((candidate) => !chosen.has(candidate)));
}

function bestOf(survivors: readonly Candidate[]): Candidate[] {
  const best = survivors.slice(0, ORDERED_CANDIDATES).sort(byPreference);
  for (let index = ORDERED_CANDIDATES; index < survivors.length; index += 1) {
    const candidate = survivors[index] as Candidate;
    if (byPreference(candidate, best.at(-1) as Candidate) > 0) continue;
    const place = best.findIndex((other) => byPreference(candidate, other) < 0);
    best.splice(place, 0, candidate);
    best.pop();
  }
  return best;
}

function byPreference(left: Candidate, right: Candidate): number {
  if (left.utility !== right.utility) return left.utility > right.utility ? -1 : 1;
  const costDifference = left.predicted.costNanos - right.predicted.costNanos;
  if (costDifference !== 0) return costDifference;
  return left.model.alias < right.model.alias ? -1 : 1;
}
