import { describe, expect, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { Batches } from '../../src/producer/batch.ts';
import { createQuarantine } from '../../src/store/quarantine.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { allOf, cleanUp, retry, withDeadLetters } from '../support/dead-letters.ts';
import { type ConfigInput, type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();

/** Jobs are found to have stalled within a second. */
const QUICK: Partial<ConfigInput> = { workers: { lock: '200ms' } };

async function submit({ config, target }: Harness, total: number): Promise<void> {
  async function* rows(): AsyncGenerator<QueuedJob> {
    for (let row = 0; row < total; row += 1) {
      yield { v: 1, id: `row-${row}`, task: null, lane: 'batch', account: 'default', enqueued_at: 1, prompt: `${row}` };
    }
  }
  await using batches = new Batches({ config, redis: target });
  await batches.submit({ id: 'b', digest: 'd', total, lane: 'batch', rows: rows() });
}

async function untilEnded({ batches }: Harness, rows: number): Promise<void> {
  await until(`${rows} ended rows`, async () => {
    const status = await batches.status('b');
    return status !== undefined && status.completed + status.failed === rows;
  });
}

function entryOf({ keys }: Harness, jobId: string): string {
  return `${keys.queues}:batch:${jobId}`;
}

describe('an entry that nobody can read', () => {
  test.each([
    ['data', '{bad json'],
    ['opts', '{"attempts":'],
    ['progress', 'nothing'],
  ])('since its %s is damaged is kept aside, and its batch ends', async (field, text) => {
    const harness = await open({ config: QUICK });
    const { redis, ledger, keys, config } = harness;
    await submit(harness, 5);
    await redis.hset(entryOf(harness, 'b-2'), field, text);
    await harness.startPool();
    await untilEnded(harness, 4);
    await until('the janitor to find it', async () => {
      await cleanUp(harness);
      return (await ledger.results(['b-2']))[0];
    });
    expect((await ledger.results(['b-2']))[0]).toMatchObject({ status: 'failed', error: { code: 'JOB_INVALID' } });
    expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', completed: 4, failed: 1 });
    expect(await redis.exists(entryOf(harness, 'b-2'))).toBe(0);
    expect(await redis.zscore(keys.dead, 'b-2')).not.toBeNull();
    const kept = await createQuarantine(redis, keys, { ttlMs: config.results.keep }).get('b-2');
    expect(kept).toMatchObject({ lane: 'batch', fields: { [field]: text } });
    await until('an empty lane', async () => (await harness.queue('batch').getActiveCount()) === 0);
  });

  test('is left alone while its call is under way, and completes', async () => {
    const harness = await open({
      profiles: { 'sim/small': { price: { input: 1, output: 4 }, latency: { p50_ms: 600, p95_ms: 600 } } },
      config: { models: { small: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } } } },
    });
    await submit(harness, 1);
    await harness.startPool();
    await until('a call', async () => (await harness.ledger.openAttempts()) === 1);
    await harness.redis.hset(entryOf(harness, 'b-0'), 'data', '{bad json', 'stc', 1);
    await cleanUp(harness);
    expect(await harness.ledger.results(['b-0'])).toEqual([undefined]);
    await untilEnded(harness, 1);
    expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', completed: 1 });
  });

  test('is kept aside once when two clean up at once', async () => {
    const harness = await open({ config: QUICK });
    const { redis, keys } = harness;
    await submit(harness, 1);
    await redis.hset(entryOf(harness, 'b-0'), 'data', 'x', 'stc', 1);
    await redis.lmove(`${keys.queues}:batch:wait`, `${keys.queues}:batch:active`, 'RIGHT', 'LEFT');
    await Promise.all([cleanUp(harness), cleanUp(harness), cleanUp(harness)]);
    expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', failed: 1 });
    expect(await redis.lrange(`${keys.queues}:batch:active`, 0, -1)).toEqual([]);
  });
});

test('a job that is started in vain again and again is kept aside, and can be retried from there', async () => {
  const harness = await open();
  const { redis, keys } = harness;
  await submit(harness, 1);
  await redis.hset(entryOf(harness, 'b-0'), 'stc', 6);
  await redis.lmove(`${keys.queues}:batch:wait`, `${keys.queues}:batch:active`, 'RIGHT', 'LEFT');
  await cleanUp(harness);
  expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', failed: 1 });
  await withDeadLetters(harness, async (letters) => {
    const [letter, ...rest] = await allOf(letters);
    expect(rest).toEqual([]);
    expect(letter).toMatchObject({ jobId: 'b-0', result: { row_id: 'row-0', error: { code: 'INTERNAL' } } });
    expect(await retry(letters, [letter!])).toEqual({ 'b-0': 'revived' });
  });
  await harness.startPool();
  await untilEnded(harness, 1);
  expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', completed: 1, failed: 0 });
});

test('jobs under load are left alone, however often somebody cleans up', async () => {
  const harness = await open({
    profiles: { 'sim/small': { price: { input: 1, output: 4 }, latency: { p50_ms: 20, p95_ms: 60 } } },
    faults: [{ model: '*', kind: 503, rate: 0.2 }],
    config: {
      models: { small: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } } },
      routing: { strategy: 'order', max_attempts: 5 },
    },
  });
  const total = 300;
  const done = new AbortController();
  const cleaning = (async () => {
    let runs = 0;
    for (; !done.signal.aborted; runs += 1) await cleanUp(harness, { quietMs: 0 });
    return runs;
  })();
  await submit(harness, total);
  // As if a worker had died with each of them: all are looked at closely.
  const entries = Array.from({ length: total }, (_, row) => entryOf(harness, `b-${row}`));
  await Promise.all(entries.map((entry) => harness.redis.hset(entry, 'stc', 1)));
  await harness.startPool({ concurrency: 20 });
  await until('the batch to end', async () => (await harness.batches.status('b'))?.state === 'finished', 25_000);
  done.abort();
  expect(await cleaning).toBeGreaterThan(5);
  const codes = (await harness.ledger.results(Array.from({ length: total }, (_, row) => `b-${row}`))).map((result) =>
    result?.status === 'failed' ? result.error.code : 'none',
  );
  expect(codes.filter((code) => code === 'INTERNAL' || code === 'JOB_INVALID')).toEqual([]);
  expect(await harness.redis.keys(`${harness.keys.prefix}:quarantine:*`)).toEqual([]);
  await expectBooksToAgree(harness);
});

test('a row whose entry is gone, but not its place in the queue, is ended by a worker and counted', async () => {
  const harness = await open();
  await submit(harness, 2);
  await harness.redis.del(entryOf(harness, 'b-0'));
  await harness.startPool();
  await untilEnded(harness, 2);
  expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', completed: 1, failed: 1 });
  expect((await harness.ledger.results(['b-0']))[0]).toMatchObject({ error: { code: 'JOB_INVALID' } });
});

describe('a row that was taken out of the queue by hand', () => {
  test('ends as failed when nothing has moved for a while, and so does its batch', async () => {
    const harness = await open();
    await submit(harness, 4);
    for (const row of [1, 3]) await (await harness.queue('batch').getJob(`b-${row}`))?.remove();
    await harness.startPool();
    await untilEnded(harness, 2);
    let now = Date.now();
    const look = () => cleanUp(harness, { now: () => now });
    await look();
    now += 299_000;
    await look();
    expect(await harness.batches.status('b')).toMatchObject({ state: 'running' });
    now += 2_000;
    await look();
    expect(await harness.batches.status('b')).toMatchObject({ state: 'running' });
    await look();
    expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', completed: 2, failed: 2 });
    const [result] = await harness.ledger.results(['b-1']);
    expect(result).toMatchObject({
      error: { code: 'INTERNAL', message: 'it was taken out of the queue before it had ended' },
    });
    await look();
    expect(await harness.batches.status('b')).toMatchObject({ failed: 2 });
  });

  test('is one of many: all of them end, and those that still wait are left alone', async () => {
    const harness = await open();
    await submit(harness, 1_200);
    const queue = harness.queue('batch');
    for (let row = 0; row < 1_200; row += 2) await queue.remove(`b-${row}`);
    let now = Date.now();
    for (const later of [0, 300_000, 0, 0]) {
      now += later;
      await cleanUp(harness, { now: () => now });
    }
    expect(await harness.batches.status('b')).toMatchObject({ state: 'running', failed: 600 });
    expect(await queue.getWaitingCount()).toBe(600);
  });

  test('also ends when the queue shows it as failed and nobody wrote down how', async () => {
    const harness = await open();
    const { redis, keys } = harness;
    await submit(harness, 1);
    await redis.lrem(`${keys.queues}:batch:wait`, 1, 'b-0');
    await redis.zadd(`${keys.queues}:batch:failed`, 1, 'b-0');
    let now = Date.now();
    for (const later of [0, 300_000, 0]) {
      now += later;
      await cleanUp(harness, { now: () => now });
    }
    expect(await harness.batches.status('b')).toMatchObject({ state: 'finished', failed: 1 });
    expect((await harness.ledger.results(['b-0']))[0]).toMatchObject({ row_id: 'row-0' });
  });
});
