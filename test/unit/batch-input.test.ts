import { describe, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { checkInput, readJobs } from '../../src/gateway/batches/input.ts';
import { createLineReader } from '../../src/gateway/batches/line-reader.ts';
import { modelsOfRows } from '../../src/gateway/row-models.ts';
import type { Line } from '../../src/producer/index.ts';
import type { BatchOrder } from '../../src/store/batch-orders.ts';

const CONFIG = Config.parse({
  providers: { alpha: { base_url: 'https://alpha.example/v1' }, beta: { base_url: 'https://beta.example/v1' } },
  models: {
    small: { provider: 'alpha', id: 'a/small', price: { input: 1, output: 4 } },
    large: { provider: 'beta', id: 'b/large', price: { input: 2, output: 8 } },
  },
  tasks: { coding: { lane: 'interactive' } },
});
const NOW = 1_800_000_000_000;
const ORDER: BatchOrder = {
  id: 'batch_1',
  account: 'ann',
  apiKey: { id: 'k1', budget_usd: 5 },
  lane: 'batch',
  defaults: {},
  endpoint: '/v1/chat/completions',
  inputFileId: 'file-1',
  completionWindow: '1h',
  createdAt: NOW,
  expiresAt: NOW + 3_600_000,
  isInline: false,
};

function line(custom_id: string, body: object = {}, more: object = {}): object {
  const messages = [{ role: 'user', content: 'Hi.' }];
  return { custom_id, method: 'POST', url: ORDER.endpoint, body: { model: 'small', messages, ...body }, ...more };
}

async function* linesOf(values: readonly unknown[]): AsyncGenerator<Line> {
  let number = 0;
  for (const value of values) {
    number += 1;
    yield { number, text: typeof value === 'string' ? value : JSON.stringify(value) };
  }
}

const readerOf = (order: Partial<BatchOrder> = {}) => createLineReader({ ...ORDER, ...order }, CONFIG, () => NOW);

async function jobOf(value: object, order: Partial<BatchOrder> = {}) {
  for await (const job of readJobs(linesOf([value]), readerOf(order), new AbortController().signal)) return job;
  throw new Error('no job');
}

describe('a line of an input', () => {
  test('is a job of who has ordered the batch, in its lane, and ends with its time', async () => {
    expect(await jobOf(line('a'))).toMatchObject({
      id: 'a',
      account: 'ann',
      api_key: { id: 'k1', budget_usd: 5 },
      lane: 'batch',
      model: 'small',
      deadline_ms: 3_600_000,
    });
  });

  test('takes the order’s wishes, where it does not say otherwise', async () => {
    const defaults = { task: 'coding', max_cost_usd: 1, deadline_ms: 60_000 };
    const x_sluice = { max_cost_usd: 2 };
    expect(await jobOf(line('a', {}, { x_sluice }), { defaults })).toMatchObject({
      task: 'coding',
      max_cost_usd: 2,
      deadline_ms: 60_000,
      lane: 'batch',
    });
  });

  test('is obeyed in its metadata as a request is, within what whoever has ordered it may do', async () => {
    const sluice = { sluice_task: 'coding', sluice_strategy: 'cost', sluice_user: 'bob', sluice_max_cost_usd: '0.5' };
    const body = { model: 'sluice/auto:fast', user: 'ann', metadata: { ...sluice, suite: 'a' } };
    const job = await jobOf(line('a', body, { x_sluice: { max_cost_usd: 2 } }));
    const fields = { task: 'coding', strategy: 'cost', user: 'bob', max_cost_usd: 2, lane: 'batch', account: 'ann' };
    expect(job).toMatchObject({ ...fields, metadata: { suite: 'a' } });
    expect(job.metadata).not.toHaveProperty('sluice_task');
    expect(await jobOf(line('a', { metadata: { sluice_deadline_ms: '99999999' } }))).toMatchObject({
      deadline_ms: 3_600_000,
    });
  });

  test.each([
    [{ sluice_lane: 'interactive' }, 'lane_not_allowed', 'lane'],
    [{ sluice_max_cost_usd: 'much' }, 'invalid_request', 'body.metadata.sluice_max_cost_usd'],
    [{ sluice_account: 'bob' }, 'invalid_request', 'body.metadata'],
    [{ sluice_task: 'gardening' }, 'invalid_request', 'body.metadata.sluice_task'],
    [{ sluice_max_attempts: '0' }, 'invalid_request', 'body.metadata.sluice_max_attempts'],
  ])('is refused with the metadata %j', (metadata, code, param) => {
    const read = readerOf()({ number: 3, text: JSON.stringify(line('a', { metadata })) });
    expect(read).toMatchObject({ ok: false, errors: [{ code, param, line: 3 }] });
  });

  test('may have params, as Anthropic’s own batches have them, where it is for their endpoint', async () => {
    const params = { model: 'small', max_tokens: 5, messages: [{ role: 'user', content: 'Hi.' }] };
    const native = { custom_id: 'a', params };
    expect(await jobOf(native, { endpoint: '/v1/messages' })).toMatchObject({ id: 'a', model: 'small', max_tokens: 5 });
    const read = readerOf()({ number: 1, text: JSON.stringify(native) });
    expect(read).toMatchObject({ ok: false, errors: [{ code: 'invalid_url' }] });
  });

  test('names models as requests do, within the preferences of the order', async () => {
    expect(await jobOf(line('a', { model: 'sluice/task/coding:cheap' }))).toMatchObject({
      task: 'coding',
      strategy: 'cost',
    });
    const provider = { only: ['beta'] };
    expect(await jobOf(line('a', { model: 'sluice/auto' }), { provider })).toMatchObject({ model: 'large' });
    expect(readerOf({ provider })({ number: 4, text: JSON.stringify(line('a')) })).toMatchObject({
      ok: false,
      errors: [{ line: 4, param: 'body.model' }],
    });
  });

  test('goes only where the key may go', async () => {
    expect(await jobOf(line('a', { model: 'sluice/auto' }), { models: ['large'] })).toMatchObject({
      models: ['large'],
    });
    const refused = readerOf({ models: ['large'] })({ number: 1, text: JSON.stringify(line('a')) });
    expect(refused).toMatchObject({ ok: false, errors: [{ code: 'model_not_allowed' }] });
  });

  test('never tells what stands in a prompt', () => {
    const secret = 'the launch code';
    for (const text of [`{"custom_id": "a", "body": "${secret}`, JSON.stringify(line('a', { messages: secret }))]) {
      const read = readerOf()({ number: 1, text });
      if (read.ok) throw new Error('it is bad');
      expect(read.errors.map(({ message, code }) => `${code} ${message}`).join()).not.toContain(secret);
    }
  });
});

test('the command line takes the same names, and tells of unknown ones itself', () => {
  const modelOf = modelsOfRows(CONFIG);
  expect(modelOf('sluice/auto:cheap')).toEqual({ ok: true, fields: { strategy: 'cost' } });
  expect(modelOf('b/large')).toEqual({ ok: true, fields: { model: 'large' } });
  expect(modelOf('nobody')).toEqual({ ok: true, fields: { model: 'nobody' } });
});

const check = (values: object[]) => checkInput(linesOf(values), readerOf(), 10);

describe('an input', () => {
  test('is counted, and the same lines have the same digest', async () => {
    const [one, same, other] = [await check([line('a')]), await check([line('a')]), await check([line('b')])];
    expect(one).toMatchObject({ ok: true, total: 1 });
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  test('is not read on once the signal has fired', async () => {
    const controller = new AbortController();
    const jobs = readJobs(linesOf([line('a'), line('b')]), readerOf(), controller.signal);
    await jobs.next();
    controller.abort(new Error('enough'));
    await expect(jobs.next()).rejects.toThrow('enough');
  });
});
