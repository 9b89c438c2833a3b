import { createReplay, type Replay, type ReplayAim } from '../../src/router/recorded/replay.ts';
import type { Training } from './baselines.ts';
import type { Dataset } from './data.ts';
import { taskReaderFrom } from './task-reader.ts';

/** The model chosen for each row of a part, by its place in `aliases`; -1 where none may serve it. */
export type Choices = Int32Array;

/** A way of choosing models, learned from a training part. */
export type Policy = {
  /** The best answers, whatever they cost. */
  quality: (part: readonly number[]) => Choices;
  /** By what a good answer is worth, from little to much. */
  sweep: (part: readonly number[]) => Choices[];
  /** The cheapest that is not worse than the best single model, decided from the training part alone. */
  cost?: (part: readonly number[]) => Choices;
};

export type Asked = Parameters<Replay['decide']>[0];

/** What a row shows to the router: never its outcomes. */
export function askedOf(dataset: Dataset, hasTasks: boolean): (row: number) => Asked {
  const asked = dataset.rows.map(({ id, task, prompt, tools }) => ({
    id,
    prompt,
    ...(hasTasks && task !== undefined && { task }),
    ...(tools !== undefined && { tools }),
  }));
  return (row) => asked[row] as Asked;
}

/** The product's own router, as it decides for a recorded row. */
export type Router = {
  policy: Policy;
  replay: Replay;
  asked: (row: number) => Asked;
  choose: (row: number, aim: ReplayAim) => number;
};

export function routerOf(
  dataset: Dataset,
  training: Training,
  asked: (row: number) => Asked,
  { answerValuesUsd, readsTasks }: { answerValuesUsd: readonly number[]; readsTasks: boolean },
): Router {
  const reader = readsTasks ? taskReaderFrom(training.rows) : undefined;
  const replay = createReplay(training.rows, dataset.models, { ...(reader !== undefined && { reader }) });
  const places = new Map(dataset.aliases.map((alias, place) => [alias, place]));
  const choose = (row: number, aim: ReplayAim): number => places.get(replay.decide(asked(row), aim)?.model ?? '') ?? -1;
  const chooseFor = (part: readonly number[], aim: ReplayAim): Choices =>
    Int32Array.from(part, (row) => choose(row, aim));
  const policy: Policy = {
    quality: (part) => chooseFor(part, { objective: 'quality' }),
    cost: (part) => chooseFor(part, { objective: 'cost' }),
    sweep(part) {
      const sweep = answerValuesUsd.map(() => new Int32Array(part.length));
      part.forEach((row, index) => {
        const chosen = chosenByValue(answerValuesUsd, (answerValueUsd) => choose(row, { answerValueUsd }));
        chosen.forEach((model, place) => {
          (sweep[place] as Int32Array)[index] = model;
        });
      });
      return sweep;
    },
  };
  return { policy, replay, asked, choose };
}

/**
 * The choice at every value, by halves: a model is the best for one range of values (each utility is a straight line in
 * 1 / value), so that between two values with the same choice there is no other.
 */
function chosenByValue(values: readonly number[], choose: (answerValueUsd: number) => number): Int32Array {
  const chosen = new Int32Array(values.length);
  const fill = (from: number, to: number): void => {
    if (to - from < 2) return;
    if (chosen[from] === chosen[to]) {
      chosen.fill(chosen[from] as number, from + 1, to);
      return;
    }
    const middle = (from + to) >> 1;
    chosen[middle] = choose(values[middle] as number);
    fill(from, middle);
    fill(middle, to);
  };
  chosen[0] = choose(values[0] as number);
  chosen[values.length - 1] = choose(values.at(-1) as number);
  fill(0, values.length - 1);
  return chosen;
}

const VALUE_COUNT = 41;
/** At the least value a point of accuracy is worth half a cent of the cheapest model's cost; at the most a thousandth of a point outweighs any cost. */
const LEAST_OF_CHEAPEST = 0.5;
const MOST_OF_DEAREST = 1_000;

/** Values of a good answer in USD, from one by which the cheapest model is always taken to one by which cost hardly counts. */
export function answerValuesFor(costsUsd: ArrayLike<number>): number[] {
  const costs = Array.from(costsUsd).filter((cost) => cost > 0);
  const least = Math.log(Math.min(...costs, 1) * LEAST_OF_CHEAPEST);
  const most = Math.log(Math.max(...costs, 0) * MOST_OF_DEAREST || 1);
  return Array.from({ length: VALUE_COUNT }, (_, index) => {
    return Math.exp(least + ((most - least) * index) / (VALUE_COUNT - 1));
  });
}
