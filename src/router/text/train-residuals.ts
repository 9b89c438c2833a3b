import { type Advantages, learnAdvantages, type ScoredText } from './advantages.ts';
import { createFeatureReader } from './features.ts';
import { fitRidge, type Observation, predictFrom } from './ridge.ts';
import type { Residuals } from './text-model.ts';
import { foldOf } from './train.ts';
import { packWeights } from './weights.ts';

/** Many models make do with fewer buckets, so that the file stays below a megabyte. */
const MOST_WEIGHTS = 2 ** 19;
const BUCKETS = { fewest: 2 ** 12, most: 2 ** 15 };

const FOLDS = 5;
/** From strong to weak: the weights of one are where the search for the next begins. */
const PENALTIES = [100, 30, 10] as const;

type Row = { features: Pick<Observation, 'buckets' | 'values'>; row: ScoredText; fold: number };

/** How much of what was predicted for unseen rows came true. */
type Trial = { penalty: number; strength: number; explained: number };

/**
 * Trains what a prompt says of each model beyond its task: a ridge regression a model, from hashed words and pairs of
 * words to the score that the table of tasks leaves over. How much of it to believe is measured on rows that were kept
 * apart (five folds by text): the slope of truth on prediction, shrunk by how unsure it is (as James and Stein shrink a
 * mean). Where the words say nothing, or nothing that is sure, the strength is 0, and there are no weights.
 */
export function trainResiduals(rows: readonly ScoredText[]): Residuals {
  const models = [...new Set(rows.flatMap(({ scores }) => Object.keys(scores)))].sort();
  const buckets = bucketsFor(models.length);
  const known = describe(rows, buckets);
  const trials = tryPenalties(known, models, buckets);
  const { penalty, strength, explained } = trials.reduce((best, trial) =>
    trial.explained > best.explained ? trial : best,
  );
  if (strength === 0) return { models, buckets, strength, explained: 0, weights: packWeights(new Float32Array()) };

  const advantages = learnAdvantages(rows);
  const weights = new Float32Array(models.length * buckets);
  models.forEach((model, index) => {
    const fitted = fitRidge(observe(known, model, advantages), buckets, penalty);
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      weights[bucket * models.length + index] = (fitted[bucket] as number) * strength;
    }
  });
  return { models, buckets, strength, explained, weights: packWeights(weights) };
}

function bucketsFor(models: number): number {
  const room = 2 ** Math.floor(Math.log2(MOST_WEIGHTS / Math.max(1, models)));
  return Math.min(BUCKETS.most, Math.max(BUCKETS.fewest, room));
}

function describe(rows: readonly ScoredText[], bucketCount: number): Row[] {
  const read = createFeatureReader(bucketCount);
  return rows.map((row) => {
    const { buckets, values, count } = read(row.text);
    const features = { buckets: buckets.slice(0, count), values: values.slice(0, count) };
    return { row, fold: foldOf(row.text, FOLDS), features };
  });
}

function observe(rows: readonly Row[], model: string, advantages: Advantages): Observation[] {
  return rows.flatMap(({ features, row }) => {
    const target = advantages(row).get(model);
    return target === undefined ? [] : [{ ...features, target }];
  });
}

/** Each penalty's outcome on rows that were kept apart. */
function tryPenalties(rows: readonly Row[], models: readonly string[], buckets: number): Trial[] {
  const sums = PENALTIES.map(() => rows.map(() => ({ products: 0, squares: 0 })));
  for (let fold = 0; fold < FOLDS; fold += 1) {
    const seen = rows.filter((row) => row.fold !== fold);
    const advantages = learnAdvantages(seen.map(({ row }) => row));
    for (const model of models) {
      const observations = observe(seen, model, advantages);
      let weights: Float64Array = new Float64Array(buckets);
      PENALTIES.forEach((penalty, trial) => {
        weights = fitRidge(observations, buckets, penalty, weights);
        rows.forEach(({ row, features, fold: own }, index) => {
          const truth = own === fold ? advantages(row).get(model) : undefined;
          const sum = sums[trial]?.[index];
          if (truth === undefined || sum === undefined) return;
          const predicted = predictFrom(features, weights);
          sum.products += predicted * truth;
          sum.squares += predicted * predicted;
        });
      });
    }
  }
  return PENALTIES.map((penalty, trial) => ({ penalty, ...judge(sums[trial] ?? []) }));
}

/** The outcomes of one row hang together: a row is the unit of the standard error. */
function judge(rows: readonly { products: number; squares: number }[]): Omit<Trial, 'penalty'> {
  const products = rows.reduce((sum, row) => sum + row.products, 0);
  const squares = rows.reduce((sum, row) => sum + row.squares, 0);
  if (squares === 0) return { strength: 0, explained: 0 };
  const slope = products / squares;
  const spread = rows.reduce((sum, row) => sum + (row.products - slope * row.squares) ** 2, 0);
  const variance = spread / squares ** 2;
  const strength = slope > 0 ? Math.min(1, Math.max(0, slope - variance / slope)) : 0;
  return { strength, explained: (2 * strength * products - strength * strength * squares) / rows.length };
}
