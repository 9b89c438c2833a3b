import { createFeatureReader } from './features.ts';
import { softmax } from './softmax-regression.ts';
import type { TextModel } from './text-model.ts';
import { createScorer } from './weights.ts';

export type TaskReader = {
  tasks: readonly string[];
  /** The probability of each task, in the order of `tasks`; they sum to 1, and are meant to be right as often as they say. */
  read: (text: string) => Float64Array;
};

/** Never throws on a text, whatever it is, and looks at no more than its first 800 and last 400 characters. */
export function createTaskReader({ tasks }: TextModel): TaskReader {
  const readFeatures = createFeatureReader(tasks.buckets);
  const addScores = createScorer(tasks.weights, tasks.names.length);
  return {
    tasks: tasks.names,
    read: (text) => {
      const probabilities = Float64Array.from(tasks.bias);
      addScores(readFeatures(text), probabilities);
      softmax(probabilities);
      return probabilities;
    },
  };
}
