import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GatewayError } from '../../src/domain/errors.ts';
import { createHttpClient } from '../../src/providers/transport/http.ts';
import {
  CANARY,
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  startFixedUpstream,
  startTcp,
  startUpstream,
} from '../support/upstream.ts';

/** Others may hold the processor for longer than the tenth of a second that is measured here. */
const ON_A_BUSY_MACHINE = { retry: 2 };

async function timed<Result>(work: Promise<Result>): Promise<{ result: Result; tookMs: number }> {
  const startedAt = performance.now();
  const result = await work;
  return { result, tookMs: performance.now() - startedAt };
}

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
  ])('ends %s within 100 ms, with the bill unknown', ON_A_BUSY_MACHINE, async (_name, misbehave) => {
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

  test('the provider’s own timeout bounds what a job asks for', ON_A_BUSY_MACHINE, async () => {
    const url = await startTcp(() => undefined);
    const { result: error, tookMs } = await timed(
      failureOf(complete(connectProvider(url, { timeout: '100ms' }), { timeoutMs: 3_600_000 })),
    );
    expect(error.message).toBe('upstream: no complete answer within 100 ms');
    expect(tookMs).toBeLessThan(250);
  });

  test('holds while a call still waits for a connection, and nothing was sent then', ON_A_BUSY_MACHINE, async () => {
    const upstream = await startUpstream((response, { path }) => void (path === '/third' && response.end()));
    const client = createHttpClient({
      origin: upstream.url,
      allowPrivate: true,
      connections: 1,
      maxResponseBytes: 1_024,
    });
    onTestFinished(() => client.close());
    const call = (path: string, timeoutMs: number): Promise<unknown> =>
      client.call({ method: 'POST', path, headers: {}, body: '{}', timeoutMs }).catch((error: unknown) => error);
    const [first, second] = await Promise.all([call('/first', 200), timed(call('/second', 50))]);
    expect(first).toMatchObject({ isSent: true });
    expect(second.result).toMatchObject({ isSent: false });
    expect(second.tookMs).toBeLessThan(150);
    expect(await call('/third', 1_000)).toMatchObject({ status: 200 });
    expect(upstream.received.map(({ path }) => path)).toEqual(['/first', '/third']);
  });

  test('a provisional answer is not taken for the answer', async () => {
    const text = JSON.stringify(chatCompletion());
    const url = await startTcp((socket) =>
      socket.once('data', () =>
        socket.end(`HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n${head}content-length: ${text.length}\r\n\r\n${text}`),
      ),
    );
    const statuses: number[] = [];
    const receive = (status: number): undefined => void statuses.push(status);
    const client = createHttpClient({ origin: url, allowPrivate: true, connections: 1, maxResponseBytes: 10_000 });
    onTestFinished(() => client.close());
    const call = { method: 'POST', path: '/', headers: {}, body: '{}', timeoutMs: 1_000, receive } as const;
    expect(await client.call(call)).toMatchObject({ status: 200, text });
    expect(statuses).toEqual([200]);
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
  test('ends the call at once and lets the connection go', ON_A_BUSY_MACHINE, async () => {
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

  test.each([null, '', 'a text'])(
    'a call that still waits for a connection, for the reason %j, sends nothing',
    async (reason) => {
      const arrived = Promise.withResolvers<void>();
      const upstream = await startUpstream(() => arrived.resolve());
      const client = createHttpClient({
        origin: new URL(upstream.url).origin,
        allowPrivate: true,
        connections: 1,
        maxResponseBytes: 1_000,
      });
      const get = (path: string, signal: AbortSignal): Promise<unknown> =>
        client.call({ method: 'GET', path, headers: {}, timeoutMs: 10_000, signal }).catch((error: unknown) => error);
      const [busy, waiting] = [new AbortController(), new AbortController()];
      const first = get('/first', busy.signal);
      await arrived.promise;
      const second = get('/second', waiting.signal);
      waiting.abort(reason);
      expect(await second).toBeInstanceOf(Error);
      busy.abort();
      await first;
      await client.call({ method: 'GET', path: '/third', headers: {}, timeoutMs: 200 }).catch(() => undefined);
      expect(upstream.received.map(({ path }) => path)).toEqual(['/first', '/third']);
      await client.close();
    },
  );

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

  test.each([
    ['40 kB of headers', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(40_000)}\r\n\r\n{}`],
    ['something that is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('or brings %s leaves the bill unknown', async (_what, bytes) => {
    const url = await startTcp((socket) => socket.once('data', () => socket.end(bytes)));
    const error = await failureOf(complete(connectProvider(url)));
    expect(['PROVIDER_UNREACHABLE', 'PROVIDER_BAD_RESPONSE']).toContain(error.code);
    expect(error.details).toMatchObject({ provider: 'upstream', billUnknown: true });
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
