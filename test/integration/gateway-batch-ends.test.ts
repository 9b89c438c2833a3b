import { writeFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { checkInput, readJobs } from '../../src/gateway/batches/input.ts';
import { createLineReader } from '../../src/gateway/batches/line-reader.ts';
import { createWebhookSender } from '../../src/gateway/batches/webhook-sender.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import { type Line, readLines } from '../../src/producer/index.ts';
import { type BatchOrder, batchIdOf } from '../../src/store/batch-orders.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { chatLine, useBatchGateway } from '../support/batch-gateway.ts';
import { until } from '../support/harness.ts';

const open = useBatchGateway();
const DAY = { endpoint: '/v1/chat/completions' as const, completion_window: '24h' as const };
const NEVER_ANSWERS: FaultRule[] = [{ model: 'sim/medium', kind: 'timeout', rate: 1 }];
const HOUR_MS = 3_600_000;
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `row-${index}`);

/** Two rows that are answered, and two whose calls never end. */
const rowsThatHang = (): object[] =>
  ['small', 'medium', 'small', 'medium'].map((model, index) => chatLine(`row-${index}`, { body: { model } }));

describe('a batch that is cancelled', () => {
  test('keeps what was answered, and tells the other rows apart', async () => {
    const harness = await open({ faults: NEVER_ANSWERS });
    const { client, upload, untilStatus, linesOf, startPool, sim } = harness;
    const pool = await startPool();
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload(rowsThatHang())).id });
    await until('two answers', async () => (await client().batches.retrieve(id)).request_counts?.completed === 2);
    const cancelling = await client().batches.cancel(id);
    expect(cancelling).toMatchObject({ status: 'cancelling', cancelled_at: null });
    expect(cancelling.cancelling_at).toBeGreaterThan(0);
    const done = await untilStatus(id, 'cancelled');
    expect(done).toMatchObject({ request_counts: { total: 4, completed: 2, failed: 2 } });
    expect((await linesOf(done.output_file_id)).map((line) => line.custom_id)).toEqual(['row-0', 'row-2']);
    expect(await linesOf(done.error_file_id)).toMatchObject([
      { custom_id: 'row-1', response: null, error: { code: 'batch_cancelled' } },
      { custom_id: 'row-3', response: null, error: { code: 'batch_cancelled' } },
    ]);
    await until('the calls to be broken off', () => sim.ledger.totals().aborted === 2);
    await expect(client().batches.cancel(id)).rejects.toMatchObject({ status: 409, code: 'batch_ended' });
    await pool.stop(0);
    await expectBooksToAgree(harness);
  });

  test('before it was read enqueues nothing', async () => {
    const { client, upload, untilStatus, startDriver, batches } = await open({ driver: false });
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload([chatLine('a')])).id });
    expect(await client().batches.cancel(id)).toMatchObject({ status: 'cancelling' });
    startDriver();
    expect(await untilStatus(id, 'cancelled')).toMatchObject({ output_file_id: null, error_file_id: null });
    expect(await batches.list(1)).toEqual([]);
  });
});

test('a batch that runs out of time delivers what was answered, and tells the rest as expired', async () => {
  const { client, upload, untilStatus, linesOf, startPool, forward } = await open({ faults: NEVER_ANSWERS });
  const pool = await startPool();
  const order = { ...DAY, completion_window: '2h' as '24h' };
  const { id } = await client().batches.create({ ...order, input_file_id: (await upload(rowsThatHang())).id });
  await until('two answers', async () => (await client().batches.retrieve(id)).request_counts?.completed === 2);
  forward(HOUR_MS);
  expect((await client().batches.retrieve(id)).status).toBe('in_progress');
  forward(HOUR_MS);
  const done = await untilStatus(id, 'expired');
  expect(done).toMatchObject({ completion_window: '2h', completed_at: null, cancelled_at: null });
  expect(done.expired_at).toBeGreaterThanOrEqual(done.expires_at ?? Infinity);
  expect((await linesOf(done.output_file_id)).map((line) => line.custom_id)).toEqual(['row-0', 'row-2']);
  expect((await linesOf(done.error_file_id)).map(({ custom_id, error }) => [custom_id, error?.code])).toEqual([
    ['row-1', 'batch_expired'],
    ['row-3', 'batch_expired'],
  ]);
  await pool.stop(0);
});

function linesOf(text: string): AsyncGenerator<Line> {
  return readLines(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
}

/** Ends as the reading of a process ends that is killed. */
async function* upTo<Value>(most: number, values: AsyncIterable<Value>): AsyncGenerator<Value> {
  let given = 0;
  for await (const value of values) {
    if (given === most) throw new Error('killed');
    given += 1;
    yield value;
  }
}

describe('when the gateway that drives a batch dies', () => {
  test('another one goes on in the middle of enqueueing, and every row is run once', async () => {
    const harness = await open({ driver: false, config: { gateway: { files: { in_redis_up_to_bytes: 0 } } } });
    const { client, upload, untilStatus, startDriver, startPool, redis, keys, tools, config, folder, calls } = harness;
    const { id, input_file_id } = await client().batches.create({
      ...DAY,
      input_file_id: (await upload(ids(120).map((row) => chatLine(row)))).id,
    });
    // What a gateway leaves that is killed there: its lease, a batch half enqueued, half a file.
    await redis.set(keys.batchOrderLease(id), 'a gateway that died', 'PX', 300);
    const text = await (await client().files.content(input_file_id)).text();
    const order = JSON.parse((await redis.hget(keys.batchOrder(id), 'order')) ?? '{}') as BatchOrder;
    const readLine = createLineReader(order, config, Date.now);
    const checked = await checkInput(linesOf(text), readLine, 10_000);
    if (!checked.ok) throw new Error('the input is right');
    const { total, digest } = checked;
    const jobs = readJobs(linesOf(text), readLine, new AbortController().signal);
    const batch = { id: batchIdOf(id), name: 'x', digest, total, lane: 'batch', rows: upTo(80, jobs) };
    await expect(tools.batches.submit(batch)).rejects.toThrow('killed');
    const progress = { stage: 'enqueueing', total, digest, inProgressAt: Date.now() };
    await redis.hset(keys.batchOrder(id), 'progress', JSON.stringify(progress));
    await mkdir(join(folder, config.gateway.files.folder), { recursive: true });
    await writeFile(join(folder, config.gateway.files.folder, `${'a'.repeat(24)}.partial`), '{"half');

    startDriver();
    await startPool({ concurrency: 50 });
    const done = await untilStatus(id, 'completed');
    expect(done.request_counts).toEqual({ total: 120, completed: 120, failed: 0 });
    expect(calls()).toHaveLength(120);
    expect(await (await client().files.content(done.output_file_id ?? '')).text()).toMatch(/^(\{.*\}\n){120}$/);
  });

  test('files that it wrote are replaced, and the end is told once', async () => {
    const { client, upload, untilStatus, startDriver, startPool, redis, keys } = await open();
    await startPool();
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload([chatLine('a')])).id });
    const first = await untilStatus(id, 'completed');
    const running = JSON.stringify({ stage: 'finalizing', total: 1, digest: 'd', inProgressAt: 1, finalizingAt: 2 });
    await redis.multi().hset(keys.batchOrder(id), 'progress', running).zadd(keys.batchOrdersOpen, 1, id).exec();
    startDriver();
    const again = await untilStatus(id, 'completed');
    expect(again.output_file_id).toBe(first.output_file_id);
    expect((await client().files.list({ purpose: 'batch_output' })).data).toHaveLength(1);
  });

  test('a driver whose lease was taken over writes nothing more', async () => {
    const { client, upload, redis, keys, startDriver, startPool, untilStatus } = await open({ driver: false });
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload([chatLine('a')])).id });
    await redis.set(keys.batchOrderLease(id), 'somebody else');
    const driver = startDriver();
    await startPool();
    await driver.stop();
    expect((await client().batches.retrieve(id)).status).toBe('validating');
    await redis.del(keys.batchOrderLease(id));
    startDriver();
    await untilStatus(id, 'completed');
  });
});

describe('a webhook', () => {
  const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`;
  const config = { gateway: { webhooks: { secret: SECRET, allow_private: true } } };
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  /** A server that answers with these statuses, the last one from then on. */
  async function startReceiver(statuses: number[]) {
    const got: { headers: Record<string, string>; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        got.push({ headers: request.headers as Record<string, string>, body });
        const status = statuses.length > 1 ? statuses.shift() : statuses[0];
        response.writeHead(status ?? 200, { location: '/elsewhere' }).end('x'.repeat(100_000));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=b` };
  }

  test('tells of the end, signed so that OpenAI’s client believes it', async () => {
    const { client, upload, untilStatus, startPool, redis, keys } = await open({ config });
    const { got, url } = await startReceiver([200]);
    await startPool();
    const order = { ...DAY, input_file_id: (await upload([chatLine('a')])).id, callback_url: url };
    const { id } = await client().batches.create(order);
    await untilStatus(id, 'completed');
    await until('the webhook', () => got.length > 0);
    const { body, headers } = got[0] ?? { body: '', headers: {} };
    const event = await client().webhooks.unwrap(body, headers, SECRET);
    expect(event).toMatchObject({ object: 'event', type: 'batch.completed', data: { id } });
    expect(headers['webhook-id']).toBe(event.id);
    await expect(client().webhooks.unwrap(`${body} `, headers, SECRET)).rejects.toThrow();
    await until('it to be forgotten', async () => (await redis.zcard(keys.webhooks)) === 0);
    expect(await redis.hlen(keys.webhookData)).toBe(0);
    expect(got).toHaveLength(1);
  });

  test('is tried again, later and later, until it is taken; a redirect is not followed', async () => {
    const { client, upload, untilStatus, forward, tools, redis, keys } = await open({ config });
    const { got, url } = await startReceiver([500, 302, 204]);
    const order = { ...DAY, input_file_id: (await upload(['{'])).id };
    const { id } = await client().batches.create(order, { headers: { 'x-sluice-callback-url': url } });
    await untilStatus(id, 'failed');
    const score = async (): Promise<number> => Number((await redis.zrange(keys.webhooks, '0', '0', 'WITHSCORES'))[1]);
    await until('the first try', () => got.length === 1);
    await until('it to be put off for seconds', async () => (await score()) - tools.now() < 5_500);
    forward(5_000);
    await until('the second try', () => got.length === 2);
    await until('it to be put off for half a minute', async () => (await score()) - tools.now() < 30_500);
    await createWebhookSender(tools).sendDue();
    expect(got).toHaveLength(2);
    forward(30_000);
    await until('the third try', () => got.length === 3);
    await until('it to be forgotten', async () => (await redis.zcard(keys.webhooks)) === 0);
    expect(new Set(got.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(JSON.parse(got[2]?.body ?? '')).toMatchObject({ type: 'batch.failed', data: { id } });
  });

  test('is given up after a day', async () => {
    const { client, upload, untilStatus, forward, redis, keys } = await open({ config });
    const { got, url } = await startReceiver([500]);
    const order = { ...DAY, input_file_id: (await upload(['{'])).id, callback_url: url };
    const { id } = await client().batches.create(order);
    await untilStatus(id, 'failed');
    await until('a try, and the next one to be due', async () => {
      const [, dueAt] = await redis.zrange(keys.webhooks, '0', '0', 'WITHSCORES');
      return got.length === 1 && Number(dueAt) - Date.now() < 5_500;
    });
    forward(23.999 * HOUR_MS);
    await until('the last try', () => got.length === 2);
    await until('it to be forgotten', async () => (await redis.zcard(keys.webhooks)) === 0);
  });

  test.each([
    ['http://example.com/hook', 'https'],
    ['http://127.0.0.1/hook', 'https'],
    ['https://127.0.0.1/hook', 'private'],
    ['https://169.254.169.254/latest', 'link-local'],
    ['https://user:pass@example.com/', 'no user'],
    ['ftp://example.com/', 'https'],
    ['hook', 'https'],
  ])('to %s is refused', async (callback_url, reason) => {
    const { client, upload } = await open({ driver: false, config: { gateway: { webhooks: { secret: SECRET } } } });
    const order = { ...DAY, input_file_id: (await upload([chatLine('a')])).id, callback_url };
    await expect(client().batches.create(order)).rejects.toThrow(reason);
  });
});
