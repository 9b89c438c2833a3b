import { z } from 'zod';
import { Strategy } from './job.ts';
import { Name } from './name.ts';
import { Weights } from './routing-config.ts';

/** What an experiment compares its variants by: more of a score is better, less of a cost or a latency. */
const MEASURES = ['score', 'cost', 'latency'] as const;
export type Measure = (typeof MEASURES)[number];

export const ExperimentConfig = z.strictObject({
  /** Only jobs of these tasks take part; without it all do. */
  tasks: z.array(Name).min(1).optional(),
  /** Changing it deals the users anew. */
  salt: z.string().default(''),
  /** Nobody takes part in two experiments of one exclusion group. */
  exclusion_group: Name.optional(),
  /** Part of the users that take part, where an exclusion group or caution leaves others out. */
  share: z.number().gt(0).max(1).default(1),
  measure: z.enum(MEASURES).default('score'),
  /** How often the test may find a difference where there is none, however often somebody looks. */
  alpha: z.number().gt(0).max(0.5).default(0.05),
  variants: z
    .record(
      Name,
      z.strictObject({
        weight: z.number().min(0).max(1_000_000).default(1),
        models: z.array(Name).min(1).optional(),
        strategy: Strategy.optional(),
        weights: Weights.optional(),
      }),
    )
    .refine((variants) => Object.keys(variants).length >= 2, 'an experiment has at least two variants')
    .refine(
      (variants) => Object.values(variants).some((variant) => variant.weight > 0),
      'at least one variant has a weight above 0',
    ),
});
export type ExperimentConfig = z.infer<typeof ExperimentConfig>;
