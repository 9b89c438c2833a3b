import type { Config, ModelConfig, ProviderKind } from '../domain/config.ts';
import { lacksOf } from '../domain/features.ts';
import type { ModelSpec } from '../domain/model.ts';
import { NO_PRICE, priceListOf, UNKNOWN_SOURCE } from '../domain/price.ts';

const DEFAULT_CONTEXT_TOKENS = 128_000;

/**
 * All configured models by alias, so that the order of the configuration cannot have an influence that nobody sees, and
 * the two ways in which they are looked up.
 */
export type Catalog = {
  models: readonly ModelSpec[];
  byAlias: ReadonlyMap<string, ModelSpec>;
  byProvider: ReadonlyMap<string, readonly ModelSpec[]>;
};

export function createCatalog(config: Pick<Config, 'models'> & Partial<Pick<Config, 'providers'>>): Catalog {
  const models = Object.entries(config.models)
    .map(([alias, model]) => modelSpecOf(alias, model, config.providers?.[model.provider]?.kind))
    .sort((left, right) => (left.alias < right.alias ? -1 : 1));
  return {
    models,
    byAlias: new Map(models.map((model) => [model.alias, model])),
    byProvider: Map.groupBy(models, (model) => model.provider),
  };
}

function modelSpecOf(alias: string, model: ModelConfig, kind: ProviderKind | undefined): ModelSpec {
  const { default: defaultScore, ...scores } = model.scores;
  return {
    alias,
    provider: model.provider,
    id: model.id,
    price: model.price === undefined ? NO_PRICE : priceListOf(model.price),
    priceSource: model.price === undefined ? UNKNOWN_SOURCE : (model.price_source ?? 'config'),
    contextTokens: model.context ?? DEFAULT_CONTEXT_TOKENS,
    maxOutputTokens: model.max_output,
    capabilities: new Set(model.capabilities),
    tier: model.tier,
    scores: new Map(Object.entries(scores)),
    ...(defaultScore !== undefined && { defaultScore }),
    latencyMs: model.latency,
    family: model.deployment_of ?? alias,
    weight: model.weight,
    lacks: new Set(kind === undefined ? [] : lacksOf(kind, model.id)),
    limits: model.limits ?? {},
    request: model,
  };
}
