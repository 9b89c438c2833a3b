import { z } from 'zod';
import { Strategy } from './job.ts';

const Share = z.number().min(0).max(1);

/** What the hybrid strategy weighs; only their proportion counts. */
export const Weights = z.strictObject({ quality: Share, cost: Share, latency: Share });

/**
 * How one of several deployments of the same model is chosen.
 *
 * - `weighted`: in proportion to their weights.
 * - `least-busy`: the one with the fewest calls under way, for its weight.
 * - `latency`: of two that are drawn, the one that answers sooner.
 */
const BALANCES = ['weighted', 'least-busy', 'latency'] as const;
export type Balance = (typeof BALANCES)[number];

/**
 * What becomes of a job that no model may serve within its limits.
 *
 * - `reject`: it ends as failed, with the limit that stood in the way.
 * - `cheapest`: its limit on latency and the floor on quality are put aside, and the cheapest model is asked; limits on cost hold.
 * - `relax-latency`: its limit on latency is put aside.
 */
const ON_NO_CANDIDATE = ['reject', 'cheapest', 'relax-latency'] as const;

/** How likely a task must be that was read from a prompt, so that a cheaper model is chosen for its sake. */
export const SURE_OF_TASK = 0.7;

export const RoutingConfig = z.strictObject({
  strategy: Strategy.default('hybrid'),
  weights: Weights.default({ quality: 0.7, cost: 0.2, latency: 0.1 }),
  /** Attempts of one job on all models together. */
  max_attempts: z.int().min(1).max(20).default(4),
  /** A job's `max_latency_ms` is held against this percentile of the model's latency. */
  latency_percentile: z.literal([50, 95]).default(95),
  /** Tokens that an answer may have when neither the job nor its task says. */
  default_max_tokens: z.int().min(1).max(1_000_000).default(1_024),
  /** Lets models be asked whose price nobody knows. Their calls count as free, and are marked. */
  allow_unpriced: z.boolean().default(false),
  /**
   * What a right answer is worth, in USD: the hybrid strategy then takes the model with the most score times this, less
   * its cost, instead of weighing what is compared with the rest of the field.
   */
  answer_value_usd: z.number().positive().max(1_000_000).optional(),
  /**
   * Part of the best single model's expected score that cheaper choices must keep, all jobs of the mix together, by a
   * lower confidence bound; without it cost and quality are weighed without a floor. Counts once scores were learned.
   */
  quality_floor: Share.optional(),
  /** How sure that must be; one-sided, as in a test of non-inferiority. */
  confidence: z.number().min(0.5).max(0.999).default(0.975),
  on_no_candidate: z.enum(ON_NO_CANDIDATE).default('reject'),
  /** For models that are declared as deployments of one (`deployment_of`). */
  balance: z.enum(BALANCES).default('latency'),
  /** Part of the jobs that may go to another model than the one that looks best, so that more is learned. */
  exploration: z.number().min(0).max(0.2).default(0),
  /** What a score counts for after the next one of the same model and task: by it the latest few hundred decide. */
  evidence_decay: z.number().min(0.9).max(1).default(0.998),
  /** Whether usage records tell why the model was asked, in up to 1,000 characters each. */
  decisions: z.enum(['all', 'none']).default('all'),
  /** Of a job without a task it is read from the prompt, by a text model (`sluice router train`). */
  task_guess: z
    .strictObject({
      /** The text model's file; relative to the configuration's folder. */
      model: z.string().min(1),
      /** Below it the safe choice is made: the best that is expected over the tasks that it may be. */
      confidence: Share.default(SURE_OF_TASK),
    })
    .optional(),
});
export type RoutingConfig = z.infer<typeof RoutingConfig>;
