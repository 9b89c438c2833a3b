import { describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../src/domain/model.ts';
import type { ChatRequest } from '../../src/domain/request.ts';
import { createOpenAiDialect } from '../../src/providers/chat/dialect.ts';
import { chatCompletion, complete, connectProvider, MODEL, REQUEST, startFixedUpstream } from '../support/upstream.ts';

const bodyFor = (settings: Parameters<typeof createOpenAiDialect>[1]): object =>
  createOpenAiDialect('upstream', settings).toRequest(MODEL, REQUEST, { stream: false }).body as object;

describe('the limit on the answer', () => {
  test.each([
    ['https://openrouter.ai/api/v1', undefined, 'max_tokens'],
    ['https://api.openai.com/v1', undefined, 'max_completion_tokens'],
    ['https://eu.api.openai.com/v1', undefined, 'max_completion_tokens'],
    ['https://api.openai.com.evil.example/v1', undefined, 'max_tokens'],
    ['https://api.openai.com/v1', 'max_tokens', 'max_tokens'],
    ['http://127.0.0.1:4000/v1', 'max_completion_tokens', 'max_completion_tokens'],
  ] as const)('goes to %s (told %s) as %s', (base_url, told, field) => {
    const body = bodyFor({ base_url, max_tokens_field: told });
    expect(body).toHaveProperty(field, REQUEST.maxTokens);
    expect(Object.keys(body).filter((name) => name.startsWith('max_'))).toEqual([field]);
  });
});

/** The path and the body that a provider of this configuration is sent. */
async function sentTo(
  basePath: string,
  provider: Record<string, unknown>,
  model: Partial<ModelSpec> = {},
  parameters: ChatRequest['parameters'] = {},
): Promise<{ path: string; body: Record<string, unknown> }> {
  const upstream = await startFixedUpstream(200, chatCompletion());
  await complete(connectProvider(`${upstream.url}${basePath}`, provider), {
    model: { ...MODEL, ...model },
    request: { ...REQUEST, parameters },
  });
  const [received] = upstream.received;
  return { path: received?.path ?? '', body: JSON.parse(received?.body ?? '') as Record<string, unknown> };
}

describe('a model’s own settings', () => {
  test('leave out what it refuses, and ask for its tier', async () => {
    const request = { omit: ['temperature', 'stop'], service_tier: 'flex' } as const;
    const { body } = await sentTo(
      '/v1',
      {},
      { request: { ...request, omit: [...request.omit] } },
      {
        temperature: 1,
        stop: 'x',
        seed: 3,
      },
    );
    expect(body).toEqual({
      model: 'vendor/small-1',
      messages: REQUEST.messages,
      max_tokens: REQUEST.maxTokens,
      seed: 3,
      service_tier: 'flex',
    });
  });

  test('for OpenRouter come on top of the provider’s', async () => {
    const openrouter = { provider: { sort: 'price', data_collection: 'deny' } };
    const own = { provider: { sort: 'latency', only: ['groq'] }, models: ['vendor/other'] } as const;
    const { body } = await sentTo(
      '/api/v1',
      { kind: 'openrouter', openrouter },
      {
        request: { omit: [], openrouter: { provider: { ...own.provider, only: ['groq'] }, models: ['vendor/other'] } },
      },
    );
    expect(body).toMatchObject({
      provider: { sort: 'latency', data_collection: 'deny', only: ['groq'] },
      models: ['vendor/other'],
    });
    const plain = await sentTo('/api/v1', { kind: 'openrouter' });
    for (const field of ['provider', 'models', 'reasoning']) expect(plain.body).not.toHaveProperty(field);
  });

  test('also hold for what OpenRouter calls otherwise', async () => {
    const model: Partial<ModelSpec> = { request: { omit: ['reasoning_effort'] } };
    const { body } = await sentTo('/api/v1', { kind: 'openrouter' }, model, { reasoning_effort: 'high' });
    expect(body).not.toHaveProperty('reasoning');
  });
});

describe('Azure’s paths', () => {
  const versioned = '/openai/deployments/vendor%2Fsmall-1/chat/completions?api-version=2024-10-21';

  test.each([
    ['', undefined, '/openai/v1/chat/completions'],
    ['/', undefined, '/openai/v1/chat/completions'],
    ['/openai', undefined, '/openai/v1/chat/completions'],
    ['/openai/v1/', undefined, '/openai/v1/chat/completions'],
    ['', '2024-10-21', versioned],
    ['/openai', '2024-10-21', versioned],
    ['/gateway', '2024-10-21', `/gateway${versioned}`],
  ])('below %s with version %s', async (basePath, api_version, expected) => {
    const { path } = await sentTo(basePath, { kind: 'azure', azure: { api_version } });
    expect(path).toBe(expected);
  });

  test('of old versions speak of max_tokens', async () => {
    const old = await sentTo('', { kind: 'azure', azure: { api_version: '2024-10-21' } });
    expect(old.body).toHaveProperty('max_tokens');
    const newer = await sentTo('', { kind: 'azure', azure: { api_version: '2025-04-01-preview' } });
    expect(newer.body).toHaveProperty('max_completion_tokens');
  });
});
