import type { Strategy } from '../domain/job.ts';
import { type Tier, TIERS } from '../domain/model.ts';
import { type Basis, candidateAt, costNanosAt, type RankedCandidate } from './candidates.ts';
import type { Columns } from './columns.ts';
import { type Field, type StrategyContext, UTILITIES } from './strategies/index.ts';

/** As many models as a job can be tried on (the largest `max_attempts`). Only they need an order. */
const CHAIN_LENGTH = 20;

export type Preference = StrategyContext & {
  strategy: Strategy;
  /** Models below it come after all others: a weak answer is better than none. */
  tier: Tier | undefined;
};

/**
 * The best of the eligible rows as candidates, best first. Ties go to the cheaper one, then by alias, so that a route is
 * fully determined. The ranker keeps nothing from one call to the next but room to calculate in.
 */
export function createRanker(
  columns: Columns,
): (basis: Basis, eligible: readonly number[], preference: Preference) => RankedCandidate[] {
  const costNanos = new Float64Array(columns.models.length);
  const utilities = new Float64Array(columns.models.length);

  return function rank(basis, eligible, preference) {
    for (let index = 0; index < eligible.length; index += 1) {
      const row = eligible[index] as number;
      costNanos[row] = costNanosAt(basis, row);
    }
    UTILITIES[preference.strategy](fieldOf(basis, eligible, costNanos), preference, utilities);

    const leastTier = preference.tier === undefined ? 0 : TIERS.indexOf(preference.tier);
    const best = bestOf(eligible, leastTier, TIERS.length);
    if (best.length < CHAIN_LENGTH && leastTier > 0) best.push(...bestOf(eligible, 0, leastTier));
    return best
      .slice(0, CHAIN_LENGTH)
      .map((row) => ({ ...candidateAt(basis, row), utility: utilities[row] as number }));
  };

  /**
   * One pass that keeps the best so far in order, for most rows never get among them: to sort 400 would take longer than
   * all the rest of a decision. Of rows that are equally good the earlier stays before the later. Tiers are places in
   * `TIERS`.
   */
  function bestOf(rows: readonly number[], fromTier: number, belowTier: number): number[] {
    const best: number[] = [];
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[index] as number;
      const tier = columns.tiers[row] as number;
      if (tier < fromTier || tier >= belowTier) continue;
      if (best.length < CHAIN_LENGTH) best.push(row);
      else if (!isBetter(row, best[CHAIN_LENGTH - 1] as number)) continue;
      const place = placeAmong(best, row);
      for (let last = best.length - 1; last > place; last -= 1) best[last] = best[last - 1] as number;
      best[place] = row;
    }
    return best;
  }

  /** By halves: where a row belongs in this order. The last of it is the row itself, or one that makes room. */
  function placeAmong(ordered: readonly number[], row: number): number {
    let from = 0;
    let to = ordered.length - 1;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (isBetter(row, ordered[middle] as number)) to = middle;
      else from = middle + 1;
    }
    return from;
  }

  function isBetter(row: number, other: number): boolean {
    const utility = utilities[row] as number;
    const otherUtility = utilities[other] as number;
    if (utility !== otherUtility) return utility > otherUtility;
    return (costNanos[row] as number) < (costNanos[other] as number);
  }
}

function fieldOf({ columns, forecast, scores }: Basis, rows: readonly number[], costNanos: Float64Array): Field {
  const { latencyMs, latencyLogs } = forecast;
  return { rows, scores, costNanos, latencyMs: latencyMs.p50, latencyLogs, weights: columns.weights };
}
