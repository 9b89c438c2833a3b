import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ProviderConfig } from '../../src/domain/config.ts';
import { createHttpClient, refusalOf } from '../../src/providers/transport/http.ts';
import { createProviders } from '../../src/providers/index.ts';
import {
  CANARY,
  answer,
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  startFixedUpstream,
  startUpstream,
} from '../support/upstream.ts';

describe('what is sent', () => {
  test('the request: path below the base URL, the key, the attempt’s id, max_tokens, the parameters', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    const provider = connectProvider(`${upstream.url}/api/v1/`, { headers: { 'X-Title': 'sluice', ACCEPTED: 'yes' } });
    await complete(provider, {
      attemptId: 'j-9:2',
      request: { messages: [{ role: 'user', content: 'half \ud83d\ude00' }], maxTokens: 7, parameters: { seed: 1 } },
    });
    const [call] = upstream.received;
    expect(call).toMatchObject({ method: 'POST', path: '/api/v1/chat/completions' });
    expect(call?.headers).toMatchObject({
      authorization: `Bearer ${CANARY.key}`,
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      'x-request-id': 'j-9:2',
      'x-title': 'sluice',
      accepted: 'yes',
    });
    expect(JSON.parse(call?.body ?? '')).toEqual({
      model: 'vendor/small-1',
      messages: [{ role: 'user', content: 'half \ud83d\ude00' }],
      max_tokens: 7,
      seed: 1,
    });
  });

  test('a configured authorization header never travels beside the key', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    await complete(connectProvider(upstream.url, { headers: { Authorization: 'Bearer other' } }));
    expect(upstream.received[0]?.headers.authorization).toBe(`Bearer ${CANARY.key}`);
    await complete(connectProvider(upstream.url, { headers: { Authorization: 'Basic abc' }, api_key: undefined }));
    expect(upstream.received[1]?.headers.authorization).toBe('Basic abc');
  });

  test('each call goes out with the key that it names, and with no other', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    const api_keys = { main: { key: 'sk-main-1' }, spare: { key: 'sk-spare-2', weight: 3 } };
    const provider = connectProvider(upstream.url, { api_key: undefined, api_keys });
    expect(provider.keys.map(({ name, weight }) => [name, weight])).toEqual([
      ['main', 1],
      ['spare', 3],
    ]);
    for (const key of ['spare', 'main', 'spare']) await complete(provider, { key });
    expect(upstream.received.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer sk-spare-2',
      'Bearer sk-main-1',
      'Bearer sk-spare-2',
    ]);
    for (const key of ['default', 'sk-main-1', '__proto__']) {
      expect(await failureOf(complete(provider, { key }))).toMatchObject({ code: 'INTERNAL', details: {} });
    }
    expect(upstream.received).toHaveLength(3);
  });

  test('the probe asks for the models', async () => {
    const upstream = await startFixedUpstream(200, { data: [{ id: 'a' }, { id: 'b', object: 'model' }] });
    await expect(connectProvider(`${upstream.url}/v1`).probe(1_000, 'default')).resolves.toEqual(['a', 'b']);
    expect(upstream.received[0]).toMatchObject({ method: 'GET', path: '/v1/models', body: '' });
    const bare = await startFixedUpstream(200, [{ id: 'a' }]);
    await expect(connectProvider(bare.url).probe(1_000, 'default')).resolves.toEqual(['a']);
    const other = await startFixedUpstream(200, { message: 'welcome' });
    await expect(connectProvider(other.url).probe(1_000, 'default')).resolves.toBeUndefined();
    const page = await startFixedUpstream(200, '<!doctype html>', { 'content-type': 'text/html' });
    await expect(connectProvider(page.url).probe(1_000, 'default')).rejects.toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
    });
    const refusing = await startFixedUpstream(401, { error: {} });
    await expect(connectProvider(refusing.url).probe(1_000, 'default')).rejects.toMatchObject({
      code: 'PROVIDER_AUTH',
    });
  });
});

describe('what the headers tell', () => {
  const headers = {
    'x-ratelimit-limit-requests': '100',
    'x-ratelimit-remaining-requests': '7',
    'x-ratelimit-reset-requests': '6s',
  };
  const limits = { requests: { limit: 100, remaining: 7, resetMs: 6_000 } };

  test.each([false, true])('about limits comes with an answer (streamed: %s)', async (stream) => {
    const upstream = await startFixedUpstream(200, chatCompletion(), headers);
    expect(await answer(connectProvider(upstream.url, { stream }))).toMatchObject({ limits });
  });

  test.each([
    [429, { error: { code: 'rate_limit_exceeded' } }, 'PROVIDER_RATE_LIMITED'],
    [200, chatCompletion({ choices: [] }), 'PROVIDER_BAD_RESPONSE'],
  ])('about limits comes with a %s that is none', async (status, body, code) => {
    const upstream = await startFixedUpstream(status, body, headers);
    expect(await failureOf(complete(connectProvider(upstream.url)))).toMatchObject({
      code,
      details: { status, limits },
    });
  });
});

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('%i is not followed, and the key goes nowhere else', async (status) => {
    const elsewhere = await startFixedUpstream(200, chatCompletion());
    const upstream = await startFixedUpstream(status, '', { location: `${elsewhere.url}/chat/completions` });
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', details: { status } });
    expect(upstream.received).toHaveLength(1);
    expect(elsewhere.received).toHaveLength(0);
  });
});

describe('the size of an answer', () => {
  test('above max_response_bytes it is refused without being held in memory', async () => {
    const upstream = await startUpstream((response) => {
      response.writeHead(200);
      const pump = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
        if (!response.destroyed) response.once('drain', pump);
      };
      pump();
    });
    const error = await failureOf(complete(connectProvider(upstream.url, { max_response_bytes: 1_048_576 })));
    expect(error).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: 'upstream answered 200 with more than max_response_bytes',
      details: { billUnknown: true },
    });
  });

  test.each([1_024, 65_536])('holds for a stream too, fed in pieces of %i bytes', async (size) => {
    let hasLeft = 0;
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const piece = `: ${'x'.repeat(size - 4)}\n\n`;
      const pump = (): void => {
        let isFlowing = true;
        while (isFlowing && !response.destroyed) {
          isFlowing = response.write(piece);
          hasLeft += size;
        }
        if (!response.destroyed) response.once('drain', pump);
      };
      pump();
    });
    const limit = 1_048_576;
    const error = await failureOf(complete(connectProvider(upstream.url, { stream: true, max_response_bytes: limit })));
    expect(error).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: 'upstream answered 200 with more than max_response_bytes',
    });
    // What the sockets' buffers hold on the way comes on top.
    expect(hasLeft).toBeLessThan(16 * limit);
  });

  test('a compressed answer, which nobody asked for, is not unpacked: it could be a bomb', async () => {
    const packed = gzipSync(JSON.stringify(chatCompletion()));
    const upstream = await startFixedUpstream(200, packed, { 'content-encoding': 'gzip' });
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error).toMatchObject({
      code: 'PROVIDER_BAD_RESPONSE',
      message: 'upstream answered 200 with a body that is not JSON',
    });
  });
});

const call = async (origin: string, allowPrivate: boolean): Promise<unknown> => {
  const client = createHttpClient({ origin, allowPrivate, connections: 1, maxResponseBytes: 1_024 });
  onTestFinished(() => client.close());
  return client
    .call({ method: 'GET', path: '/', headers: {}, timeoutMs: 2_000 })
    .catch((error: unknown) => (error instanceof Error ? error.message : error));
};

describe('where a name leads', () => {
  test('a name that resolves to this machine is refused without allow_private, and called with it', async () => {
    const upstream = await startFixedUpstream(200, 'ok');
    const named = upstream.url.replace('127.0.0.1', 'localhost');
    expect(await call(named, false)).toBe(
      'localhost resolves to a private address; set allow_private: true if that is meant',
    );
    expect(upstream.received).toHaveLength(0);
    expect(await call(named, true)).toMatchObject({ status: 200, text: 'ok' });
  });

  test('the refusal reaches the caller as an error that costs nothing', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    const url = upstream.url.replace('127.0.0.1', 'localhost').replace('http:', 'https:');
    const [provider] = createProviders({
      upstream: { ...ProviderConfig.parse({ base_url: 'https://x.test' }), base_url: url },
    }).all();
    onTestFinished(() => provider?.close());
    const error = await failureOf(provider?.probe(1_000, 'default') ?? Promise.resolve());
    expect(error).toMatchObject({
      code: 'PROVIDER_UNREACHABLE',
      message: 'upstream: localhost resolves to a private address; set allow_private: true if that is meant',
      details: { provider: 'upstream' },
    });
    expect(error.details.billUnknown).toBeUndefined();
  });

  test('plain http never reaches a public address, whatever allow_private says', async () => {
    // A literal is refused by the configuration; behind a name only the connection can tell.
    expect(refusalOf('http:', true, '93.184.215.14')).toMatch(
      /public address, where http would send the key in the clear/,
    );
    expect(refusalOf('http:', true, '127.0.0.1')).toBeUndefined();
    expect(refusalOf('https:', false, '93.184.215.14')).toBeUndefined();
    expect(refusalOf('https:', false, '10.0.0.1')).toMatch(/private address/);
    for (const allowPrivate of [true, false]) {
      expect(refusalOf('https:', allowPrivate, '169.254.169.254')).toMatch(/link-local or reserved/);
      expect(refusalOf('http:', allowPrivate, '::ffff:169.254.169.254')).toMatch(/link-local or reserved/);
    }
  });
});
