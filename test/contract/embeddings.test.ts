import { GoogleGenAI } from '@google/genai';
import { OpenAI } from 'openai';
import { describe, expect, test } from 'vitest';
import { decodeVector, type EmbeddingRequest, encodeVector } from '../../src/domain/embedding.ts';
import type { Completion } from '../../src/domain/result.ts';
import type { Provider } from '../../src/providers/index.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Sim } from '../../src/sim/server.ts';
import { CANARY, connectProvider, failureOf, MODEL, startFixedUpstream } from '../support/upstream.ts';
import { profiles, start as startSim } from './sim-client.ts';

const EMBEDDER = { ...MODEL, id: 'sim/embed-1' };
const start = (options: Parameters<typeof startSim>[0] = {}): Promise<Sim> =>
  startSim({
    profiles: {
      ...profiles,
      'sim/embed-1': { price: { input: 0.02, output: 0 }, latency: { p50_ms: 0, p95_ms: 0 }, embeddings: 12 },
    },
    ...options,
  });

function embed(provider: Provider, request: EmbeddingRequest, model = EMBEDDER): Promise<Completion> {
  const { signal } = new AbortController();
  const options = { timeoutMs: 5_000, signal, attemptId: 'j-1:1', key: 'default' };
  return provider.complete(model, request, options).then(({ completion }) => completion);
}

/** Where the simulator has each API. */
const APIS = [
  { kind: 'openai', path: '/v1' },
  { kind: 'openrouter', path: '/api/v1' },
  { kind: 'litellm', path: '/v1' },
  { kind: 'google', path: '/v1beta' },
] as const;

describe.each(APIS)('$kind', ({ kind, path }) => {
  const root = ({ port }: Sim): string => `http://127.0.0.1:${port}${path}`;
  const connect = (sim: Sim, more: object = {}): Provider => connectProvider(root(sim), { kind, ...more });

  test('gives a vector for each text, in their order, and their tokens', async () => {
    const sim = await start();
    const provider = connect(sim, { stream: true });
    const completion = await embed(provider, { inputs: ['first text', 'the second'] });
    expect(completion).toMatchObject({
      content: null,
      finish_reason: 'stop',
      usage: { input_tokens: 5, output_tokens: 0 },
    });
    const vectors = completion.embeddings?.map(decodeVector) ?? [];
    expect(vectors.map((vector) => [vector.length, Math.hypot(...vector).toFixed(5)])).toEqual([
      [12, '1.00000'],
      [12, '1.00000'],
    ]);
    expect(vectors[0]).not.toEqual(vectors[1]);
    const again = await embed(provider, { inputs: ['the second'] });
    expect(again.embeddings).toEqual(completion.embeddings?.slice(1));
    expect(sim.ledger.calls()).toMatchObject([
      { model: 'sim/embed-1', request_id: 'j-1:1', status: 200, input_tokens: 5, output_tokens: 0, cost_nanos: 100 },
      { input_tokens: 3, cost_nanos: 60 },
    ]);
    if (kind === 'openrouter') expect(completion.billed_nanos).toBe(100);
  });

  test('gives shorter ones when it is asked to', async () => {
    const completion = await embed(connect(await start()), { inputs: ['text'], dimensions: 5 });
    expect(decodeVector(completion.embeddings?.[0] ?? '')).toHaveLength(5);
  });

  test.each([
    ['*=429', 'PROVIDER_RATE_LIMITED'],
    ['*=503', 'PROVIDER_OVERLOADED'],
    ['*=401', 'PROVIDER_AUTH'],
    ['*=garbage', 'PROVIDER_BAD_RESPONSE'],
    ['*=truncated', 'PROVIDER_BAD_RESPONSE'],
    ['*=error-in-200', 'PROVIDER_FAILED'],
  ])('%s is %s', async (fault, code) => {
    const sim = await start({ faults: [parseFaultRule(fault)] });
    const error = await failureOf(embed(connect(sim), { inputs: [CANARY.prompt] }));
    expect(error).toMatchObject({ code });
    expect(JSON.stringify([error.message, error.details])).not.toContain(CANARY.prompt);
  });

  test('a model that chats does not embed', async () => {
    const error = await failureOf(embed(connect(await start()), { inputs: ['x'] }, { ...MODEL, id: 'sim/small-1' }));
    expect(error.code).toBe('MODEL_NOT_FOUND');
  });
});

const LIST = {
  object: 'list',
  model: 'vendor/embed-2026',
  data: [
    { object: 'embedding', index: 1, embedding: [0, 1] },
    { object: 'embedding', index: 0, embedding: encodeVector([0.5, 0.25]) },
  ],
  usage: { prompt_tokens: 7, total_tokens: 7 },
};
const TWO: EmbeddingRequest = { inputs: ['a', 'b'] };

async function sent(overrides: object, request = TWO, model = EMBEDDER): Promise<{ path: string; body: object }> {
  const upstream = await startFixedUpstream(200, LIST);
  await embed(connectProvider(`${upstream.url}/v1`, overrides), request, model);
  const [received] = upstream.received;
  return { path: received?.path ?? '', body: JSON.parse(received?.body ?? '') as object };
}

describe('what goes out in OpenAI’s words', () => {
  test('is asked for as base64 where that is known to be taken', async () => {
    const azure = await sent({ kind: 'azure', azure: { api_version: '2025-01-01' } });
    expect(azure).toEqual({
      path: '/v1/openai/deployments/sim%2Fembed-1/embeddings?api-version=2025-01-01',
      body: { model: 'sim/embed-1', input: ['a', 'b'], encoding_format: 'base64' },
    });
    expect((await sent({ kind: 'azure' })).path).toBe('/v1/openai/v1/embeddings');
    expect(await sent({})).toEqual({ path: '/v1/embeddings', body: { model: 'sim/embed-1', input: ['a', 'b'] } });
  });

  test('has tokens, dimensions and OpenRouter’s preferences', async () => {
    const preferences = { kind: 'openrouter', openrouter: { provider: { data_collection: 'deny' } } };
    const { body } = await sent(preferences, { inputs: [[1, 2], [3]], dimensions: 2 });
    expect(body).toEqual({
      model: 'sim/embed-1',
      input: [[1, 2], [3]],
      dimensions: 2,
      encoding_format: 'base64',
      provider: { data_collection: 'deny' },
    });
  });
});

async function given(body: unknown): Promise<Completion> {
  return embed(connectProvider((await startFixedUpstream(200, body)).url), TWO);
}

describe('what comes back in OpenAI’s words', () => {
  test('is put in order, whether it is numbers or base64', async () => {
    const { embeddings, ...rest } = await given(LIST);
    expect(embeddings?.map((vector) => [...decodeVector(vector)])).toEqual([
      [0.5, 0.25],
      [0, 1],
    ]);
    expect(rest).toMatchObject({ served_model: 'vendor/embed-2026', usage: { input_tokens: 7, output_tokens: 0 } });
  });

  test('without a count is flagged', async () => {
    expect((await given({ ...LIST, usage: undefined })).usage).toEqual({
      input_tokens: 0,
      output_tokens: 0,
      estimated: true,
    });
  });

  test.each<[string, object]>([
    ['too few', { data: LIST.data.slice(1) }],
    ['too many', { data: [...LIST.data, ...LIST.data] }],
    ['no list', { data: undefined }],
    ['a hole in a vector', { data: [LIST.data[0], { index: 1, embedding: [1, null] }] }],
    ['an empty vector', { data: [LIST.data[0], { index: 1, embedding: [] }] }],
    ['half a number', { data: [LIST.data[0], { index: 1, embedding: 'AAA=' }] }],
    ['no number', { data: [LIST.data[0], { index: 1, embedding: encodeVector([Number.NaN]) }] }],
  ])('with %s is no answer, and what it cost is told', async (name, changes) => {
    const error = await failureOf(given({ ...LIST, ...changes }));
    expect(error.code).toBe('PROVIDER_BAD_RESPONSE');
    if (name !== 'no list') expect(error.details.billed).toEqual({ usage: { input_tokens: 7, output_tokens: 0 } });
  });
});

describe('Google', () => {
  test('is asked for all of them in one call', async () => {
    const upstream = await startFixedUpstream(200, { embeddings: [{ values: [1, 0] }, { values: [0, 1] }] });
    const provider = connectProvider(`${upstream.url}/v1beta`, { kind: 'google' });
    const completion = await embed(provider, { ...TWO, dimensions: 2 }, { ...EMBEDDER, id: 'gemini-embedding-001' });
    expect(upstream.received[0]?.path).toBe('/v1beta/models/gemini-embedding-001:batchEmbedContents');
    expect(JSON.parse(upstream.received[0]?.body ?? '')).toEqual({
      requests: ['a', 'b'].map((text) => ({
        model: 'models/gemini-embedding-001',
        content: { parts: [{ text }] },
        outputDimensionality: 2,
      })),
    });
    expect(completion.usage).toEqual({ input_tokens: 0, output_tokens: 0, estimated: true });
    expect((await failureOf(embed(provider, { inputs: [[1, 2]] }))).code).toBe('REQUEST_REJECTED');
    expect((await failureOf(embed(provider, { inputs: ['a'] }))).message).toBe(
      'upstream answered 200 with 2 embeddings for 1 inputs',
    );
  });
});

test('Anthropic has none', async () => {
  const upstream = await startFixedUpstream(200, {});
  const error = await failureOf(embed(connectProvider(upstream.url, { kind: 'anthropic' }), TWO));
  expect(error).toMatchObject({ code: 'REQUEST_REJECTED', message: 'upstream: its API has no embeddings' });
  expect(upstream.received).toEqual([]);
});

describe('the simulator, judged by official clients', () => {
  test('OpenAI’s gets numbers, which it asks for as base64', async () => {
    const sim = await start();
    const client = new OpenAI({ apiKey: 'key', baseURL: sim.url, maxRetries: 0 });
    const packed = await client.embeddings.create({ model: 'sim/embed-1', input: ['x', 'y'] });
    const plain = await client.embeddings.create({ model: 'sim/embed-1', input: ['x', 'y'], encoding_format: 'float' });
    expect(packed.data.map(({ embedding }) => Float32Array.from(embedding))).toEqual(
      plain.data.map(({ embedding }) => Float32Array.from(embedding)),
    );
    expect(plain.usage).toEqual({ prompt_tokens: 1, total_tokens: 1 });
    await expect(client.embeddings.create({ model: 'sim/small-1', input: 'x' })).rejects.toMatchObject({ status: 404 });
  });

  test('Google’s gets them, too', async () => {
    const sim = await start();
    const client = new GoogleGenAI({ apiKey: 'key', httpOptions: { baseUrl: `http://127.0.0.1:${sim.port}` } });
    const { embeddings } = await client.models.embedContent({ model: 'sim/embed-1', contents: ['x', 'y'] });
    expect(embeddings?.map(({ values }) => values?.length)).toEqual([12, 12]);
  });
});
