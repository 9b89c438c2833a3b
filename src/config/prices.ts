import { kindOfHost } from '../domain/address.ts';
import type { Config, ModelConfig, ProviderConfig } from '../domain/config.ts';
import type { Lock, LockedModel } from './lock-file.ts';
import type { PriceCatalogue } from './price-catalogue.ts';

/** Each is opened only when something has to be looked up in it. */
export type PriceSources = { lock: () => Lock | undefined; catalogue: () => PriceCatalogue };

/**
 * The configuration with a price and a context for each model of which somebody knows them: its own words stand above
 * the lock file, and that above the catalogue. Whose they are is said in `price_source`. A model that nobody knows stays
 * without a price.
 */
export function withKnownPrices(config: Config, sources: PriceSources): Config {
  const models = Object.entries(config.models);
  if (models.every(([, model]) => isComplete(model))) return config;
  const lock = sources.lock();
  return {
    ...config,
    models: Object.fromEntries(
      models.map(([alias, model]) => {
        const locked = lock?.models[alias];
        const provider = config.providers[model.provider];
        const known = withLocked(model, locked?.id === model.id && locked.provider === model.provider ? locked : {});
        return [alias, provider === undefined ? known : withCatalogued(known, provider, sources.catalogue)];
      }),
    ),
  };
}

/** One line for each model without a price: what that means, and what to do. */
export function priceWarnings({ models, routing }: Config): string[] {
  const unpriced = Object.entries(models).filter(([, { price }]) => price === undefined);
  const remedy = 'give it one: price: { input: ..., output: ... } in USD per million tokens';
  return unpriced.map(([alias, { provider, id }]) =>
    routing.allow_unpriced
      ? `model ${alias} (${id} of ${provider}): nobody knows its price, so its calls count as free; ${remedy}`
      : `model ${alias} (${id} of ${provider}): nobody knows its price, so no job is sent to it; ${remedy}`,
  );
}

function isComplete({ price, context }: ModelConfig): boolean {
  return price !== undefined && context !== undefined;
}

function withLocked(model: ModelConfig, { price, context, source }: Partial<LockedModel>): ModelConfig {
  return {
    ...model,
    ...(model.price === undefined && price !== undefined ? { price, price_source: `lock(${source})` } : {}),
    ...(model.context === undefined && context !== undefined ? { context } : {}),
  };
}

function withCatalogued(model: ModelConfig, provider: ProviderConfig, open: () => PriceCatalogue): ModelConfig {
  if (isComplete(model) || isOwnServer(provider)) return model;
  const catalogue = open();
  const known = catalogue.find(provider, model.id);
  const price = known?.price ?? (model.capabilities.includes('embeddings') ? known?.embeddingPrice : undefined);
  return {
    ...model,
    ...(model.price === undefined && price ? { price, price_source: catalogue.source } : {}),
    ...(model.context === undefined && known?.context ? { context: known.context } : {}),
  };
}

/** No catalogue knows the models of a server of one's own that copies OpenAI's words. */
export function isOwnServer({ kind, base_url: url, allow_private: isAllowed }: ProviderConfig): boolean {
  return kind === 'openai' && isAllowed && kindOfHost(new URL(url).hostname) !== 'public';
}
