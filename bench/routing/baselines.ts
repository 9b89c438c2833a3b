import type { Dataset, Outcomes } from './data.ts';
import type { RecordedRow } from '../../src/router/recorded/rows.ts';
import type { Policy } from './policies.ts';

/** The ways of choosing that a router must beat. All learn from the same rows. */

/** What is learned from: outcomes that were taken away are NaN in `outcomes`, and missing in `rows`. */
export type Training = { numbers: readonly number[]; rows: readonly RecordedRow[]; outcomes: Outcomes };

/** Expected scores and costs of every model for one row. */
export type Prediction = { scores: ArrayLike<number>; costsUsd: ArrayLike<number> };

/** How many rows' worth the overall mean counts in each cell of the table. */
const PRIOR_ROWS = 5;
const NEIGHBOURS = 50;

/** Takes the best score less the cost over what a good answer is worth. */
export function predictivePolicy(predict: (row: number) => Prediction, answerValuesUsd: readonly number[]): Policy {
  return {
    quality: (part) => Int32Array.from(part, (row) => bestOf(predict(row), Infinity)),
    sweep(part) {
      const predictions = part.map(predict);
      return answerValuesUsd.map((value) => Int32Array.from(predictions, (prediction) => bestOf(prediction, value)));
    },
  };
}

/** Of equally good ones the cheapest, then the first. */
function bestOf({ scores, costsUsd }: Prediction, answerValueUsd: number): number {
  let best = 0;
  let most = -Infinity;
  for (let model = 0; model < scores.length; model += 1) {
    const utility = (scores[model] as number) - (costsUsd[model] as number) / answerValueUsd;
    if (utility < most || (utility === most && (costsUsd[model] as number) >= (costsUsd[best] as number))) continue;
    best = model;
    most = utility;
  }
  return best;
}

/** Means by task, drawn towards the model's overall mean: (n * mean + 5 * overall) / (n + 5). */
export function tablePrediction(dataset: Dataset, training: Training, hasTasks: boolean): (row: number) => Prediction {
  const overall = meansOf(dataset, training, training.numbers);
  const byTask = Map.groupBy(training.numbers, (row) => dataset.rows[row]?.task);
  const table = new Map([...byTask].map(([task, rows]) => [task, meansOf(dataset, training, rows, overall)]));
  return (row) => (hasTasks ? (table.get(dataset.rows[row]?.task) ?? overall) : overall);
}

/** Means over the fifty most similar prompts that were learned from. */
export function neighbourPrediction(
  dataset: Dataset,
  training: Training,
  neighboursOf: (row: number) => ArrayLike<number>,
): (row: number) => Prediction {
  const overall = meansOf(dataset, training, training.numbers);
  const isLearnt = new Uint8Array(dataset.rows.length);
  for (const row of training.numbers) isLearnt[row] = 1;
  return (row) => {
    const neighbours = Array.from(neighboursOf(row)).filter((neighbour) => isLearnt[neighbour] === 1);
    return meansOf(dataset, training, neighbours.slice(0, NEIGHBOURS), overall, 0);
  };
}

/** The mean of what is known of each model in some rows, with a prior where one is given. */
export function meansOf(
  dataset: Pick<Dataset, 'aliases' | 'cost'>,
  { outcomes }: Pick<Training, 'outcomes'>,
  rows: readonly number[],
  prior?: Prediction,
  priorRows = PRIOR_ROWS,
): { scores: Float64Array; costsUsd: Float64Array } {
  const count = dataset.aliases.length;
  const means = (figures: Float64Array, before: ArrayLike<number> | undefined): Float64Array =>
    Float64Array.from({ length: count }, (_, model) => {
      let known = 0;
      let sum = 0;
      for (const row of rows) {
        const figure = figures[row * count + model] as number;
        if (Number.isNaN(figure)) continue;
        known += 1;
        sum += figure;
      }
      if (before === undefined) return known === 0 ? 0 : sum / known;
      if (known + priorRows === 0) return before[model] as number;
      return (sum + priorRows * (before[model] as number)) / (known + priorRows);
    });
  return { scores: means(outcomes.scores, prior?.scores), costsUsd: means(outcomes.costsUsd, prior?.costsUsd) };
}

/** The index of the largest, the first of equals. */
export function largestAt(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index += 1) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}
