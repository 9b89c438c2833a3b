import { z } from 'zod';
import { kindOfHost } from './address.ts';
import { Duration } from './duration.ts';
import { Strategy } from './job.ts';
import { CAPABILITIES, TIERS } from './model.ts';

/**
 * The shape of `sluice.yaml`, with its defaults. Names are keys, so that nothing can be declared twice; durations are
 * texts with a unit; money is in USD, prices are in USD per million tokens, as price lists give them.
 */

const Name = z.string().regex(/^[A-Za-z0-9][\w.:/@-]{0,127}$/, 'use 1 to 128 letters, digits or . _ - : / @');
const LaneName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'use 1 to 32 lower-case letters, digits or -');
const Share = z.number().min(0).max(1);
const Usd = z.number().min(0).max(1_000_000);

export const ProviderConfig = z.strictObject({
  /** Which dialect it speaks. */
  kind: z.enum(['openai']).default('openai'),
  /** Where its API begins: `https://openrouter.ai/api/v1`. The key is sent nowhere else. */
  base_url: z.string(),
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'a key has printable characters only, without spaces or line breaks')
    .optional(),
  /** Sent with every call; for a key use `api_key`. */
  headers: z.record(z.string().regex(/^[\w-]+$/), z.string().regex(/^[\x20-\x7e]*$/)).default({}),
  /** Allows loopback and private addresses, and plain http to them: for a model server of your own. */
  allow_private: z.boolean().default(false),
  /** The longest that one call may take, whatever a job asks for. */
  timeout: Duration.prefault('120s'),
  max_response_bytes: z.int().min(1_024).max(1_073_741_824).default(16_777_216),
  /** Connections to it from one worker process at the most. */
  connections: z.int().min(1).max(10_000).default(1_024),
});
export type ProviderConfig = z.infer<typeof ProviderConfig>;

export const ModelConfig = z.strictObject({
  provider: Name,
  /** The provider's own id, pinned to a version where it has one. */
  id: z.string().min(1).max(256),
  price: z.strictObject({ input: z.number().min(0).max(100_000), output: z.number().min(0).max(100_000) }),
  /** Tokens that prompt and answer may have together. */
  context: z.int().min(1).max(100_000_000).default(128_000),
  max_output: z.int().min(1).max(10_000_000).default(16_384),
  capabilities: z.array(z.enum(CAPABILITIES)).default([]),
  tier: z.enum(TIERS).default('medium'),
  /** Expected score by task, 0 to 1; `default` for all other tasks. */
  scores: z.record(Name, Share).default({}),
  /** What to expect before the model's last hundred calls say better. */
  latency: z.strictObject({ p50: Duration, p95: Duration }).prefault({ p50: '2s', p95: '8s' }),
  weight: z.number().min(0).max(1_000_000).default(1),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

const Weights = z.strictObject({ quality: Share, cost: Share, latency: Share });

export const TaskConfig = z.strictObject({
  description: z.string().optional(),
  /** Only these models, in this order under the `order` strategy. */
  models: z.array(Name).min(1).optional(),
  lane: LaneName.optional(),
  strategy: Strategy.optional(),
  weights: Weights.optional(),
  requires: z.array(z.enum(CAPABILITIES)).optional(),
  max_tokens: z.int().min(1).max(1_000_000).optional(),
  max_cost_usd: z.number().positive().optional(),
  max_latency_ms: z.int().min(1).optional(),
});
export type TaskConfig = z.infer<typeof TaskConfig>;

export const LaneConfig = z.strictObject({
  /** Part of a worker's concurrency that is this lane's own. */
  share: z.number().positive().max(1).default(0.5),
  /** A wait that a provider asks for is waited out up to this long; a longer one means the next model. */
  max_wait: Duration.prefault('60s'),
});
export type LaneConfig = z.infer<typeof LaneConfig>;

export const RoutingConfig = z.strictObject({
  strategy: Strategy.default('hybrid'),
  /** What the hybrid strategy weighs; only their proportion counts. */
  weights: Weights.default({ quality: 0.7, cost: 0.2, latency: 0.1 }),
  /** Attempts of one job on all models together. */
  max_attempts: z.int().min(1).max(20).default(4),
  /** A job's `max_latency_ms` is held against this percentile of the model's latency. */
  latency_percentile: z.union([z.literal(50), z.literal(95)]).default(95),
  /** Tokens that an answer may have when neither the job nor its task says. */
  default_max_tokens: z.int().min(1).max(1_000_000).default(1_024),
});
export type RoutingConfig = z.infer<typeof RoutingConfig>;

export const WINDOWS = ['hour', 'day', 'week', 'month', 'total'] as const;

export const BudgetConfig = z.strictObject({
  limit_usd: Usd,
  window: z.enum(WINDOWS).default('total'),
  /** Jobs that it covers: those that match all that is said here; none said covers every job. */
  account: Name.optional(),
  task: Name.optional(),
  user: z.string().optional(),
});
export type BudgetConfig = z.infer<typeof BudgetConfig>;

export const ExperimentConfig = z.strictObject({
  /** Only jobs of these tasks take part; without it all do. */
  tasks: z.array(Name).min(1).optional(),
  /** Changing it deals the users anew. */
  salt: z.string().default(''),
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
    .prefault({ interactive: { share: 0.25, max_wait: '1s' }, batch: { share: 0.75, max_wait: '60s' } }),
  routing: RoutingConfig.prefault({}),
  budgets: z.record(Name, BudgetConfig).default({}),
  experiments: z.record(Name, ExperimentConfig).default({}),
  cache: z.strictObject({ enabled: z.boolean().default(false), ttl: Duration.prefault('1d') }).prefault({}),
  workers: z
    .strictObject({
      concurrency: z.int().min(1).max(10_000).default(50),
      /** How long a worker may be silent before others take its jobs over. */
      lock: Duration.prefault('30s'),
      /** What a stopping worker grants its calls before it gives their jobs back. */
      grace: Duration.prefault('10s'),
      /** How many waits a job may be put through before it is given up. */
      max_deferrals: z.int().min(1).max(100_000).default(1_000),
    })
    .prefault({}),
  results: z.strictObject({ keep: Duration.prefault('7d') }).prefault({}),
});

/** The configuration as the rest of the code reads it: every default filled in, durations in milliseconds. */
export const Config = ConfigShape.superRefine((config, context) => {
  const report = (path: (string | number)[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  for (const [name, provider] of Object.entries(config.providers)) {
    const problem = problemOfBaseUrl(provider.base_url, provider.allow_private);
    if (problem) report(['providers', name, 'base_url'], problem);
  }
  for (const [alias, model] of Object.entries(config.models)) {
    if (!Object.hasOwn(config.providers, model.provider)) {
      report(['models', alias, 'provider'], unknownName('provider', model.provider, config.providers));
    }
    for (const task of Object.keys(model.scores)) {
      if (task !== 'default' && !Object.hasOwn(config.tasks, task)) {
        report(['models', alias, 'scores', task], unknownName('task', task, config.tasks));
      }
    }
    if (model.latency.p95 < model.latency.p50) report(['models', alias, 'latency', 'p95'], 'must not be below p50');
  }
  for (const [name, task] of Object.entries(config.tasks)) {
    checkModels(['tasks', name, 'models'], task.models);
    if (task.lane !== undefined && !Object.hasOwn(config.lanes, task.lane)) {
      report(['tasks', name, 'lane'], unknownName('lane', task.lane, config.lanes));
    }
  }
  for (const [name, experiment] of Object.entries(config.experiments)) {
    for (const [index, task] of (experiment.tasks ?? []).entries()) {
      if (!Object.hasOwn(config.tasks, task)) {
        report(['experiments', name, 'tasks', index], unknownName('task', task, config.tasks));
      }
    }
    for (const [variant, { models }] of Object.entries(experiment.variants)) {
      checkModels(['experiments', name, 'variants', variant, 'models'], models);
    }
  }
  for (const [name, budget] of Object.entries(config.budgets)) {
    if (budget.task !== undefined && !Object.hasOwn(config.tasks, budget.task)) {
      report(['budgets', name, 'task'], unknownName('task', budget.task, config.tasks));
    }
  }

  function checkModels(path: (string | number)[], models: readonly string[] | undefined): void {
    for (const [index, alias] of (models ?? []).entries()) {
      if (!Object.hasOwn(config.models, alias)) report([...path, index], unknownName('model', alias, config.models));
    }
  }
});
export type Config = z.infer<typeof ConfigShape>;

/** `unknown task "sumarize"; known: coding, summarize`. */
export function unknownName(kind: string, name: string, known: object): string {
  const names = Object.keys(known).toSorted();
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? `, and ${names.length - 12} more` : '');
  return `unknown ${kind} "${name}"; ${names.length === 0 ? `no ${kind} is declared` : `known: ${shown}`}`;
}

function problemOfBaseUrl(text: string, allowPrivate: boolean): string | undefined {
  if (!URL.canParse(text)) return `not a URL: ${JSON.stringify(text.slice(0, 60))}`;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `only http and https, got ${url.protocol}//`;
  if (url.username !== '' || url.password !== '') return 'no user or password in the URL; use api_key';
  if (url.search !== '' || url.hash !== '') return 'no query and no fragment in the URL';
  const kind = kindOfHost(url.hostname);
  if (kind === 'forbidden') return `${url.hostname} is a link-local or reserved address and is never called`;
  if (kind === 'private' && !allowPrivate)
    return `${url.hostname} is private; set allow_private: true if that is meant`;
  if (url.protocol === 'http:' && !allowPrivate) return 'http would send the key in the clear; use https';
  return undefined;
}
