import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { type Batch, chatLine, jsonl, useBatchGateway } from '../support/batch-gateway.ts';
import { useGateway } from '../support/gateway.ts';
import { threeModels, until } from '../support/harness.ts';

const open = useBatchGateway();
const openWhole = useGateway();
const CHAT = '/v1/chat/completions' as const;
const DAY = { endpoint: CHAT, completion_window: '24h' as const };
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `row-${index}`);

describe('a batch of a file', () => {
  test('goes from validating to completed, with answers in one file and errors in another', async () => {
    const { client, upload, untilStatus, linesOf, startPool, usage } = await open({
      faults: [{ model: 'sim/medium', kind: 400, rate: 1 }],
    });
    await startPool();
    const rows = ids(5).map((id) => chatLine(id));
    const broken = chatLine('broken', { body: { model: 'medium' } });
    const file = await upload([...rows, broken]);
    const batch = await client().batches.create({ ...DAY, input_file_id: file.id, metadata: { suite: 'a' } });
    expect(batch).toMatchObject({
      object: 'batch',
      status: 'validating',
      endpoint: CHAT,
      input_file_id: file.id,
      completion_window: '24h',
      metadata: { suite: 'a' },
      request_counts: { total: 0, completed: 0, failed: 0 },
    });
    expect(batch.expires_at).toBe(batch.created_at + 86_400);
    const done = await untilStatus(batch.id, 'completed');
    expect(done.request_counts).toEqual({ total: 6, completed: 5, failed: 1 });
    for (const at of [done.in_progress_at, done.finalizing_at, done.completed_at]) expect(at).toBeGreaterThan(0);

    const answers = await linesOf(done.output_file_id);
    expect(answers.map((line) => line.custom_id)).toEqual(ids(5));
    expect(answers[0]).toMatchObject({
      id: expect.stringMatching(/^batch_req_/) as string,
      response: {
        status_code: 200,
        body: {
          id: expect.stringMatching(/^chatcmpl-batch[0-9a-f]{32}0$/) as string,
          object: 'chat.completion',
          model: 'sim/small',
          choices: [{ message: { role: 'assistant' } }],
        },
      },
      error: null,
      x_sluice: { model: 'small', attempts: [{ outcome: 'completed' }] },
    });
    const errors = await linesOf(done.error_file_id);
    expect(errors).toMatchObject([
      {
        custom_id: 'broken',
        response: { status_code: 400, body: { error: { type: 'invalid_request_error' } } },
        error: null,
      },
    ]);
    const records = await usage();
    const answered = records.filter((record) => record.outcome === 'completed');
    expect(answered.map(({ lane, account }) => [lane, account])).toEqual(ids(5).map(() => ['batch', 'default']));
    expect(done.usage).toMatchObject({
      input_tokens: answered.reduce((sum, record) => sum + record.input_tokens, 0),
      output_tokens: answered.reduce((sum, record) => sum + record.output_tokens, 0),
      cost: records.reduce((sum, record) => sum + record.cost_nanos, 0) / 1e9,
    });
    const { data } = await client().files.list({ purpose: 'batch_output' });
    expect(new Set(data.map(({ id }) => id))).toEqual(new Set([done.output_file_id, done.error_file_id]));
  });

  test('keeps its input from being deleted until it has ended', async () => {
    const { client, upload, untilStatus, startPool } = await open();
    const file = await upload([chatLine('a')]);
    const { id } = await client().batches.create({ ...DAY, input_file_id: file.id });
    await expect(client().files.delete(file.id)).rejects.toMatchObject({ status: 409, code: 'file_in_use' });
    await startPool();
    await untilStatus(id, 'completed');
    expect(await client().files.delete(file.id)).toMatchObject({ deleted: true });
  });

  test('takes the names of models that the gateway takes, and wishes in headers for all its rows', async () => {
    const price = { input: 0.1, output: 0.1 };
    const models = { ...threeModels(), medium: { provider: 'beta', id: 'sim/medium', price } };
    const { client, upload, untilStatus, linesOf, startPool } = await open({
      config: { tasks: { coding: {} }, models },
    });
    await startPool();
    const names = ['sluice/auto:cheap', 'sluice/task/coding', 'sim/large', 'alpha/sim/small'];
    const file = await upload(names.map((model) => chatLine(model, { body: { model } })));
    const order = { ...DAY, input_file_id: file.id };
    const { id } = await client().batches.create(order, {
      headers: { 'x-sluice-user': 'ann', 'x-sluice-max-total-usd': '1' },
    });
    const { output_file_id } = await untilStatus(id, 'completed');
    const lines = await linesOf(output_file_id);
    expect(lines.map(({ custom_id, x_sluice }) => [custom_id, x_sluice?.model, x_sluice?.task])).toEqual([
      ['sluice/auto:cheap', 'medium', null],
      ['sluice/task/coding', 'small', 'coding'],
      ['sim/large', 'large', null],
      ['alpha/sim/small', 'small', null],
    ]);
    expect(lines[0]?.x_sluice).toMatchObject({ user: 'ann' });
  });

  test('answers in the words of its endpoint', async () => {
    const { client, upload, untilStatus, linesOf, startPool } = await open();
    await startPool();
    const bodies = {
      '/v1/messages': { max_tokens: 50, messages: [{ role: 'user', content: 'Say hi.' }] },
      '/v1/responses': { input: 'Say hi.' },
    };
    for (const [url, body] of Object.entries(bodies)) {
      const file = await upload([{ custom_id: 'a', method: 'POST', url, body: { model: 'small', ...body } }]);
      const order = { endpoint: url as typeof CHAT, completion_window: '24h' as const, input_file_id: file.id };
      const { id } = await client().batches.create(order);
      const [line] = await linesOf((await untilStatus(id, 'completed')).output_file_id);
      const expected = url === '/v1/messages' ? { type: 'message', role: 'assistant' } : { object: 'response' };
      expect(line?.response?.body).toMatchObject(expected);
    }
  });
});

describe('an order with its requests inline', () => {
  test('gives the results inline as well, and its input as a file', async () => {
    const { client, url, untilStatus, linesOf, startPool } = await open();
    await startPool();
    const requests = ids(3).map((custom_id) => ({ custom_id, body: { messages: [{ role: 'user', content: 'Hi.' }] } }));
    const response = await fetch(`${url}/v1/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ endpoint: CHAT, model: 'sluice/auto', provider: { only: ['beta'] }, requests }),
    });
    expect(response.status).toBe(200);
    const { id, input_file_id } = (await response.json()) as Batch;
    const done = await untilStatus(id, 'completed');
    expect(done.results?.map((line) => [line.custom_id, line.x_sluice?.model])).toEqual(
      ids(3).map((row) => [row, 'medium']),
    );
    expect(done).toMatchObject({ model: 'sluice/auto', request_counts: { completed: 3 } });
    expect(await linesOf(done.output_file_id)).toEqual(done.results);
    expect(await linesOf(input_file_id)).toMatchObject([
      { custom_id: 'row-0', url: CHAT, body: { model: 'sluice/auto' } },
      {},
      {},
    ]);
    expect((await client().batches.list()).data[0]).not.toHaveProperty('results');
  });

  test('that names an unknown model or provider is refused at once', async () => {
    const { url, redis, keys } = await open();
    const order = (more: object): Promise<Response> =>
      fetch(`${url}/v1/batches`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ endpoint: CHAT, requests: [{ custom_id: 'a', body: {} }], ...more }),
      });
    expect((await order({ model: 'gpt-9' })).status).toBe(404);
    expect((await order({ model: 'small', provider: { only: ['nobody'] } })).status).toBe(404);
    expect((await order({ requests: [] })).status).toBe(400);
    expect((await order({ surprise: 1 })).status).toBe(400);
    expect(await redis.exists(keys.batchOrdersOpen)).toBe(0);
  });
});

describe('validation', () => {
  test('tells each bad line, and nothing is enqueued', async () => {
    const { client, upload, untilStatus, batches } = await open();
    const file = await upload([
      chatLine('fine'),
      '{"custom_id": ',
      chatLine('fine'),
      chatLine('elsewhere', { url: '/v1/embeddings' }),
      chatLine('unknown', { body: { model: 'gpt-9' } }),
      chatLine('streamed', { body: { stream: true } }),
      chatLine('of others', { x_sluice: { account: 'bob' } }),
      { prompt: 'a row of our own' },
      '[1]',
    ]);
    const { id } = await client().batches.create({ ...DAY, input_file_id: file.id });
    const failed = await untilStatus(id, 'failed');
    expect(failed.errors?.data?.map(({ code, line, param }) => [line, code, param])).toEqual([
      [2, 'invalid_json_line', null],
      [3, 'duplicate_custom_id', 'custom_id'],
      [4, 'invalid_url', 'url'],
      [5, 'model_not_found', 'body.model'],
      [6, 'invalid_request', 'body.stream'],
      [7, 'invalid_request', 'x_sluice.account'],
      [8, 'invalid_url', 'url'],
      [9, 'invalid_request', null],
    ]);
    expect(failed.failed_at).toBeGreaterThan(0);
    expect(failed.output_file_id).toBeNull();
    expect(await batches.list(10)).toEqual([]);
    expect(await client().files.delete(file.id)).toMatchObject({ deleted: true });
  });

  test('tells the first hundred errors, and how many there are', async () => {
    const { client, upload, untilStatus } = await open();
    const file = await upload(Array.from({ length: 120 }, () => '{'));
    const { id } = await client().batches.create({ ...DAY, input_file_id: file.id });
    const { errors } = await untilStatus(id, 'failed');
    expect(errors?.data).toHaveLength(100);
    expect(errors).toMatchObject({ total: 120 });
  });

  test('refuses an empty file, and one with more requests than allowed', async () => {
    const { client, upload, untilStatus } = await open({ config: { gateway: { batches: { most_requests: 2 } } } });
    for (const [lines, code] of [
      [[], 'empty_file'],
      [ids(3).map((id) => chatLine(id)), 'too_many_tasks'],
    ] as const) {
      const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload(lines)).id });
      expect((await untilStatus(id, 'failed')).errors?.data).toMatchObject([{ code }]);
    }
  });

  test.each([
    ['endpoint', { endpoint: '/v1/moderations' as const }],
    ['completion_window', { completion_window: '10m' as '24h' }],
    ['completion_window', { completion_window: '8d' as '24h' }],
    ['input_file_id', { input_file_id: 'file-unknown' }],
    ['callback_url', { callback_url: 'https://example.com/hook' }],
    ['metadata', { metadata: Object.fromEntries(ids(17).map((id) => [id, 'x'])) }],
  ])('refuses an order with a wrong %s at once', async (param, fields) => {
    const { client, upload } = await open({ driver: false });
    const file = await upload([chatLine('a')]);
    const attempt = client().batches.create({ ...DAY, input_file_id: file.id, ...fields });
    await expect(attempt).rejects.toMatchObject({ status: 400, param });
  });

  test('tells all that is wrong with an order', async () => {
    const { client, upload } = await open({ driver: false });
    const { id } = await upload([chatLine('a')]);
    const order = { endpoint: '/v1/moderations' as typeof CHAT, completion_window: 5 as never, input_file_id: id };
    await expect(client().batches.create(order)).rejects.toThrow(/endpoint: .*; completion_window: /);
  });

  test('holds a key to its models and lanes', async () => {
    const caller = { models: ['medium', 'large'], lanes: ['batch'] };
    const { client, upload, untilStatus, linesOf, startPool } = await open({ caller });
    await startPool();
    const free = await upload([chatLine('free')]);
    const { id } = await client().batches.create({ ...DAY, input_file_id: free.id });
    const [line] = await linesOf((await untilStatus(id, 'completed')).output_file_id);
    expect(line?.x_sluice?.model).toBe('medium');
    const bad = await upload([
      chatLine('model', { body: { model: 'small' } }),
      chatLine('lane', { x_sluice: { lane: 'interactive' } }),
    ]);
    const refused = await client().batches.create({ ...DAY, input_file_id: bad.id });
    const { errors } = await untilStatus(refused.id, 'failed');
    expect(errors?.data?.map(({ code, line: number }) => [number, code])).toEqual([
      [1, 'model_not_allowed'],
      [2, 'lane_not_allowed'],
    ]);
  });
});

test('batches are listed newest first, a page at a time, and to their account only', async () => {
  const { client, upload, forward } = await open({ driver: false });
  const file = await upload([chatLine('a')]);
  const made: string[] = [];
  for (const _ of ids(5)) {
    made.push((await client().batches.create({ ...DAY, input_file_id: file.id })).id);
    forward(1_000);
  }
  const found: string[] = [];
  for await (const batch of client().batches.list({ limit: 2 })) found.push(batch.id);
  expect(found).toEqual(made.toReversed());
  expect((await client('bob').batches.list()).data).toEqual([]);
  await expect(client('bob').batches.retrieve(made[0] ?? '')).rejects.toMatchObject({ status: 404 });
  await expect(client('bob').batches.cancel(made[0] ?? '')).rejects.toMatchObject({ status: 404 });
  await expect(client().batches.list({ after: 'batch_unknown' })).rejects.toMatchObject({ status: 400 });
});

test('the whole gateway takes a file and an order, and drives the batch', async () => {
  const { baseURL } = await openWhole();
  const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
  const input = await client.files.create({ file: jsonl([chatLine('a')]), purpose: 'batch' });
  const { id } = await client.batches.create({ ...DAY, input_file_id: input.id });
  const done = await until('the end', async () => {
    const batch = await client.batches.retrieve(id);
    return batch.status === 'completed' ? batch : undefined;
  });
  const text = await (await client.files.content(done.output_file_id ?? '')).text();
  expect(JSON.parse(text)).toMatchObject({ custom_id: 'a', response: { status_code: 200 } });
  await expect(client.batches.retrieve('batch_unknown')).rejects.toMatchObject({ status: 404 });
});
