import { largestAt, meansOf, type Training } from './baselines.ts';
import type { Dataset } from './data.ts';
import { aiqOf, type Point } from './metrics.ts';
import type { Choices, Policy } from './policies.ts';

/** How good choices were, from what was recorded. */

/** Against the best single model of the same rows. */
export type Saving = {
  /** Share of its cost. */
  saved: number;
  /** Accuracy more than its; less where negative. */
  delta: number;
};

export type Figures = {
  accuracy: number;
  costUsd: number;
  aiq?: number;
  /** Of the cheapest choices not worse than the best single model: as the router guards them itself. */
  guarded?: Saving;
  /** The same by the answer value that was the cheapest on the dev part. */
  tuned?: Saving;
};

/** Mean score and cost of choices. Rows without a recorded outcome of the chosen model are left out; a row that no model may serve scores 0. */
export function pointOf({ aliases, outcomes }: Dataset, part: readonly number[], choices: Choices): Point {
  let judged = 0;
  let score = 0;
  let cost = 0;
  part.forEach((row, index) => {
    const model = choices[index] as number;
    const place = row * aliases.length + model;
    if (model >= 0 && Number.isNaN(outcomes.scores[place])) return;
    judged += 1;
    if (model < 0) return;
    score += outcomes.scores[place] as number;
    cost += outcomes.costsUsd[place] || 0;
  });
  return { accuracy: score / judged, cost: cost / judged };
}

export function singleChoice(part: readonly number[], model: number): Choices {
  return new Int32Array(part.length).fill(model);
}

/** The best outcome of each row; the cheapest of equals. */
export function oracleChoices({ aliases, outcomes }: Dataset, part: readonly number[]): Choices {
  return Int32Array.from(part, (row) => {
    const at = (figures: Float64Array, model: number): number => figures[row * aliases.length + model] as number;
    let best = 0;
    for (let model = 1; model < aliases.length; model += 1) {
      const score = at(outcomes.scores, model);
      const most = at(outcomes.scores, best);
      const isCheaper = at(outcomes.costsUsd, model) < at(outcomes.costsUsd, best);
      if (score > most || Number.isNaN(most) || (score === most && isCheaper)) best = model;
    }
    return best;
  });
}

/** The yardstick of a split: what single models do on the parts that are judged, and the best of them by the training part. */
export type Yardstick = {
  dataset: Dataset;
  dev: readonly number[];
  test: readonly number[];
  /** By its place in `aliases`. */
  bestModel: number;
  bestOnDev: Point;
  best: Point;
  oracle: Point;
  /** Of all models, on the test part. */
  singles: readonly Point[];
  cheapest: Point;
  costRange: { from: number; to: number };
};

export function yardstickOf(
  dataset: Dataset,
  training: Training,
  { dev, test }: Pick<Yardstick, 'dev' | 'test'>,
): Yardstick {
  const means = meansOf(dataset, training, training.numbers);
  const bestModel = largestAt(means.scores);
  const singles = dataset.aliases.map((_, model) => pointOf(dataset, test, singleChoice(test, model)));
  const cheapest = singles[largestAt(means.costsUsd.map((cost) => -cost))] as Point;
  const costs = singles.map(({ cost }) => cost);
  return {
    dataset,
    dev,
    test,
    bestModel,
    bestOnDev: pointOf(dataset, dev, singleChoice(dev, bestModel)),
    best: singles[bestModel] as Point,
    oracle: pointOf(dataset, test, oracleChoices(dataset, test)),
    singles,
    cheapest,
    costRange: { from: Math.min(...costs), to: Math.max(...costs) },
  };
}

/** `chooser` has not learned from the dev part; `policy` is judged. They are one and the same where the dev part is never learned from. */
export function judge(yardstick: Yardstick, policy: Policy, chooser = policy): Figures {
  const { dataset, dev, test, cheapest, costRange } = yardstick;
  const quality = pointOf(dataset, test, policy.quality(test));
  const figures = figuresOf(quality);
  if (dataset.cost === 'none') return figures;
  const sweep = policy.sweep(test).map((choices) => pointOf(dataset, test, choices));
  const onDev = chooser.sweep(dev).map((choices) => pointOf(dataset, dev, choices));
  const tuned = sweep[cheapestNotWorse(onDev, yardstick.bestOnDev)] ?? quality;
  const guarded = policy.cost?.(test);
  return {
    ...figures,
    aiq: aiqOf([...sweep, quality, cheapest], costRange),
    tuned: savingOf(yardstick, tuned),
    ...(guarded !== undefined && { guarded: savingOf(yardstick, pointOf(dataset, test, guarded)) }),
  };
}

/** Of a policy that has learned from the dev part, by which no trade-off can be chosen then. */
export function judgeGuard(yardstick: Yardstick, policy: Policy): Figures {
  const { dataset, test } = yardstick;
  const figures = figuresOf(pointOf(dataset, test, policy.quality(test)));
  const guarded = dataset.cost === 'none' ? undefined : policy.cost?.(test);
  if (guarded === undefined) return figures;
  return { ...figures, guarded: savingOf(yardstick, pointOf(dataset, test, guarded)) };
}

/** Of a way of choosing without a trade-off. */
export function figuresOf({ accuracy, cost }: Point): Figures {
  return { accuracy, costUsd: cost };
}

export function savingOf({ best }: Yardstick, { accuracy, cost }: Point): Saving {
  return { saved: 1 - cost / best.cost, delta: accuracy - best.accuracy };
}

/** Where no value is as good as the single model, the best of them. */
function cheapestNotWorse(points: readonly Point[], best: Point): number {
  const good = points.filter(({ accuracy }) => accuracy >= best.accuracy);
  const chosen =
    good.length > 0
      ? good.reduce((least, point) => (point.cost < least.cost ? point : least))
      : points.reduce((most, point) => (point.accuracy > most.accuracy ? point : most));
  return points.indexOf(chosen);
}
