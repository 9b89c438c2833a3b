import { describe, expect, it } from 'vitest';
import type { Listing, ListOptions } from '../../src/config/lists/listing.ts';
import { readLiteLlmList } from '../../src/config/lists/litellm-list.ts';
import { readOpenRouterList } from '../../src/config/lists/openrouter-list.ts';
import { InputError } from '../../src/domain/errors.ts';

const options = (only: string[], provider?: string): ListOptions => ({ only, provider, date: '2026-11-22' });

function problemsOf(read: () => Listing): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
}

/** As OpenRouter answers, with fields that do not matter. */
const OPENROUTER = {
  data: [
    {
      id: 'acme/thinker-2',
      canonical_slug: 'acme/thinker-2-20260901',
      name: 'Acme: Thinker 2',
      created: 1_780_000_000,
      context_length: 1_000_000,
      architecture: { modality: 'text+image->text', input_modalities: ['text', 'image'], output_modalities: ['text'] },
      pricing: {
        prompt: '0.000002',
        completion: '0.00001',
        request: '0',
        image: '0.0048',
        web_search: '0.01',
        internal_reasoning: '0',
        input_cache_read: '0.0000002',
        input_cache_write: '0.0000025',
      },
      top_provider: { context_length: 400_000, max_completion_tokens: 64_000, is_moderated: true },
      supported_parameters: ['tools', 'response_format', 'reasoning', 'temperature'],
    },
    { id: 'acme/free:free', context_length: 8_192, pricing: { prompt: '0', completion: '0', input_cache_read: '0' } },
    { id: 'openrouter/auto', context_length: 2_000_000, pricing: { prompt: '-1', completion: '-1' } },
    {
      id: 'acme/searcher',
      context_length: 1,
      pricing: { prompt: '0.000001', completion: '0.000001', request: '0.005' },
    },
    { id: 'broken/one', context_length: 'many', pricing: { prompt: 'free', completion: '0.1' } },
    { id: 'broken/two', pricing: null },
    { id: 'broken/dear', pricing: { prompt: '5', completion: '5' } },
  ],
};
const readOpenRouter = (only: string[], provider?: string): Listing =>
  readOpenRouterList(JSON.stringify(OPENROUTER), 'models.json', options(only, provider));

describe("OpenRouter's list", () => {
  it('becomes models with their prices, contexts and capabilities', () => {
    expect(readOpenRouter(['acme/thinker-2', '*:free'])).toEqual({
      models: [
        {
          provider: 'openrouter',
          id: 'acme/thinker-2',
          price: { input: 2, output: 10, cached_input: 0.2, cache_write: 2.5 },
          price_source: 'openrouter@2026-11-22',
          context: 400_000,
          max_output: 64_000,
          capabilities: ['tools', 'json', 'vision', 'reasoning'],
        },
        {
          provider: 'openrouter',
          id: 'acme/free:free',
          price: { input: 0, output: 0 },
          price_source: 'openrouter@2026-11-22',
          context: 8_192,
        },
      ],
      skipped: [],
    });
    expect(readOpenRouter(['ACME/t*'], 'mine').models).toMatchObject([{ provider: 'mine' }]);
  });

  it('has models whose price nobody can say beforehand, which are left out with the reason', () => {
    expect(readOpenRouter(['openrouter/auto', 'acme/searcher'])).toEqual({
      models: [],
      skipped: [
        'openrouter/auto: its price depends on who answers',
        'acme/searcher: it charges for every call besides its tokens',
      ],
    });
  });

  it('is refused when an entry that is wanted is bad, with all that is wrong', () => {
    expect(problemsOf(() => readOpenRouter(['*']))).toEqual([
      'models.json: data[4] (broken/one): context_length: expected a number, got "many"',
      expect.stringMatching(/^models\.json: data\[4\] \(broken\/one\): pricing\.prompt: expected USD a token/),
      'models.json: data[5] (broken/two): pricing: expected an object, got null',
      'models.json: data[6] (broken/dear): price.input: must be at most 100000, got 5000000',
      'models.json: data[6] (broken/dear): price.output: must be at most 100000, got 5000000',
    ]);
  });

  it('tells of so many bad entries only', () => {
    const data = Array.from({ length: 50 }, (_, index) => ({ id: `a/${index}`, pricing: null }));
    const problems = problemsOf(() => readOpenRouterList(JSON.stringify({ data }), 'm.json', options(['*'])));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('and 30 more');
  });

  it.each([
    ['{"data": [', 'm.json: not JSON'],
    ['{"data":\n["a" "b"]}', 'm.json:2:6: not JSON'],
    ['{"models": []}', "m.json: not an answer of OpenRouter's GET /models: data: missing"],
    ['[]', "m.json: not an answer of OpenRouter's GET /models: expected an object, got a list of 0"],
    [JSON.stringify(OPENROUTER), 'm.json: none of its 7 models is acme/thinker-3 (did you mean "acme/thinker-2"?)'],
  ])('%j is refused in one line', (text, problem) => {
    expect(problemsOf(() => readOpenRouterList(text, 'm.json', options(['acme/thinker-3'])))).toEqual([problem]);
  });
});

const LITELLM = {
  sample_spec: { max_tokens: 'LEGACY parameter', mode: 'one of: chat, embedding', litellm_provider: 'one of many' },
  'acme/large-1': {
    litellm_provider: 'acme',
    mode: 'chat',
    max_tokens: 8_192,
    max_input_tokens: 1_000_000,
    max_output_tokens: 8_192,
    input_cost_per_token: 1.25e-6,
    output_cost_per_token: 1e-5,
    input_cost_per_token_above_200k_tokens: 2.5e-6,
    output_cost_per_token_above_200k_tokens: 1.5e-5,
    cache_read_input_token_cost: 1.25e-7,
    cache_read_input_token_cost_above_200k_tokens: 2.5e-7,
    cache_creation_input_token_cost: 1.5e-6,
    cache_creation_input_token_cost_above_1hr: 2.5e-6,
    input_cost_per_token_batches: 6.25e-7,
    output_cost_per_token_batches: 5e-6,
    input_cost_per_token_priority: 2.5e-6,
    output_cost_per_token_priority: 2e-5,
    input_cost_per_token_above_200k_tokens_priority: 5e-6,
    output_cost_per_reasoning_token: 1.1e-5,
    input_cost_per_audio_token: 7e-7,
    supports_function_calling: true,
    supports_response_schema: true,
    supports_vision: false,
    supports_reasoning: true,
  },
  'plain-model': { litellm_provider: 'acme', input_cost_per_token: 1e-6, output_cost_per_token: 3e-6 },
  'acme/embed': { litellm_provider: 'acme', mode: 'embedding', max_input_tokens: 8_191, input_cost_per_token: 1e-8 },
  'acme/draw': { litellm_provider: 'acme', mode: 'image_generation', input_cost_per_token: 1e-8 },
  'acme/by-the-second': { litellm_provider: 'acme', mode: 'chat', input_cost_per_second: 0.1 },
  'acme/broken': { litellm_provider: 'acme', input_cost_per_token: '1', output_cost_per_token: -1 },
};
const readLiteLlm = (only: string[], provider?: string): Listing =>
  readLiteLlmList(JSON.stringify(LITELLM), 'prices.json', options(only, provider));

describe("LiteLLM's price map", () => {
  it('becomes models, with the prices of long prompts and of service tiers', () => {
    expect(readLiteLlm(['acme/large-1']).models).toEqual([
      {
        provider: 'acme',
        id: 'large-1',
        price: {
          input: 1.25,
          output: 10,
          cached_input: 0.125,
          cache_write: 1.5,
          cache_write_1h: 2.5,
          reasoning: 11,
          long_context: [{ above: 200_000, input: 2.5, output: 15, cached_input: 0.25 }],
          service_tiers: { batch: { input: 0.625, output: 5 }, priority: { input: 2.5, output: 20 } },
        },
        price_source: 'litellm@2026-11-22',
        context: 1_000_000,
        max_output: 8_192,
        capabilities: ['tools', 'json', 'reasoning'],
      },
    ]);
    expect(readLiteLlm(['plain-*'], 'mine').models).toEqual([
      { provider: 'mine', id: 'plain-model', price: { input: 1, output: 3 }, price_source: 'litellm@2026-11-22' },
    ]);
  });

  it('leaves out what is for other work, and what has no price by tokens', () => {
    expect(readLiteLlm(['acme/draw', 'acme/by-the-second', 'sample_spec', 'plain-model']).skipped).toEqual([
      'acme/draw: it is for image_generation, not for chats or embeddings',
      'acme/by-the-second: it has no price by tokens',
    ]);
  });

  it('says which models embed', () => {
    const price = { input: 0.01, output: 0 };
    const told = { provider: 'acme', price, price_source: 'litellm@2026-11-22', capabilities: ['embeddings'] };
    expect(readLiteLlm(['acme/embed']).models).toEqual([{ ...told, id: 'embed', context: 8_191 }]);
  });

  it('is refused when an entry that is wanted is bad', () => {
    expect(problemsOf(() => readLiteLlm(['acme/*']))).toEqual([
      'prices.json: acme/broken: input_cost_per_token: expected a number, got "1"',
      'prices.json: acme/broken: output_cost_per_token: must be at least 0, got -1',
    ]);
    expect(problemsOf(() => readLiteLlmList('[]', 'x.json', options(['*'])))).toEqual([
      "x.json: not LiteLLM's price map: expected an object with an entry for each model",
    ]);
  });
});
