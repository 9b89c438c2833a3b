import { z } from 'zod';
import { problemsOfReferences } from './config-checks.ts';
import { Duration, durationOf, LONGEST_KEEP_MS, MOST_TIMER_MS } from './duration.ts';
import { ExperimentConfig } from './experiment-config.ts';
import { GatewayConfig } from './gateway-config.ts';
import { BESIDE_OTHER_PROBLEMS } from './issues.ts';
import { Strategy } from './job.ts';
import { CAPABILITIES, TIERS } from './model.ts';
import { LimitConfig } from './limit-config.ts';
import { ModelConfig } from './model-config.ts';
import { Name } from './name.ts';
import { ProviderConfig } from './provider-config.ts';
import { RoutingConfig, Weights } from './routing-config.ts';
import { ANSWER_CHECKS } from './validation.ts';

export { unknownName } from './config-checks.ts';
export { ExperimentConfig } from './experiment-config.ts';
export { ModelConfig, ModelPrice } from './model-config.ts';
export { keysOf, ProviderConfig, type ProviderKey, type ProviderKind, RateLimits } from './provider-config.ts';
export { RoutingConfig } from './routing-config.ts';

/**
 * The shape of `sluice.yaml`, with its defaults. Names are keys, so that nothing can be declared twice; durations are
 * texts with a unit; money is in USD, prices are in USD per million tokens, as price lists give them.
 */

const LaneName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'use 1 to 32 lower-case letters, digits or -');
const Share = z.number().min(0).max(1);
const Usd = z.number().min(0).max(1_000_000);

export const TaskConfig = z.strictObject({
  description: z.string().optional(),
  /** Only these models, in this order under the `order` strategy. */
  models: z.array(Name).min(1).optional(),
  lane: LaneName.optional(),
  strategy: Strategy.optional(),
  weights: Weights.optional(),
  /** Stands above the one of `routing`. */
  answer_value_usd: z.number().positive().optional(),
  /** Stands above `routing.quality_floor`. */
  quality_floor: Share.optional(),
  /** What an answer must pass; else the next model is asked. A job's own `validate` stands above it. */
  validate: z.array(z.enum(ANSWER_CHECKS)).optional(),
  requires: z.array(z.enum(CAPABILITIES)).optional(),
  max_tokens: z.int().min(1).max(1_000_000).optional(),
  max_cost_usd: z.number().positive().optional(),
  max_latency_ms: z.int().min(1).optional(),
});
export type TaskConfig = z.infer<typeof TaskConfig>;

const LaneConfig = z.strictObject({
  /** Part of a worker's concurrency that is this lane's own. */
  share: z.number().positive().max(1).default(0.5),
  /** A wait that a provider asks for is waited out up to this long; a longer one means the next model, where there is one. */
  max_wait: Duration.prefault('60s'),
  /** When all models that are left have been failing for longer than this, jobs fail instead of waiting for them. */
  max_outage: Duration.prefault('10m'),
  /** Whether its jobs go before those of other lanes where a limit has them wait. */
  goes_first: z.boolean().default(false),
});
export type LaneConfig = z.infer<typeof LaneConfig>;

/** When a model, or a key, is left alone after failures; decided for all workers at once. */
export const CircuitConfig = z.strictObject({
  /** It opens when so many calls have failed within `window`... */
  failures: z.int().min(1).max(10_000).default(5),
  /** ...and they were at least this part of all calls. */
  failure_share: z.number().min(0).max(1).default(0.5),
  window: durationOf(1_000, 3_600_000).prefault('30s'),
  /** Then one call tries it after so long; twice as long after each one that fails, up to `longest_cooldown`. */
  cooldown: durationOf(100, 3_600_000).prefault('10s'),
  longest_cooldown: durationOf(100, MOST_TIMER_MS).prefault('5m'),
});
export type CircuitConfig = z.infer<typeof CircuitConfig>;

export const WINDOWS = ['hour', 'day', 'week', 'month', 'total'] as const;

const BudgetName = Name.refine(
  (name) => !/^(batch|job|key):|\//.test(name),
  'no / in the name of a budget, and batch:, job: and key: are kept for batches, jobs and virtual keys',
);

const BudgetConfig = z
  .strictObject({
    limit_usd: Usd,
    window: z.enum(WINDOWS).default('total'),
    /** Calls that it covers: those that match all that is said here; none said covers every call. */
    account: Name.optional(),
    task: Name.optional(),
    user: z.string().optional(),
    model: Name.optional(),
    provider: Name.optional(),
    /** A purse of this limit for each of them, instead of one for all. */
    per: z.enum(['account', 'user', 'task', 'model', 'provider', 'batch', 'job']).optional(),
    /** Nothing is refused for its sake; passing it raises an alert. */
    soft: z.boolean().default(false),
    /** Part of the limit at which an alert is raised, once in a window; a soft budget's is 1 without it. */
    alert_at: z.number().gt(0).max(1).optional(),
    /** The largest models that its jobs are sent to. */
    max_tier: z.enum(TIERS).optional(),
    /** Whether cost weighs more while money goes faster than time, so that the limit lasts for the window. */
    pace: z.boolean().default(false),
    /** See `OnExhausted`. */
    on_exhausted: z.enum(['reject', 'park', 'pause']).default('reject'),
  })
  .refine(
    ({ max_tier, model, provider }) => max_tier === undefined || (model === undefined && provider === undefined),
    {
      path: ['max_tier'],
      message: 'goes with account, task or user: which jobs are meant must not depend on the model that is asked',
    },
  )
  .refine(({ soft, on_exhausted }) => !soft || on_exhausted === 'reject', {
    path: ['on_exhausted'],
    message: 'a soft budget stops nothing; leave on_exhausted out, or soft',
  })
  .refine(({ pace, window }) => !pace || window !== 'total', {
    path: ['pace'],
    message: 'without a window there is nothing that the money is to last for; give it one, or leave pace out',
  })
  .refine(({ pace, per, model, provider }) => !pace || !(model ?? provider ?? (per === 'account' ? undefined : per)), {
    path: ['pace'],
    message: 'only a budget for all, or per account, can be paced; leave per, model and provider out, or pace',
  });
export type BudgetConfig = z.infer<typeof BudgetConfig>;

export const ConfigShape = z.strictObject({
  redis: z
    .strictObject({
      /** Without it (and without REDIS_URL) Sluice runs a private Redis for this folder. */
      url: z.string().optional(),
      /** All keys begin with it. The braces keep them on one node of a Redis Cluster. */
      prefix: z
        .string()
        .regex(/^\{[\w-]{1,32}\}$/, 'a prefix is a word in braces, such as {sluice}')
        .default('{sluice}'),
    })
    .prefault({}),
  providers: z
    .record(Name, ProviderConfig)
    .refine((map) => Object.keys(map).length > 0, 'declare at least one provider'),
  models: z.record(Name, ModelConfig).refine((map) => Object.keys(map).length > 0, 'declare at least one model'),
  tasks: z.record(Name, TaskConfig).default({}),
  lanes: z
    .record(LaneName, LaneConfig)
    .refine((map) => Object.keys(map).length > 0, 'declare at least one lane, or leave lanes out')
    .prefault({
      interactive: { share: 0.25, max_wait: '1s', max_outage: '10s', goes_first: true },
      batch: { share: 0.75, max_wait: '60s' },
    }),
  routing: RoutingConfig.prefault({}),
  circuit: CircuitConfig.prefault({}),
  budgets: z.record(BudgetName, BudgetConfig).default({}),
  limits: z.record(Name, LimitConfig).default({}),
  experiments: z.record(Name, ExperimentConfig).default({}),
  cache: z
    .strictObject({
      enabled: z.boolean().default(false),
      ttl: durationOf(1, LONGEST_KEEP_MS).prefault('1d'),
      /** Also jobs with a temperature above 0, or without one. */
      any_temperature: z.boolean().default(false),
    })
    .prefault({}),
  workers: z
    .strictObject({
      concurrency: z.int().min(1).max(10_000).default(50),
      /** How long a worker may be silent before others take its jobs over. */
      lock: durationOf(100, MOST_TIMER_MS).prefault('30s'),
      /** What a stopping worker grants its calls before it gives their jobs back. */
      grace: durationOf(0, MOST_TIMER_MS).prefault('10s'),
      /** How often a job may be put back before it is given up when Redis refuses its part; throttling is bounded by time. */
      max_deferrals: z.int().min(1).max(100_000).default(1_000),
    })
    .prefault({}),
  gateway: GatewayConfig.prefault({}),
  /** Traces and metrics by OpenTelemetry, for an SDK that is loaded into the process. */
  telemetry: z.strictObject({ enabled: z.boolean().default(false) }).prefault({}),
  results: z.strictObject({ keep: durationOf(1, LONGEST_KEEP_MS).prefault('7d') }).prefault({}),
});

/** The configuration as the rest of the code reads it: every default filled in, durations in milliseconds. */
export const Config = ConfigShape.superRefine((config, context) => {
  for (const { path, message } of problemsOfReferences(config)) {
    context.addIssue({ code: 'custom', path: [...path], message });
  }
}, BESIDE_OTHER_PROBLEMS);
export type Config = z.infer<typeof ConfigShape>;
