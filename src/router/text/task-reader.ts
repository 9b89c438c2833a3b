import { createFeatureReader } from './features.ts';
import { scoreClasses, softmax } from './softmax-regression.ts';
import type { TextModel } from './text-model.ts';
import { unpackWeights } from './weights.ts';

export type TaskReader = {
  tasks: readonly string[];
  /** The probability of each task, in the order of `tasks`; they sum to 1, and are meant to be right as often as they say. */
  read: (text: string) => Float64Array;
};

/** Never throws on a text, whatever it is, and looks at no more than its first 800 and last 400 characters. */
export function createTaskReader({ tasks }: TextModel): TaskReader {
  const regression = {
    classes: tasks.names.length,
    bias: Float64Array.from(tasks.bias),
    weights: unpackWeights(tasks.weights),
  };
  const readFeatures = createFeatureReader(tasks.buckets);
  return {
    tasks: tasks.names,
    read: (text) => {
      const features = readFeatures(text);
      const probabilities = new Float64Array(regression.classes);
      scoreClasses(regression, features, features.count, probabilities);
      softmax(probabilities);
      return probabilities;
    },
  };
}
