import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { OpenAIEmbeddings } from '@langchain/openai';
import { embedMany } from 'ai';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { expectBooksToAgree } from '../support/books.ts';
import { type GatewayHarness, useGateway } from '../support/gateway.ts';
import { threeModels } from '../support/harness.ts';

const openGateway = useGateway();

/** One model that embeds beside three that chat. */
function open(): Promise<GatewayHarness> {
  const price = { input: 0.02, output: 0 };
  const vectors = { provider: 'beta', id: 'sim/vectors-1', price, context: 100, capabilities: ['embeddings' as const] };
  const latency = { p50_ms: 0, p95_ms: 0 };
  return openGateway({
    profiles: { 'sim/vectors-1': { price, latency, embeddings: 8 } },
    config: { models: { ...threeModels(), vectors } },
  });
}

function numbersOf({ data }: OpenAI.CreateEmbeddingResponse): Float32Array[] {
  return data.map(({ embedding }) => Float32Array.from(embedding));
}

test('OpenAI’s client gets numbers, as base64 or plain, with what they cost', async () => {
  const harness = await open();
  const { embeddings } = new OpenAI({ baseURL: harness.baseURL, apiKey: 'none', maxRetries: 0 });
  const { data: packed, response } = await embeddings
    .create({ model: 'vectors', input: ['first', 'second'], dimensions: 4 })
    .withResponse();
  expect(packed).toMatchObject({
    object: 'list',
    model: 'sim/vectors-1',
    data: [
      { object: 'embedding', index: 0 },
      { object: 'embedding', index: 1 },
    ],
    usage: { prompt_tokens: 3, total_tokens: 3, cost: 6e-8 },
  });
  expect(response.headers.get('x-sluice-model')).toBe('vectors');
  const plain = await embeddings.create({
    model: 'sluice/auto',
    input: ['first', 'second'],
    dimensions: 4,
    encoding_format: 'float',
  });
  expect(numbersOf(plain)).toEqual(numbersOf(packed));
  expect(numbersOf(plain).map(({ length }) => length)).toEqual([4, 4]);
  await expectBooksToAgree(harness);
});

test('other clients get them, too', async () => {
  const { baseURL } = await open();
  const provider = createOpenAICompatible({ name: 'sluice', baseURL });
  const { embeddings, usage } = await embedMany({
    model: provider.embeddingModel('vectors'),
    values: ['first', 'second'],
  });
  const configuration = { baseURL };
  const langchain = new OpenAIEmbeddings({ model: 'vectors', apiKey: 'none', configuration, maxRetries: 0 });
  const documents = await langchain.embedDocuments(['first', 'second']);
  expect(embeddings.map((vector) => vector.length)).toEqual([8, 8]);
  expect(documents.map((vector) => Float32Array.from(vector))).toEqual(
    embeddings.map((vector) => Float32Array.from(vector)),
  );
  expect(usage.tokens).toBe(3);
});

test.each([
  [{ model: 'vectors' }, 400, 'input'],
  [{ model: 'vectors', input: '' }, 400, 'input'],
  [{ model: 'vectors', input: 'x', dimensions: 0 }, 400, 'dimensions'],
  [{ model: 'vectors', input: 'x', temperature: 1 }, 400, null],
  [{ model: 'unknown', input: 'x' }, 404, 'model'],
] as const)('%j is refused in OpenAI’s words, and nothing is enqueued', async (body, status, param) => {
  const { post, calls, usage } = await open();
  const response = await post('/v1/embeddings', body);
  const { error } = (await response.json()) as { error: { type: string; param: string | null } };
  expect([response.status, error.param]).toEqual([status, param]);
  expect(calls()).toEqual([]);
  expect(await usage()).toEqual([]);
});

test('a model that chats cannot be asked, nor one that embeds for a chat', async () => {
  const { post, calls } = await open();
  const asked = await post('/v1/embeddings', { model: 'small', input: 'x' });
  const chat = await post('/v1/chat/completions', { model: 'vectors', messages: [{ role: 'user', content: 'x' }] });
  expect([asked.status, chat.status].every((status) => status >= 400 && status < 500)).toBe(true);
  expect(calls()).toEqual([]);
});
