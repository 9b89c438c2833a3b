import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ProviderConfig } from '../../src/domain/config.ts';
import { GatewayError } from '../../src/domain/errors.ts';
import { createHttpClient, refusalOf } from '../../src/providers/http.ts';
import { createProviders } from '../../src/providers/index.ts';
import {
  CANARY,
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  startFixedUpstream,
  startUpstream,
} from '../support/upstream.ts';

/** A TCP server that does with each connection what the test says. */
async function startTcp(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function timed<Result>(work: Promise<Result>): Promise<{ result: Result; tookMs: number }> {
  const startedAt = performance.now();
  const result = await work;
  return { result, tookMs: performance.now() - startedAt };
}

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

  test('the probe asks for the models', async () => {
    const upstream = await startFixedUpstream(200, { data: [] });
    await connectProvider(`${upstream.url}/v1`).probe(1_000);
    expect(upstream.received[0]).toMatchObject({ method: 'GET', path: '/v1/models', body: '' });
    const refusing = await startFixedUpstream(401, { error: {} });
    await expect(connectProvider(refusing.url).probe(1_000)).rejects.toMatchObject({ code: 'PROVIDER_AUTH' });
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

describe('the total deadline', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

  test.each<[string, (socket: Socket) => void]>([
    ['headers that never come', () => undefined],
    ['a body that never comes', (socket) => void socket.write(`${head}content-length: 100\r\n\r\n`)],
    [
      'a byte every 20 ms',
      (socket) => {
        socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
        const drip = setInterval(() => socket.write('1\r\n \r\n'), 20);
        socket.on('close', () => clearInterval(drip));
      },
    ],
    [
      'headers byte by byte',
      (socket) => {
        socket.write(`${head}x-slow: `);
        const drip = setInterval(() => socket.write('a'), 20);
        socket.on('close', () => clearInterval(drip));
      },
    ],
  ])('ends %s within 100 ms, with the bill unknown', async (_name, misbehave) => {
    const url = await startTcp((socket) => socket.once('data', () => misbehave(socket)));
    const { result: error, tookMs } = await timed(failureOf(complete(connectProvider(url), { timeoutMs: 150 })));
    expect(error).toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      message: 'upstream: no complete answer within 150 ms',
      details: { billUnknown: true },
    });
    expect(tookMs).toBeGreaterThan(140);
    expect(tookMs).toBeLessThan(250);
  });

  test('the provider’s own timeout bounds what a job asks for', async () => {
    const url = await startTcp(() => undefined);
    const { result: error, tookMs } = await timed(
      failureOf(complete(connectProvider(url, { timeout: '100ms' }), { timeoutMs: 3_600_000 })),
    );
    expect(error.message).toBe('upstream: no complete answer within 100 ms');
    expect(tookMs).toBeLessThan(250);
  });

  test('a slow answer within the deadline is a good one', async () => {
    const upstream = await startUpstream(async (response) => {
      const text = JSON.stringify(chatCompletion());
      response.writeHead(200);
      for (let at = 0; at < text.length; at += 60) {
        response.write(text.slice(at, at + 60));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      response.end();
    });
    await expect(complete(connectProvider(upstream.url))).resolves.toMatchObject({ content: 'four' });
  });
});

describe('aborting', () => {
  test('ends the call at once and lets the connection go', async () => {
    const arrived = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const upstream = await startUpstream((response) => {
      response.on('close', () => closed.resolve());
      arrived.resolve();
    });
    const controller = new AbortController();
    const call = failureOf(complete(connectProvider(upstream.url), { signal: controller.signal }));
    await arrived.promise;
    const { tookMs } = await timed((controller.abort(), call));
    expect(tookMs).toBeLessThan(100);
    expect(await call).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { billUnknown: true } });
    await closed.promise;
  });

  test('with an error of ours keeps that error', async () => {
    const upstream = await startUpstream(() => undefined);
    const reason = new GatewayError('CANCELLED', 'the batch was cancelled');
    const error = await failureOf(complete(connectProvider(upstream.url), { signal: AbortSignal.abort(reason) }));
    expect(error).toBe(reason);
    expect(upstream.received).toHaveLength(0);
  });

  test('leaves no listener on the signal, however many calls it saw', async () => {
    const upstream = await startFixedUpstream(200, chatCompletion());
    const provider = connectProvider(upstream.url);
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = new Proxy(signal, {
      get(target, name) {
        if (name === 'addEventListener') listeners += 1;
        if (name === 'removeEventListener') listeners -= 1;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    for (let count = 0; count < 5; count += 1) await complete(provider, { signal: counted });
    expect(listeners).toBe(0);
  });
});

describe('a connection that breaks', () => {
  test.each<[string, (socket: Socket) => void]>([
    ['before the headers', (socket) => socket.resetAndDestroy()],
    ['politely, before the headers', (socket) => socket.end()],
    [
      'in the middle of the body',
      (socket) =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"choices":', () => socket.resetAndDestroy()),
    ],
    [
      'before the announced length',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"choices":'),
    ],
    ['with 40 kB of headers', (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(40_000)}\r\n\r\n{}`)],
    ['with something that is no HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
  ])('%s leaves the bill unknown', async (_when, misbehave) => {
    let calls = 0;
    const url = await startTcp((socket) =>
      socket.once('data', () => {
        calls += 1;
        misbehave(socket);
      }),
    );
    const error = await failureOf(complete(connectProvider(url)));
    expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { provider: 'upstream', billUnknown: true } });
    expect(error.message).toMatch(/^upstream: the connection broke before the answer was complete/);
    expect(error.message).not.toContain(CANARY.prompt);
    // A broken call may have been billed: it is never repeated behind the ledger's back.
    expect(calls).toBe(1);
  });

  test('and one that never came about costs nothing', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const error = await failureOf(complete(connectProvider(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', message: 'upstream cannot be reached (ECONNREFUSED)' });
    expect(error.details.billUnknown).toBeUndefined();
  });

  test('a TLS handshake with a server that speaks none costs nothing or is unknown, and says so', async () => {
    const url = await startTcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const error = await failureOf(complete(connectProvider(url.replace('http:', 'https:'))));
    expect(error.code).toBe('PROVIDER_UNREACHABLE');
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

describe('where a name leads', () => {
  const call = async (origin: string, allowPrivate: boolean): Promise<unknown> => {
    const client = createHttpClient({ origin, allowPrivate, connections: 1, maxResponseBytes: 1_024 });
    onTestFinished(() => client.close());
    return client
      .call({ method: 'GET', path: '/', headers: {}, timeoutMs: 2_000 })
      .catch((error: unknown) => (error instanceof Error ? error.message : error));
  };

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
    const error = await failureOf(provider?.probe(1_000) ?? Promise.resolve());
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
