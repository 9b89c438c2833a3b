import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { ApiKeyTerms } from '../../src/domain/api-key.ts';
import { createApiKeyStore } from '../../src/store/api-keys.ts';
import { type GatewayHarness, useGateway } from '../support/gateway.ts';
import { until } from '../support/harness.ts';

const open = useGateway();
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const CHAT = '/v1/chat/completions';
const BODY = { model: 'small', messages: [{ role: 'user', content: 'Say hello.' }] };
const SECRET = { authorization: `Bearer sk-sluice-0123456789ab-${'0'.repeat(43)}` };

function send({ gateway }: Pick<GatewayHarness, 'gateway'>, text: string): Socket {
  const { port, hostname } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.write(text.replaceAll('\n', '\r\n'));
  return socket;
}

async function firstOf(socket: Socket): Promise<{ status: number; headers: string; body: unknown }> {
  const [data] = (await once(socket, 'data')) as [Buffer];
  const [headers = '', body = ''] = data.toString().split('\r\n\r\n');
  return { status: Number(headers.split(' ')[1]), headers, body: JSON.parse(body || 'null') };
}

const OPENAI = {
  error: {
    message: expect.any(String),
    type: expect.any(String),
    param: null,
    code: expect.toBeOneOf([null, expect.any(String)]),
  },
};

describe('what no route has to do with is told in OpenAI’s words, too', () => {
  test.each<[string, string, string, number]>([
    ['an address that cannot be read', 'GET', '/v1/files/%zz', 400],
    ['a part of it that is too long', 'GET', `/v1/files/${'x'.repeat(600)}`, 414],
    ['another method', 'PUT', CHAT, 404],
    ['one of the web’s', 'PROPFIND', CHAT, 404],
    ['one that asks what there is', 'OPTIONS', CHAT, 404],
    ['a slash behind', 'POST', `${CHAT}/`, 404],
  ])('%s', async (_, method, path, status) => {
    const { gateway } = await open({ workers: false });
    const response = await fetch(gateway.url + path, { method });
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([status, 'false']);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(await response.json()).toEqual(OPENAI);
    expect((await fetch(gateway.url + path, { method: 'HEAD' })).status).toBe(status);
  });

  test.each<[string, string, number]>([
    ['headers that are too large', `GET /v1/models HTTP/1.1\nhost: x\nx: ${'x'.repeat(20_000)}\n\n`, 431],
    ['what is no HTTP', 'hello there\n\n', 400],
    [
      'a body that cannot be read',
      `POST ${CHAT} HTTP/1.1\nhost: 127.0.0.1\ncontent-type: application/json\ntransfer-encoding: chunked\n\nno length\n`,
      400,
    ],
    ['an unknown method', 'FOO /v1/models HTTP/1.1\nhost: x\n\n', 400],
  ])('%s', async (_, text, status) => {
    const answer = await firstOf(send(await open({ workers: false }), text));
    expect(answer).toEqual({ status, headers: expect.stringContaining('x-should-retry: false'), body: OPENAI });
  });

  test('what comes while it stops', async () => {
    const models = { small: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } } };
    const latency = { p50_ms: 300, p95_ms: 300 };
    const profiles = { 'sim/small': { price: { input: 1, output: 4 }, latency } };
    const harness = await open({ profiles, config: { models } });
    const body = JSON.stringify(BODY);
    const head = `POST ${CHAT} HTTP/1.1\nhost: 127.0.0.1\ncontent-type: application/json\ncontent-length: `;
    const socket = send(harness, `${head}${body.length}\n\n${body}`);
    await until('the call', () => harness.sim.ledger.totals().calls === 1);
    const stopping = harness.gateway.stop(5_000);
    socket.write('GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    await stopping;
    const [, first, second = ''] = text.split('HTTP/1.1 ');
    expect([first?.slice(0, 3), second.slice(0, 3)]).toEqual(['200', '503']);
    expect(second).toContain('x-should-retry: true');
    expect(second).toContain('"code":"unavailable"');
  });
});

test('whatever is below /v1/messages is told in Anthropic’s words', async () => {
  const { gateway, post } = await open({ workers: false, config: { gateway: { body_limit_bytes: 2_000 } } });
  const answers = await Promise.all([
    post('/v1/messages', {}, { headers: SECRET }),
    post('/v1/messages', { x: 'x'.repeat(3_000) }),
    post('/v1/messages', 'x', { headers: { 'content-type': 'text/plain' } }),
    fetch(`${gateway.url}/v1/messages?beta=true`),
    post('/v1/messages/batches', {}),
    fetch(`${gateway.url}/v1/messages/%zz`),
  ]);
  const told = await Promise.all(answers.map(async (each) => [each.status, await each.json()]));
  expect(told.map(([status]) => status)).toEqual([401, 413, 415, 404, 404, 400]);
  for (const [, body] of told) {
    expect(body).toEqual({
      type: 'error',
      error: { type: expect.any(String), message: expect.any(String) },
      request_id: expect.any(String),
    });
  }
});

test('a store that is away is told as such, and asks to come again', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const { post, gateway } = await open({
    workers: false,
    gateway: { redis: { url: 'redis://127.0.0.1:1' }, logger },
  });
  const answers = await Promise.all([
    post(CHAT, BODY, { headers: SECRET }),
    fetch(`${gateway.url}/v1/files`),
    fetch(`${gateway.url}/v1/batches`),
  ]);
  for (const answer of answers) {
    expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([503, 'true']);
    expect(await answer.json()).toMatchObject({ error: { code: 'unavailable' } });
  }
  expect(lines.filter((line) => line.includes('"level":50'))).toEqual([]);
});

test('what was never asked of a model uses up no tokens of a key', async () => {
  const { post, redis, keys } = await open({ config: { cache: { enabled: true } } });
  const terms = ApiKeyTerms.parse({ name: 'shop', tokens_per_minute: 10_000 });
  const { secret } = await createApiKeyStore(redis, keys).create(terms);
  const init = { headers: { authorization: `Bearer ${secret}` } };
  const ask = async (more: object): Promise<[number, number]> => {
    const { status, headers } = await post(CHAT, { ...BODY, temperature: 0, max_tokens: 4_000, ...more }, init);
    return [status, Number(headers.get('x-ratelimit-remaining-tokens'))];
  };
  for (const stream of [false, true, false]) {
    const [status, left] = await ask({ stream, metadata: { sluice_max_cost_usd: '0.000001' } });
    expect([status, left > 5_000]).toEqual([400, true]);
  }
  const [[, first], [, second], [status, third]] = [await ask({}), await ask({}), await ask({})];
  expect([status, first > 5_900]).toEqual([200, true]);
  // The first one's answer was used; the others came from the cache.
  expect(second).toBeGreaterThan(first - 600);
  expect(third).toBeGreaterThanOrEqual(second);
});

describe('the bytes of those that wait', () => {
  test('are bounded, whether they are told or not', async () => {
    const gateway = { most_waiting_bytes: 3_000, timeout: '1s' };
    const harness = await open({ workers: false, config: { gateway } });
    const head = `POST ${CHAT} HTTP/1.1\nhost: 127.0.0.1\ncontent-type: application/json\n`;
    const waiting = send(harness, `${head}content-length: 2000\n\n{`);
    await expect.poll(async () => (await harness.post(CHAT, { ...BODY, user: 'u'.repeat(1_500) })).status).toBe(503);
    const chunked = send(harness, `${head}transfer-encoding: chunked\n\n5dc\n${' '.repeat(1_500)}\n`);
    const answer = await firstOf(chunked);
    expect([answer.status, answer.body]).toMatchObject([503, { error: { code: 'overloaded' } }]);
    waiting.destroy();
    await expect.poll(async () => (await harness.post(CHAT, { user: 'u'.repeat(2_500) })).status).toBe(400);
  });
});

test('a header for batches is refused on any other request', async () => {
  const { post } = await open({ workers: false });
  const response = await post(CHAT, BODY, { headers: { 'x-sluice-callback-url': 'https://example.com' } });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { param: 'headers' } });
});
