import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createWebhookSender } from '../../src/gateway/batches/webhook-sender.ts';
import { type Batch, chatLine, useBatchGateway } from '../support/batch-gateway.ts';
import { useGateway } from '../support/gateway.ts';
import { startOwnRedis } from '../support/own-redis.ts';

const open = useBatchGateway();
const openWhole = useGateway();
const DAY = { endpoint: '/v1/chat/completions' as const, completion_window: '24h' as const };
const REQUESTS = [{ custom_id: 'a', body: { messages: [{ role: 'user', content: 'Hi.' }] } }];
const INLINE = { endpoint: DAY.endpoint, model: 'sluice/auto', requests: REQUESTS };
const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`;

function ordering(url: string) {
  return (body: object, headers: Record<string, string>): Promise<Response> =>
    fetch(`${url}/v1/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
}

const idOf = async (response: Response): Promise<string> => ((await response.json()) as Batch).id;

describe('an order with an idempotency key', () => {
  test('is one batch, however often it comes, and whatever became of its file', async () => {
    const { client, url, upload, untilStatus, startPool, calls } = await open();
    const order = ordering(url);
    const file = await upload([chatLine('a')]);
    const body = { ...DAY, input_file_id: file.id };
    const key = { 'idempotency-key': 'night' };
    const first = await order(body, key);
    const id = await idOf(first);
    expect(id).toMatch(/^batch_[0-9a-f]{32}$/);
    expect(await idOf(await order(body, key))).toBe(id);
    await startPool();
    await untilStatus(id, 'completed');
    await client().files.delete(file.id);
    const again = await order(body, key);
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ id, status: 'completed', request_counts: { completed: 1 } });
    expect((await client().batches.list()).data).toHaveLength(1);
    expect(calls()).toHaveLength(1);
  });

  test('that is another one by its body or its wishes is refused; another account’s is its own', async () => {
    const { client, url } = await open({ driver: false });
    const order = ordering(url);
    const key = { 'idempotency-key': 'night' };
    const id = await idOf(await order(INLINE, key));
    const others: [object, Record<string, string>][] = [
      [{ ...INLINE, metadata: { suite: 'b' } }, key],
      [INLINE, { ...key, 'x-sluice-max-total-usd': '1' }],
    ];
    for (const [body, headers] of others) {
      const refused = await order(body, headers);
      expect(refused.status).toBe(409);
      expect(await refused.json()).toMatchObject({ error: { code: 'idempotency_key_used', param: 'headers' } });
    }
    expect(await idOf(await order(INLINE, { ...key, authorization: 'Bearer bob' }))).not.toBe(id);
    expect((await order(INLINE, { 'idempotency-key': 'x'.repeat(256) })).status).toBe(400);
    expect((await client().batches.list()).data).toHaveLength(1);
  });

  test('that comes many times at once leaves one batch, and one file of its requests', async () => {
    const { client, url } = await open({ driver: false });
    const order = ordering(url);
    const answers = await Promise.all(Array.from({ length: 5 }, () => order(INLINE, { 'idempotency-key': 'k' })));
    const ids = await Promise.all(answers.map(idOf));
    expect(new Set(ids).size).toBe(1);
    const [batch] = (await client().batches.list()).data;
    expect((await client().files.list()).data.map(({ id }) => id)).toEqual([batch?.input_file_id]);
  });
});

test('an order with a file and requests is told to choose, and a file that is gone has a code', async () => {
  const { client, url, upload } = await open({ driver: false });
  const file = await upload([chatLine('a')]);
  const response = await ordering(url)({ ...INLINE, input_file_id: file.id }, {});
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { message: 'give input_file_id or requests, not both', param: 'input_file_id' },
  });
  await client().files.delete(file.id);
  await expect(client().files.delete(file.id)).rejects.toMatchObject({ status: 404, code: 'file_not_found' });
});

test('lines of Anthropic’s own batches are answered in their words', async () => {
  const { client, upload, untilStatus, linesOf, startPool } = await open();
  await startPool();
  const params = { model: 'small', max_tokens: 50, messages: [{ role: 'user', content: 'Say hi.' }] };
  const file = await upload([{ custom_id: 'a', params }]);
  const endpoint = '/v1/messages' as typeof DAY.endpoint;
  const { id } = await client().batches.create({ ...DAY, endpoint, input_file_id: file.id });
  const [line] = await linesOf((await untilStatus(id, 'completed')).output_file_id);
  expect(line).toMatchObject({ custom_id: 'a', response: { body: { type: 'message', role: 'assistant' } } });
});

describe('a webhook that is not taken', () => {
  test('is told in the log with its batch, its host and what happened, and nothing else of its URL', async () => {
    const webhooks = { secret: SECRET, allow_private: true };
    const { tools, redis, keys, sim, forward } = await open({ driver: false, config: { gateway: { webhooks } } });
    const lines: Record<string, unknown>[] = [];
    const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const { sendDue } = createWebhookSender({ ...tools, logger });
    const { host } = new URL(sim.url);
    const hooks = {
      evt_1: `http://${host}/hook-path?token=secret`,
      evt_2: 'http://127.0.0.1:1/hook-path?token=secret',
    };
    for (const [id, url] of Object.entries(hooks)) {
      const webhook = { id, batch: `batch_of_${id}`, url, body: '{}', createdAt: tools.now(), failures: 0 };
      await redis.multi().hset(keys.webhookData, id, JSON.stringify(webhook)).zadd(keys.webhooks, 0, id).exec();
    }
    await sendDue();
    const told = lines.toSorted((one, other) => String(one['batch']).localeCompare(String(other['batch'])));
    expect(told).toMatchObject([
      { batch: 'batch_of_evt_1', host, status: 404, failures: 1, next_try_at: expect.stringMatching(/^20.*Z$/) },
      { batch: 'batch_of_evt_2', host: '127.0.0.1:1', failure: '127.0.0.1:1 cannot be reached (ECONNREFUSED)' },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/hook-path|token|secret/);
    forward(24 * 3_600_000);
    await sendDue();
    expect(lines.at(-1)).toMatchObject({ msg: 'a webhook was not taken, and is given up' });
  });

  test('since plain http does not go to its host is refused with the order', async () => {
    const config = { gateway: { webhooks: { secret: SECRET, allow_private: true } } };
    const { client } = await open({ driver: false, config });
    const order = { ...DAY, input_file_id: 'file-x', callback_url: 'http://hooks.invalid/a' };
    await expect(client().batches.create(order)).rejects.toMatchObject({ status: 400, param: 'callback_url' });
  });
});

test('while Redis is away, files and batches are unavailable, and say so', async () => {
  const server = await startOwnRedis();
  const redis = { url: `redis://127.0.0.1:${server.port}` };
  const { baseURL } = await openWhole({ workers: false, gateway: { redis } });
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob(['{}\n']), 'a.jsonl');
  const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const [file, batch] = [`file-${'a'.repeat(24)}`, `batch_${'a'.repeat(32)}`];
  const asked: [string, RequestInit][] = [
    ['/files', {}],
    ['/files', { method: 'POST', body: form }],
    [`/files/${file}`, {}],
    [`/files/${file}/content`, {}],
    [`/files/${file}`, { method: 'DELETE' }],
    ['/batches', {}],
    ['/batches', { ...json, body: JSON.stringify({ ...DAY, input_file_id: file }) }],
    ['/batches', { ...json, body: JSON.stringify(INLINE) }],
    ['/batches', { ...json, headers: { ...json.headers, 'idempotency-key': 'k' }, body: JSON.stringify(INLINE) }],
    [`/batches/${batch}`, {}],
    [`/batches/${batch}/cancel`, { method: 'POST' }],
  ];
  expect((await fetch(`${baseURL}/files`)).status).toBe(200);
  await server.killHard();
  const answers = await Promise.all(asked.map(([path, init]) => fetch(baseURL + path, init)));
  for (const [index, answer] of answers.entries()) {
    const body = (await answer.json()) as { error: { code: string } };
    expect([asked[index]?.[0], answer.status, body.error.code]).toEqual([asked[index]?.[0], 503, 'unavailable']);
  }
});
