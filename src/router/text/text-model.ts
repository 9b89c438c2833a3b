import { z } from 'zod';
import { Name } from '../../domain/name.ts';
import { countPacked } from './weights.ts';

/** Grows when texts are read in another way: a model knows only the features that it was trained on. */
export const FEATURES_VERSION = 1;

const Packed = z.strictObject({
  /** Of the weights, by size. */
  largest: z.number().min(0).max(1e6),
  /** A byte a weight, in base64; see weights.ts. */
  bytes: z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'must be base64'),
});

/** Each costs a file 32 kB, and every decision some time. */
export const MOST_TASKS = 1_000;
const MOST_BUCKETS = 2 ** 18;
const Buckets = z
  .int()
  .min(2)
  .max(MOST_BUCKETS)
  .refine((buckets) => (buckets & (buckets - 1)) === 0, 'must be a power of two');

const TaskWeights = z.strictObject({
  /** At least two; the order of the probabilities. */
  names: z.array(Name).min(2).max(MOST_TASKS),
  buckets: Buckets,
  bias: z.array(z.number().min(-1e6).max(1e6)),
  weights: Packed,
  /** How well tasks were read from prompts that were kept apart when the model was trained. */
  held_out: z.strictObject({ samples: z.int().min(0), accuracy: z.number(), log_loss: z.number() }),
});

/** A text model's file: reads the task of a job from its prompt, when nobody has named it. */
export const TextModel = z
  .strictObject({
    v: z.literal(1),
    features: z.literal(FEATURES_VERSION, 'was trained by another version of Sluice: train it again'),
    samples: z.int().min(1),
    tasks: TaskWeights,
  })
  .superRefine(({ tasks }, context) => {
    const complain = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if (new Set(tasks.names).size < tasks.names.length) complain(['tasks', 'names'], 'must not name a task twice');
    if (tasks.bias.length !== tasks.names.length)
      complain(
        ['tasks', 'bias'],
        `must have a number for each of the ${tasks.names.length} tasks, got ${tasks.bias.length}`,
      );
    const weights = tasks.names.length * tasks.buckets;
    if (countPacked(tasks.weights.bytes) !== weights)
      complain(['tasks', 'weights', 'bytes'], `must hold ${weights} weights, got ${countPacked(tasks.weights.bytes)}`);
  });
export type TextModel = z.infer<typeof TextModel>;
