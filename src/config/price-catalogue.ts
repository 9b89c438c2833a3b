import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as GenaiPrices from '@pydantic/genai-prices';
import type { ModelPrice, ProviderConfig } from '../domain/config.ts';

/**
 * What `@pydantic/genai-prices` knows: prices and contexts of about 1,700 models at 43 providers, as they stood when its
 * version was published. Prices are in USD per million tokens, like those of the configuration.
 */

export type KnownModel = {
  /** The catalogue's own names. */
  provider: string;
  id: string;
  name: string;
  /** Missing where it knows none, or none that tokens alone decide; then `unpriced` says why. */
  price?: ModelPrice;
  unpriced?: string;
  /** Where it charges for prompts and tells nothing of answers: the price, if the model embeds. */
  embeddingPrice?: ModelPrice;
  context?: number;
  deprecated: boolean;
  /** Dated ids that stand for the same model today, where the catalogue lists them. */
  datedIds: readonly string[];
};

export type PriceCatalogue = {
  /** `genai-prices@0.1.8` */
  source: string;
  /** The model behind an id at a provider of the configuration. */
  find: (provider: ProviderConfig, id: string) => KnownModel | undefined;
  all: () => Promise<KnownModel[]>;
  /** The date of its latest price that has one and holds already: its prices are at least as new as that. */
  newestPriceDate: () => Promise<string | undefined>;
};

type Library = typeof GenaiPrices;

const LIBRARY = '@pydantic/genai-prices';
const require = createRequire(import.meta.url);

let opened: PriceCatalogue | undefined;

/** Opens it at the first call. It is half a megabyte to parse, 50 ms: whoever has no use for it does without. */
export function openPriceCatalogue(): PriceCatalogue {
  return (opened ??= createPriceCatalogue(require(LIBRARY) as Library, Date.now));
}

export function createPriceCatalogue(library: Library, now: () => number): PriceCatalogue {
  return {
    source: `genai-prices@${versionOf(LIBRARY)}`,
    find(provider, id) {
      for (const { modelId, ...where } of lookupsFor(provider, id)) {
        const found = library.calcPrice({}, modelId, where);
        if (found) return knownModel(library, found.provider, found.model, now());
      }
      return undefined;
    },
    all: async () =>
      (await providersOf(library)).flatMap((provider) =>
        provider.models.map((model) => knownModel(library, provider, model, now())),
      ),
    newestPriceDate: async () => newestDate(await providersOf(library), now()),
  };
}

type Lookup = { modelId: string; providerId?: string; providerApiUrl?: string };

/** Where the catalogue may have the model, most likely first. A foreign address that speaks OpenAI's words is nobody. */
function lookupsFor(provider: ProviderConfig, id: string): Lookup[] {
  const { kind, base_url: providerApiUrl } = provider;
  switch (kind) {
    case 'openai':
      return [{ modelId: id, providerApiUrl }];
    case 'azure':
    case 'openrouter':
    case 'litellm':
      return [{ modelId: id, providerId: kind }];
    case 'anthropic':
      return [
        { modelId: id, providerApiUrl },
        { modelId: id, providerId: kind },
      ];
    case 'google': {
      const modelId = id.replace(/^models\//, '');
      return [
        { modelId, providerApiUrl },
        { modelId, providerId: kind },
      ];
    }
    case 'portkey': {
      // `@openai-prod/gpt-5-mini`, or a header that names the provider.
      const [, slug = provider.portkey?.provider, modelId = id] = /^@([^/]+)\/(.+)$/.exec(id) ?? [];
      return [...(slug === undefined ? [] : [{ modelId, providerId: slug.replace(/^@/, '') }]), { modelId }];
    }
    case 'helicone': {
      // `gpt-5-mini/openai`
      const [, modelId = id, providerId] = /^([^/]+)\/([^/]+)$/.exec(id) ?? [];
      const target = provider.helicone?.target_url;
      return [
        ...(target === undefined ? [] : [{ modelId: id, providerApiUrl: target }]),
        ...(providerId === undefined ? [] : [{ modelId, providerId }]),
        { modelId },
      ];
    }
  }
}

async function providersOf(library: Library): Promise<GenaiPrices.Provider[]> {
  return (await library.waitForUpdate()) ?? [];
}

function knownModel(
  library: Library,
  provider: GenaiPrices.Provider,
  model: GenaiPrices.ModelInfo,
  now: number,
): KnownModel {
  // Some charge less at certain hours. What is held for a call has to be enough at any.
  const prices = timesOfDay(model, now).map((timestamp) => priceAt(library, provider, model, timestamp));
  const price = prices.reduce((dearest, next) => (isDearer(next, dearest) ? next : dearest));
  const embeddingPrice = typeof price === 'string' ? embeddingPriceAt(library, provider, model, now) : undefined;
  const context = model.context_window;
  return {
    provider: provider.id,
    id: model.id,
    name: model.name ?? model.id,
    ...(typeof price === 'string' ? { unpriced: embeddingPrice ? PROMPTS_ALONE : price } : { price }),
    ...(embeddingPrice && { embeddingPrice }),
    ...(context !== undefined && Number.isSafeInteger(context) && context > 0 ? { context } : {}),
    deprecated: model.deprecated ?? false,
    datedIds: datedIdsIn(model.match),
  };
}

const PROMPTS_ALONE = 'it charges for prompts alone; if it embeds, give it capabilities: [embeddings]';

/** A moment of today for each price that the model may have in the course of it. */
function timesOfDay({ prices }: GenaiPrices.ModelInfo, now: number): [Date, ...Date[]] {
  const today = new Date(now).toISOString().slice(0, 10);
  const starts = (Array.isArray(prices) ? prices : []).flatMap(({ constraint }) =>
    constraint?.type === 'time_of_date' ? [new Date(`${today}T${constraint.start_time}`)] : [],
  );
  return [new Date(now), ...starts];
}

/** The price at this moment, or why it cannot be said. */
function priceAt(
  library: Library,
  provider: GenaiPrices.Provider,
  model: GenaiPrices.ModelInfo,
  timestamp: Date,
): ModelPrice | string {
  const prices = pricesAt(library, provider, model, timestamp);
  if (Object.keys(prices).length === 0) {
    return model.id.endsWith(':free') ? { input: 0, output: 0 } : 'the catalogue tells no price for it';
  }
  if (prices['requests_kcount']) return 'it charges for every call besides its tokens, which a price list cannot say';
  return modelPriceOf(prices) ?? 'it does not charge by the tokens of prompt and answer';
}

function pricesAt(
  library: Library,
  provider: GenaiPrices.Provider,
  model: GenaiPrices.ModelInfo,
  timestamp: Date,
): GenaiPrices.ModelPrice {
  // An id may fit several models of its provider; this one alone is meant.
  const alone = { ...provider, models: [{ ...model, match: { equals: model.id } }] };
  return library.calcPrice({}, model.id, { provider: alone, timestamp })?.model_price ?? {};
}

function embeddingPriceAt(
  library: Library,
  provider: GenaiPrices.Provider,
  model: GenaiPrices.ModelInfo,
  now: number,
): ModelPrice | undefined {
  const {
    input_mtok: input,
    output_mtok: output,
    requests_kcount: perCall,
  } = pricesAt(library, provider, model, new Date(now));
  return typeof input === 'number' && output === undefined && !perCall ? { input, output: 0 } : undefined;
}

const RATE_NAMES = {
  input_mtok: 'input',
  output_mtok: 'output',
  cache_read_mtok: 'cached_input',
  cache_write_mtok: 'cache_write',
  cache_write_1h_mtok: 'cache_write_1h',
  output_reasoning_mtok: 'reasoning',
} as const satisfies Record<string, keyof ModelPrice>;

type RateName = (typeof RATE_NAMES)[keyof typeof RATE_NAMES];

function modelPriceOf(prices: GenaiPrices.ModelPrice): ModelPrice | undefined {
  const base: { [Rate in RateName]?: number } = {};
  const byStart = new Map<number, { [Rate in RateName]?: number }>();
  for (const [key, rate] of Object.entries(RATE_NAMES)) {
    const price = prices[key];
    if (price === undefined) continue;
    base[rate] = typeof price === 'number' ? price : price.base;
    for (const { start, price: long } of typeof price === 'number' ? [] : price.tiers) {
      byStart.set(start, { ...byStart.get(start), [rate]: long });
    }
  }
  const { input, output } = base;
  if (input === undefined || output === undefined) return undefined;
  const steps = [...byStart].toSorted(([left], [right]) => left - right);
  const longContext = steps.map(([above, rates]) => ({ above, ...rates }));
  return { ...base, input, output, ...(longContext.length === 0 ? {} : { long_context: longContext }) };
}

function isDearer(price: ModelPrice | string, other: ModelPrice | string): boolean {
  if (typeof price === 'string' || typeof other === 'string') return typeof price === 'string';
  return price.input + price.output > other.input + other.output;
}

const DATED_ID = /-(\d{4}-\d{2}-\d{2}|20\d{6}|\d{4})$/;

function datedIdsIn(match: GenaiPrices.MatchLogic): string[] {
  if ('or' in match) return match.or.flatMap(datedIdsIn);
  return 'equals' in match && DATED_ID.test(match.equals) ? [match.equals] : [];
}

function newestDate(providers: readonly GenaiPrices.Provider[], now: number): string | undefined {
  const today = new Date(now).toISOString().slice(0, 10);
  return providers
    .flatMap(({ models }) => models)
    .flatMap(({ prices }) => (Array.isArray(prices) ? prices : []))
    .flatMap(({ constraint }) => (constraint?.type === 'start_date' ? [constraint.start_date] : []))
    .filter((date) => date <= today)
    .toSorted()
    .at(-1);
}

/** A package that exports no `package.json` has one all the same, above its entry. */
function versionOf(library: string): string {
  const path = join(dirname(require.resolve(library)), '..', 'package.json');
  const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return manifest !== null && typeof manifest === 'object' && 'version' in manifest ? String(manifest.version) : '0';
}
