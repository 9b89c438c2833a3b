import { z } from 'zod';
import { Name } from './name.ts';

/** How good an answer is, from 0 (of no use) to 1. */
export const Score = z.number().min(0).max(1);

/** Of scores for which nobody says where they are from. */
const DEFAULT_SOURCE = 'feedback';

/** Of scores that workers give themselves, to jobs with an `expect`. */
export const EXPECT_SOURCE = 'expect';

/** A score that the answer to a job was given, by a person, a grader or a test: an entry of the feedback stream. */
export const Feedback = z.object({
  job_id: z.string(),
  /** Alias of the model that answered. */
  model: z.string(),
  task: z.string().nullable(),
  score: Score,
  /** The score from the same source that this one takes the place of. */
  previous: Score.optional(),
  source: z.string(),
  variant: z.string().optional(),
  user: z.string().optional(),
  comment: z.string().optional(),
  /** Epoch milliseconds, by Redis' clock. */
  at: z.int(),
});
export type Feedback = z.infer<typeof Feedback>;

const Comment = z.string().max(1_000);

/** What may be said along with a score. */
export const FeedbackDetails = z.strictObject({
  /** Who or what gives it. A job has one score from each source; another one corrects it. */
  source: Name.refine(
    (source) => source !== EXPECT_SOURCE,
    `"${EXPECT_SOURCE}" is where the scores of jobs with an expect are from; give yours another name`,
  ).default(DEFAULT_SOURCE),
  /** Kept in the feedback stream as it is. */
  comment: Comment.optional(),
});
export type FeedbackDetails = z.input<typeof FeedbackDetails>;
