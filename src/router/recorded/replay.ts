import { Config } from '../../domain/config.ts';
import type { Evidence } from '../../domain/evidence.ts';
import { nanosToUsd } from '../../domain/money.ts';
import type { TaskReader } from '../text/index.ts';
import type { Knowledge } from '../predict.ts';
import { createRouter, type Route } from '../route.ts';
import { learnFromRows, type Lessons, recordedTextOf } from './learn.ts';
import type { RecordedModels, RecordedPrompt, RecordedRow } from './rows.ts';

/**
 * - `quality`: the best expected score.
 * - `cost`: the cheapest choice that is not worse than the best single model.
 * - `answerValueUsd`: the most score times this, less what it costs.
 */
export type ReplayAim =
  | { objective: 'quality' | 'cost' }
  | { answerValueUsd: number; maxCostUsd?: number; maxLatencyMs?: number };

export type ReplayDecision = {
  id: string;
  model: string;
  /** The model and those that would be asked after it. */
  chain: string[];
  predicted: { score: number; cost_usd: number };
};

export type Replay = {
  /** Undefined when no model keeps the limits of the aim. */
  decide: (row: RecordedPrompt, aim: ReplayAim) => ReplayDecision | undefined;
  /** The same as the router says it, and with what else is known. */
  route: (row: RecordedPrompt, aim: ReplayAim, knowledge?: Partial<Knowledge>) => Route;
  nameOf: (alias: string) => string;
  aliasOf: (name: string) => string;
  evidence: Evidence;
  /** Models that count as free, since nothing tells what they cost. */
  unpriced: readonly string[];
};

const PROVIDER = 'recorded';
/** As good as the best single model, but for one part in two hundred: that two models are equal can never be shown. */
const NOT_WORSE = 0.995;

/**
 * Routes recorded prompts after learning from recorded rows. All goes through the router as jobs do, without any I/O.
 * `reader` reads the tasks of rows that do not tell theirs.
 */
export function createReplay(
  train: readonly RecordedRow[],
  models: RecordedModels,
  options: { reader?: TaskReader; exploration?: number } = {},
): Replay {
  const lessons = learnFromRows(train, models);
  // In an order of their own, for ties go by alias.
  const names = Object.keys(models).toSorted();
  // Names of recordings follow no rule; aliases do.
  const aliases = new Map(names.map((name, index) => [name, `m${index}`]));
  const aliasOf = (name: string): string => aliases.get(name) ?? name;
  const byAlias = new Map(names.map((name, index) => [`m${index}`, name]));
  const nameOf = (alias: string): string => byAlias.get(alias) ?? alias;

  const router = createRouter(configOf(lessons, aliases, options.exploration ?? 0), options);
  const evidence = evidenceOf(lessons, aliasOf);
  const latencies = new Map([...lessons.latencies].map(([name, latency]) => [aliasOf(name), latency]));
  const benchedUntil = new Map<string, number>();

  const route: Replay['route'] = (row, aim, knowledge = {}) => {
    const limits =
      'objective' in aim
        ? {}
        : { answer_value_usd: aim.answerValueUsd, max_cost_usd: aim.maxCostUsd, max_latency_ms: aim.maxLatencyMs };
    const { id, task } = row;
    const strategy = 'objective' in aim ? STRATEGIES[aim.objective] : ('hybrid' as const);
    const job = { id, prompt: recordedTextOf(row), strategy, ...(task !== undefined && { task }), ...given(limits) };
    const question = router.question(job);
    const floored =
      'objective' in aim && aim.objective === 'cost' ? { ...question, qualityFloor: NOT_WORSE } : question;
    return router.route(floored, { now: 0, random: () => 0.5, latencies, benchedUntil, evidence, ...knowledge });
  };
  const decide: Replay['decide'] = (row, aim) => {
    const { chain } = route(row, aim);
    const [first] = chain;
    if (first === undefined) return undefined;
    return {
      id: row.id,
      model: nameOf(first.model.alias),
      chain: chain.map(({ model }) => nameOf(model.alias)),
      predicted: { score: first.predicted.score, cost_usd: nanosToUsd(first.predicted.costNanos) },
    };
  };
  return { decide, route, nameOf, aliasOf, evidence, unpriced: lessons.unpriced };
}

const STRATEGIES = { quality: 'task', cost: 'cost' } as const;

function configOf({ prices, longAnswerTokens }: Lessons, aliases: Map<string, string>, exploration: number): Config {
  const models = [...aliases].map(([name, alias]) => [
    alias,
    {
      provider: PROVIDER,
      id: name.slice(0, 256),
      price: prices.get(name) ?? { input: 0, output: 0 },
      context: 100_000_000,
      max_output: 10_000_000,
    },
  ]);
  return Config.parse({
    providers: { [PROVIDER]: { kind: 'openai', base_url: 'https://recorded.example/v1' } },
    models: Object.fromEntries(models),
    routing: { default_max_tokens: longAnswerTokens, latency_percentile: 95, exploration },
  });
}

function evidenceOf({ cells, tasks }: Lessons, aliasOf: (name: string) => string): Evidence {
  const models = Object.fromEntries([...cells].map(([name, byTask]) => [aliasOf(name), byTask] as const));
  return { v: 1, version: 1, updated_at: 0, models, tasks };
}

type Given<Shape> = { [Name in keyof Shape]?: Exclude<Shape[Name], undefined> };

function given<Shape extends object>(shape: Shape): Given<Shape> {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Given<Shape>;
}
