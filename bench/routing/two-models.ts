import { largestAt } from './baselines.ts';
import { type Dataset, roleOf, STRONG_CALL_USD } from './data.ts';
import { apgrOf, callCurveOf, cptOf, type Gain } from './metrics.ts';
import type { Router } from './policies.ts';

/** Two models, a weak and a strong one: how few calls of the strong one keep how much of what it is better by. */

export type CallFigures = { apgr: number; cpt50: number; cpt80: number };

/** Rows are reported apart by the first word of their ids: `mmlu_...`, `gsm8k_...`. */
export function groupsOf({ rows }: Dataset, part: readonly number[]): Map<string, number[]> {
  return Map.groupBy(part, (row) => (rows[row]?.id ?? '').split('_')[0] ?? '');
}

/** How much better the strong model is thought to be, for each row. */
export function judgeCalls(
  dataset: Dataset,
  part: readonly number[],
  predictedGain: (row: number) => number,
): CallFigures {
  const { weak, strong } = placesByRole(dataset);
  const gains: Gain[] = part.map((row) => ({
    predicted: predictedGain(row),
    weak: dataset.outcomes.scores[row * 2 + weak] as number,
    strong: dataset.outcomes.scores[row * 2 + strong] as number,
  }));
  const curve = callCurveOf(gains);
  return { apgr: apgrOf(curve), cpt50: cptOf(curve, 0.5), cpt80: cptOf(curve, 0.8) };
}

export function placesByRole({ aliases, models }: Dataset): { weak: number; strong: number } {
  const strong = largestAt(aliases.map((alias) => Number(roleOf(models, alias) === 'strong')));
  return { weak: 1 - strong, strong };
}

const HALVINGS = 10;

/**
 * The weak model costs nothing here, so that the strong one is chosen as long as its gain is above its cost over the value
 * of an answer. Found by halves, to a thousandth; rows of which the router expects no gain stay together.
 */
export function gainByRouter(router: Router, strong: number): (row: number) => number {
  return (row) => {
    let from = 0;
    let to = 1;
    for (let halving = 0; halving < HALVINGS; halving += 1) {
      const gain = (from + to) / 2;
      if (router.choose(row, { answerValueUsd: STRONG_CALL_USD / gain }) === strong) from = gain;
      else to = gain;
    }
    return from;
  };
}
