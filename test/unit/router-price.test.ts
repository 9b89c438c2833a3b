import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOfUsage } from '../../src/domain/price.ts';
import { createRouter, explainRoute, type RankedCandidate, whyEmpty } from '../../src/router/index.ts';
import { configOf, knowledgeWith, type ModelInput, questionWith } from './router-fixture.ts';

const PROVIDERS = {
  east: { base_url: 'https://east.test/v1' },
  claude: { kind: 'anthropic' as const },
};

/** The only model, asked for a prompt of so many tokens at the most, of which half are expected, and so long an answer. */
function candidateFor(model: Partial<ModelInput>, bound: number, maxTokens: number): RankedCandidate {
  const config = configOf({
    providers: PROVIDERS,
    models: { m: { provider: 'east', id: 'vendor/m', context: 10_000_000, ...model } },
  });
  const question = questionWith({ inputTokens: { expected: Math.floor(bound / 2), bound }, maxTokens });
  const [candidate] = createRouter(config).route(question, knowledgeWith()).chain;
  if (candidate === undefined) throw new Error('nobody would be asked');
  return candidate;
}

const LONG = { input: 1, output: 4, long_context: [{ above: 1_000, input: 2, output: 6 }] };

describe('what a call can cost at the most', () => {
  it('is at the rates for long prompts as soon as the bound of the prompt is one', () => {
    expect(candidateFor({ price: LONG }, 1_000, 10).boundNanos).toBe(1_000 * 1_000 + 10 * 4_000);
    expect(candidateFor({ price: LONG }, 1_001, 10).boundNanos).toBe(1_001 * 2_000 + 10 * 6_000);
  });

  it('is at the rate for writing to a cache, where the provider may do that unasked', () => {
    const price = { input: 1, output: 4, cache_write: 1.25, cache_write_1h: 2 };
    expect(candidateFor({ price }, 100, 0 + 1).boundNanos).toBe(100 * 2_000 + 4_000);
    expect(candidateFor({ price, provider: 'claude' }, 100, 1).boundNanos).toBe(100 * 1_000 + 4_000);
  });

  it.each([
    [undefined, 1],
    ['default', 1],
    ['flex', 1],
    ['auto', 2],
    ['priority', 2],
  ] as const)('with service tier %s is that of the dearest tier that may serve it', (service_tier, factor) => {
    const tiers = { flex: { input: 0.5, output: 2 }, priority: { input: 2, output: 8 } };
    const price = { input: 1, output: 4, service_tiers: tiers };
    const model = service_tier === undefined ? { price } : { price, service_tier };
    expect(candidateFor(model, 100, 10).boundNanos).toBe(factor * (100 * 1_000 + 10 * 4_000));
  });

  it('is never less than what the call then costs, nor than what it was expected to', () => {
    const usd = fc.constantFrom(0, 0.1, 1, 2.5, 10);
    const rates = fc.record({ input: usd, output: usd, cached_input: usd, reasoning: usd }, { requiredKeys: [] });
    const price = fc.record(
      {
        input: usd,
        output: usd,
        cache_write: usd,
        reasoning: usd,
        long_context: rates.map((others) => [{ above: 5_000, ...others }]),
        service_tiers: fc.record({ flex: rates, priority: rates }),
      },
      { requiredKeys: ['input', 'output'] },
    );
    const used = fc.record({
      input_tokens: fc.nat(10_000),
      output_tokens: fc.nat(1_000),
      cached_input_tokens: fc.nat(10_000),
      cache_write_tokens: fc.nat(10_000),
      reasoning_tokens: fc.nat(1_000),
    });
    const served = fc.constantFrom('default', 'priority');
    fc.assert(
      fc.property(price, used, served, fc.nat(5_000), (price, usage, service_tier, more) => {
        const bound = usage.input_tokens + more;
        const candidate = candidateFor({ price, service_tier: 'auto' }, bound, Math.max(1, usage.output_tokens));
        expect(costOfUsage(candidate.model.price, { ...usage, service_tier })).toBeLessThanOrEqual(
          candidate.boundNanos,
        );
        expect(candidate.predicted.costNanos).toBeLessThanOrEqual(candidate.boundNanos);
      }),
      { numRuns: 300 },
    );
  });
});

describe('what a call is expected to cost', () => {
  it('is at the rates of the tier that is asked for, and of so long a prompt', () => {
    const price = { ...LONG, service_tiers: { flex: { input: 0.5, output: 2 } } };
    expect(candidateFor({ price }, 2_000, 10).predicted.costNanos).toBe(1_000 * 1_000 + 5 * 4_000);
    expect(candidateFor({ price }, 2_002, 10).predicted.costNanos).toBe(1_001 * 2_000 + 5 * 6_000);
    expect(candidateFor({ price, service_tier: 'flex' }, 200, 10).predicted.costNanos).toBe(100 * 500 + 5 * 2_000);
  });
});

describe('a model whose price nobody knows', () => {
  const models = {
    known: {
      provider: 'east',
      id: 'vendor/known',
      price: { input: 1, output: 4 },
      price_source: 'openrouter@2026-11-22',
    },
    own: { provider: 'east', id: 'vendor/own', price: { input: 0, output: 0 } },
    unknown: { provider: 'east', id: 'vendor/unknown' },
  } satisfies Record<string, ModelInput>;

  it('is asked for no job, and the reason is told', () => {
    const route = createRouter(configOf({ models })).route(questionWith(), knowledgeWith());
    expect(route.chain.map(({ model }) => model.alias).toSorted()).toEqual(['known', 'own']);
    expect(route.dropped).toEqual([{ alias: 'unknown', reason: 'unpriced' }]);
    expect(explainRoute(route).at(-1)).toBe('-  unknown: left out, nobody knows its price');
  });

  it('is what an empty chain is for, where it alone is allowed', () => {
    const question = questionWith({ models: ['unknown'] });
    const route = createRouter(configOf({ models })).route(question, knowledgeWith());
    expect(whyEmpty(route, question)).toBe(
      'nobody knows the price of unknown: give it a price in the configuration, or set routing.allow_unpriced',
    );
  });

  it('is asked where that is allowed, for nothing as far as anybody knows, and is marked', () => {
    const { chain } = createRouter(configOf({ models, routing: { allow_unpriced: true } })).route(
      questionWith({ models: ['unknown'] }),
      knowledgeWith(),
    );
    expect(chain).toMatchObject([{ boundNanos: 0, model: { alias: 'unknown', priceSource: 'unknown' } }]);
  });

  it('is none that has a price, whoever told it', () => {
    const { byAlias } = createRouter(configOf({ models })).catalog;
    const sources = [...byAlias.values()].map(({ alias, priceSource }) => [alias, priceSource]);
    expect(Object.fromEntries(sources)).toEqual({ known: 'openrouter@2026-11-22', own: 'config', unknown: 'unknown' });
  });
});
