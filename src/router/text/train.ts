import { createFeatureReader } from './features.ts';
import { type Example, fitRegression, type Regression, scoreClasses, softmax } from './softmax-regression.ts';
import { FEATURES_VERSION, type TextModel } from './text-model.ts';
import { packWeights } from './weights.ts';

/** A prompt whose task is known. */
export type TextSample = { text: string; task: string };

const BUCKETS = 2 ** 15;
/** One of so many texts is kept apart to see how sure the model may be. */
const HELD_OUT = 5;
/** A word that stands in one text only says more of that text than of its task. */
const LEAST_TEXTS = 2;
/** Fewer prompts than this say nothing of how sure a model may be. */
const LEAST_HELD_OUT = 20;
const TEMPERATURES = { lowest: 0.2, highest: 5, steps: 40 };

/**
 * Trains a model that reads tasks from prompts: hashed words and pairs of words, a linear model, and a temperature that
 * makes its probabilities honest (Guo et al. 2017), found on a fifth of the texts that a first model has not seen. The
 * model that is kept has seen all. The same samples in the same order give the same model.
 */
export function trainTextModel(samples: readonly TextSample[]): TextModel {
  const names = [...new Set(samples.map(({ task }) => task))].sort();
  if (names.length < 2)
    throw new Error(`A text model tells tasks apart: it needs samples of two or more, got ${names.length}.`);
  const examples = examplesOf(samples, names);
  const held = samples.map(({ text }) => isHeldOut(text));
  const unseen = examples.filter((_, index) => held[index]);
  const first = fit(
    examples.filter((_, index) => !held[index]),
    names.length,
  );
  const outcome = calibrate(first, unseen);

  const { bias, weights } = fit(examples, names.length);
  const sharpen = (weight: number): number => weight / outcome.temperature;
  return {
    v: 1,
    features: FEATURES_VERSION,
    samples: samples.length,
    tasks: {
      names,
      buckets: BUCKETS,
      bias: Array.from(bias, sharpen),
      weights: packWeights(weights.map(sharpen)),
      held_out: { samples: unseen.length, accuracy: outcome.accuracy, log_loss: outcome.logLoss },
    },
  };
}

function examplesOf(samples: readonly TextSample[], names: readonly string[]): Example[] {
  const read = createFeatureReader(BUCKETS);
  const labels = new Map(names.map((name, index) => [name, index]));
  return samples.map(({ text, task }) => {
    const { buckets, values, count } = read(text);
    return { buckets: buckets.slice(0, count), values: values.slice(0, count), label: labels.get(task) as number };
  });
}

function fit(examples: readonly Example[], classes: number): Regression {
  const texts = new Uint32Array(BUCKETS);
  for (const { buckets } of examples) for (const bucket of buckets) (texts[bucket] as number) += 1;
  const common = examples.map(({ buckets, values, label }) => {
    const isCommon = (_: number, index: number): boolean => (texts[buckets[index] as number] as number) >= LEAST_TEXTS;
    return { buckets: buckets.filter(isCommon), values: values.filter(isCommon), label };
  });
  return fitRegression(common, classes, BUCKETS);
}

/** By its text, so that the same prompt is never on both sides. */
function isHeldOut(text: string): boolean {
  let hash = 0;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93);
  return ((hash ^ (hash >>> 15)) >>> 0) % HELD_OUT === 0;
}

function calibrate(
  regression: Regression,
  unseen: readonly Example[],
): { temperature: number; accuracy: number; logLoss: number } {
  const scores = unseen.map((example) => {
    const row = new Float64Array(regression.classes);
    scoreClasses(regression, example, row);
    return row;
  });
  const lossAt = (temperature: number): number =>
    scores.reduce((sum, row, index) => {
      const probabilities = row.map((score) => score / temperature);
      softmax(probabilities);
      return sum - Math.log(Math.max(1e-12, probabilities[unseen[index]?.label ?? 0] as number));
    }, 0) / Math.max(1, unseen.length);
  const { lowest, highest, steps } = TEMPERATURES;
  let best = 1;
  for (let step = 0; step <= steps && unseen.length >= LEAST_HELD_OUT; step += 1) {
    const temperature = lowest * (highest / lowest) ** (step / steps);
    if (lossAt(temperature) < lossAt(best)) best = temperature;
  }
  const right = scores.filter((row, index) => row.indexOf(Math.max(...row)) === unseen[index]?.label).length;
  return { temperature: best, accuracy: right / Math.max(1, unseen.length), logLoss: lossAt(best) };
}
