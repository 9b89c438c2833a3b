import { createFeatureReader } from './features.ts';
import type { Residuals } from './text-model.ts';
import { createScorer } from './weights.ts';

export type ResidualReader = {
  models: readonly string[];
  /** By how much each model's score is expected to differ from its table's, in the order of `models`. */
  read: (text: string) => Float64Array;
};

/** Never throws on a text; all zeros where nothing was learned beyond the tasks. */
export function createResidualReader({ models, buckets, strength, weights }: Residuals): ResidualReader {
  if (strength === 0) return { models, read: () => new Float64Array(models.length) };
  const readFeatures = createFeatureReader(buckets);
  const addScores = createScorer(weights, models.length);
  return {
    models,
    read: (text) => {
      const residuals = new Float64Array(models.length);
      addScores(readFeatures(text), residuals);
      return residuals;
    },
  };
}
