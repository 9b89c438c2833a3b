import type { Strategy } from '../domain/job.ts';
import { type Tier, TIERS } from '../domain/model.ts';
import { type Basis, candidateAt, costNanosAt, type RankedCandidate } from './candidates.ts';
import type { Columns } from './columns.ts';
import type { Draw } from './explore.ts';
import { type Field, type StrategyContext, UTILITIES } from './strategies/index.ts';

/** As many models as a job can be tried on (the largest `max_attempts`). Only they need an order. */
const CHAIN_LENGTH = 20;

export type Preference = StrategyContext & {
  strategy: Strategy;
  /** Models below it come after all others: a weak answer is better than none. */
  tier: Tier | undefined;
  /** Likewise models whose score is below that of the choice that this rate makes. */
  floor: Floor | undefined;
  /** In place of what is expected: what a draw says that it may be. */
  drawn: Draw | undefined;
};

/** How much score a dollar must buy; undefined when only the best single model (a row) is sure to be good enough. */
export type Floor = { ratePerUsd: number | undefined; best: number };

/** Best first; the first `good` of them are good enough for the job, the others come after them for want of better. */
export type Ranking = {
  candidates: RankedCandidate[];
  good: number;
  /** Where the floor lies, if there is one. */
  floor?: FieldFloor;
};

/** Of scores that are equal but for the last digits. */
const SAME_SCORE = 1e-9;

/**
 * The best of the eligible rows as candidates. Ties go to the cheaper one, then by alias, so that a route is fully
 * determined. The ranker keeps nothing from one call to the next but room to calculate in.
 */
export function createRanker(
  columns: Columns,
): (basis: Basis, eligible: readonly number[], preference: Preference) => Ranking {
  const costNanos = new Float64Array(columns.models.length);
  const utilities = new Float64Array(columns.models.length);
  const isGood = new Uint8Array(columns.models.length);

  return function rank(basis, eligible, preference) {
    for (let index = 0; index < eligible.length; index += 1) {
      const row = eligible[index] as number;
      costNanos[row] = costNanosAt(basis, row);
    }
    const field = fieldOf(basis, eligible, costNanos, preference.drawn);
    UTILITIES[preference.strategy](field, preference, utilities);

    const floor = preference.floor && floorIn(field, preference.floor);
    const leastTier = preference.tier === undefined ? 0 : TIERS.indexOf(preference.tier);
    for (let index = 0; index < eligible.length; index += 1) {
      const row = eligible[index] as number;
      const isAbove = floor === undefined || isAboveFloor(row, field.scores[row] as number, floor);
      isGood[row] = isAbove && (columns.tiers[row] as number) >= leastTier ? 1 : 0;
      // Whoever has nothing that is good enough left wants the best of the rest, at whatever price.
      if (floor !== undefined && isGood[row] === 0) utilities[row] = field.scores[row] as number;
    }
    const best = bestOf(eligible, 1);
    const good = best.length;
    if (good < CHAIN_LENGTH && good < eligible.length) best.push(...bestOf(eligible, 0));
    const candidates = best
      .slice(0, CHAIN_LENGTH)
      .map((row) => ({ ...candidateAt(basis, row), utility: utilities[row] as number }));
    return { candidates, good, ...(floor !== undefined && { floor }) };
  };

  /**
   * One pass that keeps the best so far in order, for most rows never get among them: to sort 400 would take longer than
   * all the rest of a decision. Of rows that are equally good the earlier stays before the later.
   */
  function bestOf(rows: readonly number[], good: 0 | 1): number[] {
    const best: number[] = [];
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[index] as number;
      if (isGood[row] !== good) continue;
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

/** Where the floor lies among these models; `only` names the one that is good enough when no score can tell. */
type FieldFloor = { leastScore: number; only?: number };

function isAboveFloor(row: number, score: number, { leastScore, only }: FieldFloor): boolean {
  return only === undefined ? score >= leastScore - SAME_SCORE : row === only;
}

/** The score of the model that a floor on quality would choose: others that are as good may serve the job, too. */
function floorIn({ rows, scores, costNanos }: Field, { ratePerUsd, best }: Floor): FieldFloor {
  if (ratePerUsd === undefined && rows.includes(best)) return { leastScore: scores[best] as number, only: best };
  const ratePerNano = (ratePerUsd ?? 0) / 1e9;
  let most = -Infinity;
  let leastScore = -Infinity;
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as number;
    const gain = (scores[row] as number) - ratePerNano * (costNanos[row] as number);
    if (gain > most) [most, leastScore] = [gain, scores[row] as number];
  }
  return { leastScore };
}

function fieldOf(
  { columns, forecast, expected }: Basis,
  rows: readonly number[],
  costNanos: Float64Array,
  drawn: Draw | undefined,
): Field {
  const { latencyMs, latencyLogs } = forecast;
  const believed = drawn ?? { scores: expected.safeScores, latencyMs: latencyMs.p50, latencyLogs };
  return { ...believed, rows, costNanos, weights: columns.weights };
}
