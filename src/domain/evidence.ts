import { z } from 'zod';
import { Name } from './name.ts';

/**
 * What was learned of models from their answers: the scores that they were given, and how long their answers are. Plain
 * data, that is exported and imported as it is, and never changed in place: the same object stands for the same evidence.
 */

/** Far above anything that is ever seen, and far below where calculating with it ends. */
const MOST_FIGURES = 1e12;
const MOST_SUM = 1e24;
const MOST_VERSION = 2 ** 52;

/** A figure that was seen `n` times; those of long ago count for less, so that `n` need not be whole. */
export const Moments = z.strictObject({
  n: z.number().min(0).max(MOST_FIGURES),
  sum: z.number().min(-MOST_SUM).max(MOST_SUM),
  /** Sum of the squares. */
  squares: z.number().min(0).max(MOST_SUM),
});
export type Moments = z.infer<typeof Moments>;

/** One model at one task. */
export const EvidenceCell = z.strictObject({
  /** Scores from 0 to 1. */
  score: Moments.optional(),
  /** Tokens of a prompt, as the provider counted them. */
  input_tokens: Moments.optional(),
  /** Tokens of an answer, what was thought included. */
  output_tokens: Moments.optional(),
  /** Tokens of a prompt as the provider counted them, over tokens as the router had estimated them. */
  input_ratio: Moments.optional(),
});
export type EvidenceCell = z.infer<typeof EvidenceCell>;

/** The task of jobs that name none. */
export const NO_TASK = '';

const TaskOrNone = z.union([Name, z.literal(NO_TASK)]);

export const Evidence = z.strictObject({
  v: z.literal(1),
  /** Grows with every change; 0 is no evidence at all. */
  version: z.int().min(0).max(MOST_VERSION),
  /** Epoch milliseconds. */
  updated_at: z.int().min(0),
  /** By alias of the model, then by task. */
  models: z.record(Name, z.record(TaskOrNone, EvidenceCell)),
  /** Scored jobs by task, about the last 10,000 of them: cells forget too soon to tell which tasks there are most of. */
  tasks: z.record(TaskOrNone, z.number().min(0).max(MOST_FIGURES)).optional(),
});
export type Evidence = z.infer<typeof Evidence>;

export const NO_EVIDENCE: Evidence = { v: 1, version: 0, updated_at: 0, models: {} };

/** With one more figure, and all before it counting `decay` (0..1) of what they did. */
export function withFigure(moments: Moments | undefined, figure: number, decay = 1): Moments {
  const { n, sum, squares } = moments ?? { n: 0, sum: 0, squares: 0 };
  return { n: n * decay + 1, sum: sum * decay + figure, squares: squares * decay + figure * figure };
}
