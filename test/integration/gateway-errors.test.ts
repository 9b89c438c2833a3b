import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { useGateway } from '../support/gateway.ts';

const open = useGateway();
const MESSAGES = [{ role: 'user', content: 'Say hello.' }];
const BODY = { model: 'small', messages: MESSAGES };

describe('a bad request is refused in OpenAI’s words, and nothing is enqueued', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  test.each<[string, unknown, number, object]>([
    ['that is no JSON', '{"model": ', 400, { message: 'the body is not valid JSON' }],
    ['without a body', '', 400, {}],
    ['that is a list', [], 400, {}],
    ['that is null', 'null', 400, {}],
    ['that is a text', '"SECRET PROMPT"', 400, { message: 'the body must be a JSON object' }],
    ['nested deeply', `{"model":"small","messages":[{"role":"user","content":"x"}],"metadata":${deep}}`, 400, {}],
    [
      'with a prototype',
      '{"__proto__": {"x": 1}, "model": "small"}',
      400,
      { message: expect.stringContaining('"__proto__"') },
    ],
    [
      'with a constructor',
      '{"constructor": {"prototype": 1}}',
      400,
      { message: expect.stringContaining('.prototype') },
    ],
    ['without messages', { model: 'small' }, 400, { param: 'messages', message: 'messages: missing' }],
    ['with wrong types', { ...BODY, temperature: 'hot' }, 400, { param: 'temperature' }],
    ['with an unknown field', { ...BODY, temprature: 1 }, 400, { message: expect.stringContaining('"temperature"') }],
    ['for two answers', { ...BODY, n: 2 }, 400, { param: 'n' }],
    ['for an unknown model', { ...BODY, model: 'smal' }, 404, { code: 'model_not_found', param: 'model' }],
    ['with half a surrogate', { ...BODY, messages: [{ role: 'user', content: '\ud800' }] }, 400, {}],
  ])('%s', async (_, body, status, error) => {
    const { post, queue } = await open({ workers: false });
    const response = await post('/v1/chat/completions', body);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', ...error } });
    expect(await queue().getWaitingCount()).toBe(0);
  });

  test('larger than the limit, without reading it to its end', async () => {
    const { gateway, post } = await open({ workers: false, config: { gateway: { body_limit_bytes: 10_000 } } });
    const response = await post('/v1/chat/completions', { ...BODY, metadata: { x: 'x'.repeat(20_000) } });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } });
    const { port, hostname } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n');
    socket.write('content-length: 999999999\r\n\r\n{');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413/);
    await once(socket, 'close');
  });

  test('a request that needs no body may say what kind it would be', async () => {
    const { post } = await open({ workers: false });
    const response = await post('/v1/batches/batch_none/cancel', '');
    expect([response.status, await response.json()]).toMatchObject([404, { error: { param: 'id' } }]);
  });

  test('of another type, or to another address', async () => {
    const { gateway, post } = await open({ workers: false });
    const typed = await post('/v1/chat/completions', 'x', { headers: { 'content-type': 'text/plain' } });
    expect([typed.status, ((await typed.json()) as { error: object }).error]).toMatchObject([415, { code: null }]);
    const elsewhere = await fetch(`${gateway.url}/v1/chat/complete`);
    expect([elsewhere.status, await elsewhere.json()]).toMatchObject([404, { error: { code: 'unknown_url' } }]);
  });
});

describe('a job that fails', () => {
  test.each<[string, object, object, number, string, string]>([
    ['at the provider', {}, { faults: [{ model: '*', kind: 500, rate: 1 }] }, 502, 'all_models_failed', 'false'],
    ['by its budget', {}, { config: { budgets: { none: { limit_usd: 0 } } } }, 402, 'budget_exceeded', 'false'],
    ['by its own limit', { metadata: { sluice_max_cost_usd: '0.000001' } }, {}, 400, 'no_eligible_model', 'false'],
    ['by its deadline', { metadata: { sluice_deadline_ms: '1' } }, {}, 504, 'deadline_exceeded', 'false'],
  ])('%s', async (_, asked, options, status, code, retry) => {
    const { post } = await open(options);
    for (const stream of [false, true]) {
      const response = await post('/v1/chat/completions', { ...BODY, model: 'sluice/auto', ...asked, stream });
      expect([response.status, response.headers.get('x-should-retry')]).toEqual([status, retry]);
      expect(await response.json()).toMatchObject({ error: { code } });
      expect(response.headers.get('x-sluice-job-id')).toMatch(/^j-/);
    }
  });

  test('because all that it may ask are left alone comes again, but not with an Idempotency-Key, which keeps it', async () => {
    const circuit = { failures: 2, failure_share: 0.1, cooldown: '5m' };
    const config = { circuit, lanes: { interactive: { share: 1, max_wait: '1ms', max_outage: '1ms' } } };
    const { post, calls } = await open({ faults: [{ model: '*', kind: 500, rate: 1 }], config });
    const ask = (more = {}): Promise<Response> =>
      post('/v1/chat/completions', BODY, { headers: { 'x-sluice-max-attempts': '1', ...more } });
    let response = await ask();
    while (response.status === 502) response = await ask();
    const asked = calls().length;
    expect([response.status, response.headers.get('x-should-retry'), response.headers.get('retry-after')]).toEqual([
      503,
      'true',
      '10',
    ]);
    for (let time = 0; time < 2; time += 1) {
      const kept = await ask({ 'idempotency-key': 'k' });
      expect([kept.status, kept.headers.get('x-should-retry')]).toEqual([503, 'false']);
    }
    expect(calls()).toHaveLength(asked);
  });

  test('because too many wait already tells when to come again', async () => {
    const { post, queue } = await open({ workers: false, config: { gateway: { most_waiting: 1, timeout: '1s' } } });
    const controller = new AbortController();
    const first = post('/v1/chat/completions', BODY, { signal: controller.signal }).catch(() => {});
    await expect.poll(() => queue().getWaitingCount()).toBe(1);
    const second = await post('/v1/chat/completions', BODY);
    expect([second.status, second.headers.get('x-should-retry'), second.headers.get('retry-after-ms')]).toEqual([
      503,
      'true',
      '1000',
    ]);
    controller.abort();
    await first;
  });
});

test('bodies that were announced, and do not come, keep nobody out', async () => {
  const limits = { body_limit_bytes: 10_000, most_waiting_bytes: 25_000 };
  const { gateway, post } = await open({ config: { gateway: limits } });
  const { port, hostname } = new URL(gateway.url);
  const sockets = Array.from({ length: 20 }, () => connect(Number(port), hostname));
  for (const socket of sockets) {
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n');
    // The answer to the first of the two shows that the second has been taken in.
    socket.write('content-length: 2\r\n\r\n{}');
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n');
    socket.write('content-length: 9999\r\n\r\n{');
  }
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  expect((await post('/v1/chat/completions', BODY)).status).toBe(200);
  for (const socket of sockets) socket.destroy();
});
