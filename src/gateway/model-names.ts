import type { Config } from '../domain/config.ts';
import { suggestion } from '../domain/issues.ts';
import { Strategy } from '../domain/job.ts';
import { ApiError } from './api-error.ts';

/** What a name in a request's `model` says about its job. */
export type NamedModel = {
  /** Aliases, in their order; undefined leaves the choice to the router. */
  models?: readonly string[];
  task?: string;
  strategy?: Strategy;
};

export const AUTO = 'sluice/auto';
export const TASK_PREFIX = 'sluice/task/';

/** What people say for a strategy, in `sluice/auto:cheap`. A strategy's own name may stand there as well. */
export const WAYS: Readonly<Record<string, Strategy>> = {
  cheap: 'cost',
  fast: 'latency',
  best: 'task',
  balanced: 'hybrid',
};

/** OpenRouter's shortcuts behind a model's name (https://openrouter.ai/docs/guides/routing/provider-selection). */
const SHORTCUTS: Readonly<Record<string, Strategy>> = { floor: 'cost', nitro: 'latency' };

type Known = Pick<Config, 'models' | 'tasks'>;

/**
 * What a name stands for, the first of these that fits: `sluice/auto[:WAY]`, `sluice/task/NAME[:WAY]`, an alias, the name
 * of deployments of one model, a provider's pinned id, that with the provider in front (`openai/gpt-5-mini`), any of them
 * with `:floor` or `:nitro` behind it. Throws an ApiError 404 `model_not_found`.
 */
export function resolveModel(name: string, config: Known): NamedModel {
  if (name === AUTO || name.startsWith(`${AUTO}:`)) return strategyOf(name, name.slice(AUTO.length + 1));
  if (name.startsWith(TASK_PREFIX)) return resolveTask(name, config);
  const models = aliasesOf(name, config);
  if (models.length > 0) return { models };
  const [, base = '', shortcut = ''] = /^(.+):([a-z]+)$/.exec(name) ?? [];
  const strategy = SHORTCUTS[shortcut];
  const shortened = strategy === undefined ? [] : aliasesOf(base, config);
  if (strategy !== undefined && shortened.length > 0) return { models: shortened, strategy };
  throw unknownModel(name, Object.keys(config.models));
}

function resolveTask(name: string, config: Known): NamedModel {
  const [, task = '', way = ''] = /^([^:]*)(?::(.*))?$/.exec(name.slice(TASK_PREFIX.length)) ?? [];
  if (!Object.hasOwn(config.tasks, task)) {
    throw unknownModel(
      name,
      Object.keys(config.tasks).map((known) => TASK_PREFIX + known),
    );
  }
  return { task, ...strategyOf(name, way) };
}

function strategyOf(name: string, way: string): Pick<NamedModel, 'strategy'> {
  if (way === '') return {};
  const strategy = Object.hasOwn(WAYS, way) ? WAYS[way] : Strategy.safeParse(way).data;
  if (strategy !== undefined) return { strategy };
  const known = [...Object.keys(WAYS), ...Strategy.options].map((each) => `${AUTO}:${each}`);
  throw unknownModel(name, known);
}

function aliasesOf(name: string, { models }: Known): string[] {
  if (Object.hasOwn(models, name)) return [name];
  const all = Object.entries(models);
  const pick = (isMeant: (model: Known['models'][string]) => boolean): string[] =>
    all.filter(([, model]) => isMeant(model)).map(([alias]) => alias);
  const deployments = pick((model) => model.deployment_of === name);
  if (deployments.length > 0) return deployments;
  const pinned = pick(({ id }) => id === name);
  return pinned.length > 0 ? pinned : pick(({ provider, id }) => `${provider}/${id}` === name);
}

export function unknownModel(name: string, known: readonly string[]): ApiError {
  const shown = name.length <= 128 ? JSON.stringify(name) : `of ${name.length} characters`;
  const message = `there is no model ${shown} here${suggestion(name, known)}; GET /v1/models lists those that there are`;
  return new ApiError(404, 'invalid_request_error', message, { code: 'model_not_found', param: 'model' });
}
