import * as GenaiPrices from '@pydantic/genai-prices';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPriceCatalogue, type KnownModel, openPriceCatalogue } from '../../src/config/price-catalogue.ts';
import { ModelPrice, ProviderConfig, type ProviderKind } from '../../src/domain/config.ts';
import { costOfUsage, priceListOf } from '../../src/domain/price.ts';
import type { TokenUsage } from '../../src/domain/usage.ts';

const catalogue = openPriceCatalogue();
const known = await catalogue.all();
const priced = known.flatMap((model) => (model.price === undefined ? [] : [{ ...model, price: model.price }]));

type Provider = Parameters<typeof catalogue.find>[0];

function providerOf(kind: ProviderKind, more: object = {}): Provider {
  return ProviderConfig.parse({ kind, base_url: 'https://gateway.test/v1', ...more });
}

describe('the catalogue', () => {
  it('knows hundreds of models, each with a price that a configuration could have, or the reason why not', () => {
    expect(known.length).toBeGreaterThan(1_000);
    expect(priced.length).toBeGreaterThan(1_000);
    for (const { price } of priced) expect(() => ModelPrice.parse(price)).not.toThrow();
    expect(known.filter(({ price, unpriced }) => (price === undefined) === (unpriced === undefined))).toEqual([]);
    expect(catalogue.source).toMatch(/^genai-prices@\d+\.\d+\.\d+$/);
  });

  it('calls nothing free that only has no price: free are the models that say so in their id', () => {
    const free = priced.filter(({ price }) => price.input === 0 && price.output === 0);
    expect(free.length).toBeGreaterThan(0);
    expect(free.filter(({ id }) => !id.endsWith(':free'))).toEqual([]);
  });

  it('has no price for what tokens alone do not decide', () => {
    const sonar = catalogue.find(providerOf('openai', { base_url: 'https://api.perplexity.ai' }), 'sonar');
    expect(sonar).toMatchObject({ unpriced: expect.stringContaining('for every call') });
    expect(sonar).not.toHaveProperty('price');
  });

  it('says since when its newest price holds', async () => {
    expect(await catalogue.newestPriceDate()).toMatch(/^20\d\d-\d\d-\d\d$/);
  });
});

describe('a model is found', () => {
  it.each<[string, Provider, string, string]>([
    [
      'by the address of its API',
      providerOf('openai', { base_url: 'https://api.openai.com/v1' }),
      'gpt-5-mini',
      'openai',
    ],
    [
      'which may be a copy of OpenAI',
      providerOf('openai', { base_url: 'https://api.groq.com/openai/v1' }),
      'llama-3.3-70b-versatile',
      'groq',
    ],
    ['by the kind', providerOf('openrouter'), 'anthropic/claude-sonnet-4.5', 'openrouter'],
    ['with a date behind it', providerOf('anthropic'), 'claude-sonnet-4-5-20250929', 'anthropic'],
    ['with a folder in front', providerOf('google'), 'models/gemini-3.5-flash', 'google'],
    ['at Azure, under the name of the model', providerOf('azure'), 'gpt-4o', 'azure'],
    ['behind LiteLLM, with its vendor in front', providerOf('litellm'), 'anthropic/claude-sonnet-4-5', 'anthropic'],
    ['behind Portkey, with a slug in front', providerOf('portkey'), '@openai-prod/gpt-5-mini', 'openai'],
    [
      'behind Portkey, with the slug in a header',
      providerOf('portkey', { portkey: { provider: '@openai-eu' } }),
      'gpt-5-mini',
      'openai',
    ],
    ['behind Helicone, with its vendor behind it', providerOf('helicone'), 'gpt-4o-mini/openai', 'openai'],
    [
      'behind Helicone, by the address behind that',
      providerOf('helicone', { helicone: { api_key: 'k-1234567', target_url: 'https://api.deepseek.com' } }),
      'deepseek-v4-flash',
      'deepseek',
    ],
  ])('%s', (_, provider, id, owner) => {
    expect(catalogue.find(provider, id)).toMatchObject({ provider: owner, price: expect.anything() });
  });

  it.each<[string, Provider, string]>([
    ['that nobody has', providerOf('openrouter'), 'nobody/has-this'],
    ['that is many', providerOf('openrouter'), 'openrouter/auto'],
    ['of a server that nobody knows', providerOf('openai'), 'gpt-5-mini'],
  ])('but not one %s', (_, provider, id) => {
    expect(catalogue.find(provider, id)?.price).toBeUndefined();
  });

  it('at the price of the day, and where that depends on the hour at the dearest of it', () => {
    expect(priceAt('2026-01-31T23:59:59Z', 'by-date')).toEqual({ input: 1, output: 1 });
    expect(priceAt('2026-02-01T00:00:00Z', 'by-date')).toEqual({ input: 2, output: 2 });
    for (const time of ['00:30:00', '12:00:00', '23:59:59']) {
      expect(priceAt(`2026-02-01T${time}Z`, 'by-hour')).toEqual({ input: 4, output: 4 });
    }
  });
});

function priceAt(date: string, id: string): ModelPrice | undefined {
  return createPriceCatalogue(LIBRARY, () => Date.parse(date)).find(providerOf('openai'), id)?.price;
}

/** Prices that change. */
const MADE_UP = {
  id: 'made-up',
  name: 'Made up',
  api_pattern: 'https://gateway\\.test',
  models: [
    {
      id: 'by-date',
      match: { equals: 'by-date' },
      prices: [
        { prices: { input_mtok: 1, output_mtok: 1 } },
        {
          constraint: { type: 'start_date' as const, start_date: '2026-02-01' },
          prices: { input_mtok: 2, output_mtok: 2 },
        },
      ],
    },
    {
      id: 'by-hour',
      match: { equals: 'by-hour' },
      prices: [
        { prices: { input_mtok: 1, output_mtok: 1 } },
        {
          constraint: { type: 'time_of_date' as const, start_time: '08:00:00Z', end_time: '20:00:00Z' },
          prices: { input_mtok: 4, output_mtok: 4 },
        },
      ],
    },
  ],
};
const LIBRARY: typeof GenaiPrices = {
  ...GenaiPrices,
  calcPrice: (usage, model, options) =>
    GenaiPrices.calcPrice(usage, model, { ...options, provider: options?.provider ?? MADE_UP }),
};

/**
 * The same cost by two calculations that know nothing of one another. Theirs is in dollars, as a floating-point sum, and
 * ours is rounded up: nothing else may differ. What a price list cannot say (fees for each request, for searches, for
 * audio) is in none of these calls.
 */
describe('our cost is that of genai-prices', async () => {
  const providers = (await GenaiPrices.waitForUpdate()) ?? [];
  const model = fc.constantFrom(...priced);
  const usage = fc
    .tuple(
      fc.nat(400_000),
      fc.nat(50_000),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
    )
    .map(([input, output, [cached = 0, written = 0, for1h = 0, thought = 0]]): TokenUsage => {
      const cachedTokens = Math.floor(cached * input);
      const writtenTokens = Math.floor(written * (input - cachedTokens));
      return {
        input_tokens: input,
        output_tokens: output,
        cached_input_tokens: cachedTokens,
        cache_write_tokens: writtenTokens,
        cache_write_1h_tokens: Math.floor(for1h * (input - cachedTokens - writtenTokens)),
        reasoning_tokens: Math.floor(thought * output),
      };
    });

  function theirNanos({ provider: id, id: modelId }: KnownModel, used: TokenUsage): number {
    const provider = providers.find((each) => each.id === id);
    const info = provider?.models.find((each) => each.id === modelId);
    if (!provider || !info) throw new Error(`${id} has no ${modelId}`);
    const writes = (used.cache_write_tokens ?? 0) + (used.cache_write_1h_tokens ?? 0);
    const result = GenaiPrices.calcPrice(
      {
        input_tokens: used.input_tokens,
        output_tokens: used.output_tokens,
        cache_read_tokens: used.cached_input_tokens,
        cache_write_tokens: writes,
        cache_write_1h_tokens: used.cache_write_1h_tokens,
        output_reasoning_tokens: used.reasoning_tokens,
      },
      modelId,
      { provider: { ...provider, models: [{ ...info, match: { equals: modelId } }] } },
    );
    return (result?.total_price ?? Number.NaN) * 1e9;
  }

  const byTheHour = new Set(
    providers.flatMap(({ id, models }) =>
      models
        .filter(
          ({ prices }) => Array.isArray(prices) && prices.some((each) => each.constraint?.type === 'time_of_date'),
        )
        .map((each) => `${id}/${each.id}`),
    ),
  );

  /** Prices that are no whole number of pico-dollars a token, such as a twelfth of a dollar a million: ours is the nearest. */
  const finer = new Set(priced.filter(({ price }) => figuresIn(price).some((usd) => !isWhole(usd * 1e6))));

  it('for any model and any usage, to the nano-dollar', () => {
    fc.assert(
      fc.property(model, usage, (each, used) => {
        // Of a price by the hour we take the dearest.
        fc.pre(!byTheHour.has(`${each.provider}/${each.id}`));
        const roundedNanos = finer.has(each) ? 0.0005 * (used.input_tokens + used.output_tokens) : 0;
        const theirs = theirNanos(each, used);
        const difference = costOfUsage(priceListOf(each.price), used) - theirs;
        expect(difference).toBeGreaterThan(-0.001 - 1e-9 * theirs - roundedNanos);
        expect(difference).toBeLessThan(1 + 1e-9 * theirs + roundedNanos);
      }),
      { numRuns: 2_000 },
    );
    expect(finer.size).toBeLessThan(priced.length / 20);
  });

  it('for every model with steps for long prompts, on both sides of each', () => {
    const long = priced.filter(({ price }) => price.long_context !== undefined);
    expect(long.length).toBeGreaterThan(30);
    for (const each of long) {
      for (const { above } of each.price.long_context ?? []) {
        for (const input of [above, above + 1]) {
          const used = { input_tokens: input, output_tokens: 1_000, cached_input_tokens: 777 };
          expect(costOfUsage(priceListOf(each.price), used) - theirNanos(each, used)).toBeCloseTo(0, -0.5);
        }
      }
    }
  });
});

/** All rates of a price list; where its long prompts begin is none. */
function figuresIn({ long_context: long = [], ...rates }: ModelPrice): number[] {
  const steps = long.map(({ above: _above, ...others }) => others);
  return [rates, ...steps].flatMap((each) => Object.values(each)).filter((each) => typeof each === 'number');
}

function isWhole(figure: number): boolean {
  return Math.abs(figure - Math.round(figure)) < 1e-6;
}
