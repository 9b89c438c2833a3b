import type { Config, ModelConfig } from '../domain/config.ts';
import type { ModelSpec } from '../domain/model.ts';
import { usdPerMillionToPicosPerToken } from '../domain/money.ts';

/** What is expected of a model about which the configuration says nothing: neither good nor bad. */
const UNKNOWN_SCORE = 0.5;

/**
 * All configured models by alias, so that the order of the configuration cannot have an influence that nobody sees, and
 * the two ways in which they are looked up.
 */
export type Catalog = {
  models: readonly ModelSpec[];
  byAlias: ReadonlyMap<string, ModelSpec>;
  byProvider: ReadonlyMap<string, readonly ModelSpec[]>;
};

export function createCatalog(config: Pick<Config, 'models'>): Catalog {
  const models = Object.entries(config.models)
    .map(([alias, model]) => modelSpecOf(alias, model))
    .sort((left, right) => (left.alias < right.alias ? -1 : 1));
  return {
    models,
    byAlias: new Map(models.map((model) => [model.alias, model])),
    byProvider: Map.groupBy(models, (model) => model.provider),
  };
}

function modelSpecOf(alias: string, model: ModelConfig): ModelSpec {
  const { default: defaultScore = UNKNOWN_SCORE, ...scores } = model.scores;
  return {
    alias,
    provider: model.provider,
    id: model.id,
    price: {
      inputPicosPerToken: usdPerMillionToPicosPerToken(model.price.input),
      outputPicosPerToken: usdPerMillionToPicosPerToken(model.price.output),
    },
    contextTokens: model.context,
    maxOutputTokens: model.max_output,
    capabilities: new Set(model.capabilities),
    tier: model.tier,
    scores: new Map(Object.entries(scores)),
    defaultScore,
    latencyMs: model.latency,
    weight: model.weight,
  };
}
