import type { Effects } from './effects.ts';

/** What a choice among models is made of: by task, then by model. */
export type Market = {
  effects: Effects;
  /** Scores with a part of their uncertainty taken off: what choices are made by. -Infinity for what is no choice. */
  safe: readonly Float64Array[];
  /** What a usual call costs, in USD. */
  costUsd: readonly Float64Array[];
  /** Part of the jobs that each task has; sums to 1. */
  shares: readonly number[];
};

/**
 * How much score a dollar must buy at each task, so that cheaper choices do not cost quality: `argmax(score - rate * cost)`
 * over all tasks together has, by a lower confidence bound, at least `floor` times the score of the best single model.
 *
 * The bound is on the sum, not on each task: what one task loses another may gain, and errors of many tasks cancel out.
 * From the best choice for every task, steps down to cheaper ones are taken where a dollar costs the least score, for as
 * long as the bound holds; a task whose next step would break it stays where it is. Undefined when not even the best
 * choices are sure to be as good, and the best single model should be taken.
 */
export function exchangeRates(
  market: Market,
  { floor, z }: { floor: number; z: number },
): { rates: number[] | undefined; best: number } {
  const best = bestSingle(market);
  const chosen = market.safe.map((scores) => indexOfMost(scores));
  if (!isSafe(market, chosen, best, floor, z)) return { rates: undefined, best };
  const taken = chosen.map(() => 0);
  const refused = new Map<number, number>();
  for (const { task, model, rate } of stepsDown(market, chosen)) {
    if (refused.has(task)) continue;
    const before = chosen[task] as number;
    chosen[task] = model;
    if (isSafe(market, chosen, best, floor, z)) {
      taken[task] = rate;
    } else {
      chosen[task] = before;
      refused.set(task, rate);
    }
  }
  return { rates: taken.map((rate, task) => rateBetween(rate, refused.get(task))), best };
}

/**
 * Prompts of a task cost more or less than the usual one: halfway between the rate of the last step that was taken and
 * that of the one that was not, their choice is the task's.
 */
function rateBetween(taken: number, refused: number | undefined): number {
  if (refused === undefined) return taken * FAR_ABOVE;
  return taken === 0 ? refused / FAR_ABOVE : Math.sqrt(taken * refused);
}

const FAR_ABOVE = 10;

/** The model that does best when it alone takes all jobs, less the uncertainty of that. */
function bestSingle(market: Market): number {
  const { effects, shares } = market;
  const models = effects.modelVariance.length;
  let best = 0;
  let most = -Infinity;
  for (let model = 0; model < models; model += 1) {
    if (market.safe[0]?.[model] === -Infinity) continue;
    let mean = 0;
    const weights = shares.map((share, task) => {
      mean += share * at(effects.mean, task, model);
      return share;
    });
    const score = mean - Math.sqrt(varianceOf(effects, model, weights));
    if (score > most) [best, most] = [model, score];
  }
  return best;
}

type Step = { task: number; model: number; rate: number };

/** For each task the models that become the best choice as a dollar counts for more, all in the order of their rates. */
function stepsDown({ safe, costUsd }: Market, chosen: readonly number[]): Step[] {
  const steps: Step[] = [];
  for (const [task, first] of chosen.entries()) {
    let current = first;
    for (;;) {
      const next = nextCheaper(safe[task] as Float64Array, costUsd[task] as Float64Array, current);
      if (next === undefined) break;
      steps.push({ task, ...next });
      current = next.model;
    }
  }
  return steps.toSorted((left, right) => left.rate - right.rate);
}

/** The next corner of the hull: the cheaper model that loses the least score for each dollar that it saves. */
function nextCheaper(
  scores: Float64Array,
  costs: Float64Array,
  current: number,
): { model: number; rate: number } | undefined {
  let next: { model: number; rate: number } | undefined;
  for (let model = 0; model < scores.length; model += 1) {
    const saved = (costs[current] as number) - (costs[model] as number);
    // Of two that nobody may choose there is no difference.
    if (!(saved > 0)) continue;
    const rate = ((scores[current] as number) - (scores[model] as number)) / saved;
    if (next === undefined || rate < next.rate) next = { model, rate };
  }
  return next;
}

function isSafe(
  { effects, shares }: Market,
  chosen: readonly number[],
  best: number,
  floor: number,
  z: number,
): boolean {
  let gain = 0;
  const weightsByModel = new Map<number, number[]>();
  const weightsOf = (model: number): number[] => {
    const weights = weightsByModel.get(model) ?? shares.map(() => 0);
    weightsByModel.set(model, weights);
    return weights;
  };
  for (const [task, share] of shares.entries()) {
    const model = chosen[task] as number;
    gain += share * (at(effects.mean, task, model) - floor * at(effects.mean, task, best));
    addTo(weightsOf(model), task, share);
    addTo(weightsOf(best), task, -floor * share);
  }
  let variance = 0;
  for (const [model, weights] of weightsByModel) variance += varianceOf(effects, model, weights);
  return gain - z * Math.sqrt(variance) >= -1e-9;
}

/** Of a weighted sum of one model's scores. */
export function varianceOf(effects: Effects, model: number, weights: readonly number[]): number {
  let shared = 0;
  let own = 0;
  for (const [task, weight] of weights.entries()) {
    shared += weight * at(effects.modelPart, task, model);
    own += weight ** 2 * at(effects.ownVariance, task, model);
  }
  return own + shared ** 2 * (effects.modelVariance[model] as number);
}

function addTo(list: number[], index: number, amount: number): void {
  list[index] = (list[index] as number) + amount;
}

function at(table: readonly Float64Array[], task: number, model: number): number {
  return (table[task] as Float64Array)[model] as number;
}

function indexOfMost(values: Float64Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index += 1) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}
