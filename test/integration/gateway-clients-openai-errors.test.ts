import OpenAI, {
  APIConnectionTimeoutError,
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from 'openai';
import { describe, expect, test } from 'vitest';
import { ApiKeyTerms } from '../../src/domain/api-key.ts';
import { createApiKeyStore } from '../../src/store/api-keys.ts';
import { createDoorStore } from '../../src/store/door.ts';
import { type GatewayHarness, useGateway } from '../support/gateway.ts';
import { until } from '../support/harness.ts';

const open = useGateway();
const MESSAGES = [{ role: 'user' as const, content: 'Say hello.' }];
const REQUEST = { model: 'sluice/auto', messages: MESSAGES };
const SLOW = { latency: { p50_ms: 60_000, p95_ms: 60_000 }, price: { input: 1, output: 4 } };
const ONLY_SMALL = { small: { provider: 'alpha', id: 'sim/small', price: SLOW.price } };

/** The client as people use it: it asks twice more when it may. `sent` are the statuses of all that it was answered. */
function clientOf({ baseURL }: GatewayHarness, apiKey = 'none'): { client: OpenAI; sent: Response[] } {
  const sent: Response[] = [];
  const client = new OpenAI({
    baseURL,
    apiKey,
    fetch: async (...request) => {
      const response = await fetch(...request);
      sent.push(response);
      return response;
    },
  });
  expect(client.maxRetries).toBe(2);
  return { client, sent };
}

const failureOf = (asking: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(asking).then(
    () => 'it was answered',
    (error: unknown) => error,
  );

describe('an error is the client’s own class, and asked for once', () => {
  const failing = { faults: [{ model: '*', kind: 500, rate: 1 }] };
  test.each([false, true])('when all models fail; streamed: %s', async (stream) => {
    const gateway = await open(failing);
    const { client, sent } = clientOf(gateway);
    const error = await failureOf(client.chat.completions.create({ ...REQUEST, stream }));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: 'all_models_failed', type: 'api_error' });
    expect(error instanceof APIError && error.requestID).toMatch(/^req_/);
    expect(sent).toHaveLength(1);
    const records = await gateway.usage();
    expect(new Set(records.map(({ job_id }) => job_id)).size).toBe(1);
    expect(gateway.calls()).toHaveLength(records.length);
    expect(sent[0]?.headers.get('x-sluice-attempts')).toBe(String(records.length));
  });

  test.each<[string, object, new (...rest: never[]) => Error, object]>([
    ['a bad field', { temperature: 'hot' }, BadRequestError, { status: 400, param: 'temperature' }],
    ['a bad history', { messages: [{ role: 'user' }] }, BadRequestError, { status: 400 }],
    ['an unknown model', { model: 'gpt-9' }, NotFoundError, { status: 404, code: 'model_not_found' }],
    [
      'no fitting model',
      { metadata: { sluice_max_cost_usd: '0.000001' } },
      BadRequestError,
      { code: 'no_eligible_model' },
    ],
  ])('for %s', async (_, changes, kind, told) => {
    const gateway = await open();
    const { client, sent } = clientOf(gateway);
    const error = await failureOf(client.chat.completions.create({ ...REQUEST, ...changes }));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject(told);
    expect(sent).toHaveLength(1);
    expect(gateway.calls()).toEqual([]);
  });

  test('for a wrong key, and without one', async () => {
    const gateway = await open({ workers: false, gateway: { allowAnonymous: false } });
    const { secret } = await createApiKeyStore(gateway.redis, gateway.keys).create(ApiKeyTerms.parse({ name: 'shop' }));
    for (const key of [`${secret.slice(0, -4)}0000`, 'sk-other']) {
      const { client, sent } = clientOf(gateway, key);
      expect(await failureOf(client.chat.completions.create(REQUEST))).toBeInstanceOf(AuthenticationError);
      expect(await failureOf(client.models.list())).toMatchObject({ status: 401, code: 'invalid_api_key' });
      expect(sent).toHaveLength(2);
    }
  });

  test('for a budget that is spent', async () => {
    const gateway = await open({ config: { budgets: { none: { limit_usd: 0 } } } });
    const { client, sent } = clientOf(gateway);
    const error = await failureOf(client.chat.completions.create(REQUEST));
    expect(error).toMatchObject({ status: 402, code: 'budget_exceeded', type: 'insufficient_quota' });
    expect([sent.length, gateway.calls().length]).toEqual([1, 0]);
  });
});

/** A client of a key that has used up its tokens of this minute. */
async function clientOfUsedUp(gateway: GatewayHarness, tokensPerMinute: number) {
  const { redis, keys } = gateway;
  const limits = { tokens_per_minute: tokensPerMinute };
  const { key, secret } = await createApiKeyStore(redis, keys).create(ApiKeyTerms.parse({ name: 'shop', ...limits }));
  await createDoorStore(redis, keys).enter({
    requestId: 'another',
    subjects: [{ name: `key:${key.id}`, limits }],
    estimatedTokens: tokensPerMinute,
    leaseMs: 60_000,
  });
  return clientOf(gateway, secret);
}

describe('a client that is throttled', () => {
  test('comes back by itself, when it was told to', async () => {
    const gateway = await open({ gateway: { allowAnonymous: false } });
    // A request is let in for 256 tokens and its prompt: there is room for that again after some 50 ms.
    const { client, sent } = await clientOfUsedUp(gateway, 300_000);
    const { choices } = await client.chat.completions.create(REQUEST);
    expect(choices).toHaveLength(1);
    expect(sent.map(({ status }) => status)).toEqual([429, 200]);
    expect(Number(sent[0]?.headers.get('retry-after-ms'))).toBeLessThanOrEqual(100);
    expect(gateway.calls()).toHaveLength(1);
  });

  test('is told by an error of its own when it does not', async () => {
    const gateway = await open({ workers: false, gateway: { allowAnonymous: false } });
    const { client } = await clientOfUsedUp(gateway, 1_000);
    const error = await failureOf(client.chat.completions.create(REQUEST, { maxRetries: 0 }));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', type: 'rate_limit_error' });
  });
});

describe('a client that does not wait', () => {
  test('for longer than its time-out takes its job and the call with it', async () => {
    const gateway = await open({ profiles: { 'sim/small': SLOW }, config: { models: ONLY_SMALL } });
    const { client } = clientOf(gateway);
    const error = await failureOf(client.chat.completions.create(REQUEST, { timeout: 300, maxRetries: 0 }));
    expect(error).toBeInstanceOf(APIConnectionTimeoutError);
    await until('the call to end', () => gateway.calls().some(({ status }) => status === 'aborted'));
    await until('the books to be closed', async () => (await gateway.ledger.openAttempts()) === 0);
  });

  test('is told so by the gateway, when it said for how long it would wait', async () => {
    const gateway = await open({ profiles: { 'sim/small': SLOW }, config: { models: ONLY_SMALL } });
    const { client, sent } = clientOf(gateway);
    const waits = { headers: { 'x-stainless-timeout': '0.3' } };
    const error = await failureOf(client.chat.completions.create(REQUEST, waits));
    expect(error).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    expect(sent).toHaveLength(1);
  });

  test('for the rest of a stream takes the call with it', async () => {
    const profile = { ...SLOW, latency: { p50_ms: 0, p95_ms: 0 }, ms_per_output_token: 50 };
    const gateway = await open({ profiles: { 'sim/small': profile }, config: { models: ONLY_SMALL } });
    const { client } = clientOf(gateway);
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { ...REQUEST, stream: true },
      { signal: controller.signal, maxRetries: 0 },
    );
    let text = '';
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? '';
      if (text !== '') controller.abort();
    }
    expect(text).not.toBe('');
    await until('the call to end', () => gateway.calls().some(({ status }) => status === 'aborted'));
    await until('the books to be closed', async () => (await gateway.ledger.openAttempts()) === 0);
    expect(await gateway.usage()).toHaveLength(1);
  });
});
