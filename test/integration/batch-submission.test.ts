import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import type { FailedResult } from '../../src/domain/result.ts';
import { type BatchRequest, Batches } from '../../src/producer/batch.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';
import { admitRequest, failedAttempt } from '../support/ledger-steps.ts';

const open = useHarness();

function openBatches({ config, target }: Harness): Batches {
  return new Batches({ config, redis: target });
}

function request(id: string, total = 2): BatchRequest {
  async function* rows(): AsyncGenerator<QueuedJob> {
    for (let row = 0; row < total; row += 1) {
      yield { v: 1, id: `row ${row}`, task: null, lane: 'batch', account: 'default', enqueued_at: 1, prompt: 'hello' };
    }
  }
  return { id, digest: 'd'.repeat(16), total, lane: 'batch', rows: rows() };
}

test.each(['', 'a\nb', 'a:b', '-a', 'é', 'x'.repeat(65)])(
  'the id %j is refused before anything is written',
  async (id) => {
    const harness = await open();
    await using batches = openBatches(harness);
    await expect(batches.submit(request(id))).rejects.toThrow(
      `batch id ${JSON.stringify(id.slice(0, 40))}: use 1 to 64 letters, digits or -`,
    );
    expect(await harness.redis.keys(`${harness.keys.prefix}:*`)).toEqual([]);
  },
);

test('a source that fails leaves the rows that it gave, and the next submission goes on after them', async () => {
  const harness = await open();
  await using batches = openBatches(harness);
  async function* broken(): AsyncGenerator<QueuedJob> {
    let rows = 0;
    for await (const row of request('b').rows) {
      if (rows === 1) throw new Error('the disk is gone');
      rows += 1;
      yield row;
    }
  }
  await expect(batches.submit({ ...request('b'), rows: broken() })).rejects.toThrow('the disk is gone');
  expect(await batches.status('b')).toMatchObject({ state: 'enqueueing', enqueued: 1 });
  expect(await batches.submit(request('b'))).toEqual({ id: 'b', isNew: false });
  expect(await harness.queue('batch').getWaitingCount()).toBe(2);
});

test('a batch that is forgotten runs again, also while the queue still shows its old jobs', async () => {
  const harness = await open();
  const { redis, keys, config, target, calls } = harness;
  const ended = async (count: number): Promise<unknown> =>
    until('the end', async () => (await harness.queue('batch').getCompletedCount()) === count && calls().length);
  await harness.startPool();
  await using batches = openBatches(harness);
  await batches.submit(request('b'));
  expect(await ended(2)).toBe(2);
  await redis.del(keys.batch('b'), keys.result('b-0'), keys.result('b-1'));

  await using later = new Batches({ config: { ...config, results: { keep: 1 } }, redis: target });
  expect(await later.submit(request('b'))).toEqual({ id: 'b', isNew: true });

  await until('the second calls', () => calls().length === 4);
  expect(await ended(2)).toBe(4);
});

test('cancelling tells of the attempts that failed, and waits for the row that is being called to end', async () => {
  const harness = await open();
  const { ledger } = harness;
  await using batches = openBatches(harness);
  await batches.submit(request('b'));
  await ledger.admit(admitRequest({ job: 'b-0', batch: 'b', hold: 100 }));
  await ledger.settle(failedAttempt({ job: 'b-0', batch: 'b', cost: 7 }));
  await ledger.admit(admitRequest({ job: 'b-1', batch: 'b', hold: 100 }));

  const cancelling = batches.cancel('b');
  await until('the end of the waiting row', async () => (await ledger.results(['b-0']))[0]);
  expect(await ledger.results(['b-0', 'b-1'])).toMatchObject([
    { status: 'failed', error: { code: 'CANCELLED' }, attempts: [{ cost_nanos: 7 }], cost_nanos: 7 },
    undefined,
  ]);
  // As a worker does that was told to break its call off.
  const ending = failedAttempt({ job: 'b-1', batch: 'b', cost: 9 });
  const attempt = { model: 'small', provider: 'alpha', outcome: 'unconfirmed', error_code: 'CANCELLED' } as const;
  const result: FailedResult = {
    v: 1,
    job_id: 'b-1',
    status: 'failed',
    task: null,
    cost_nanos: 9,
    total_ms: 5,
    finished_at: 1,
    attempts: [{ ...attempt, cost_nanos: 9, latency_ms: 5 }],
    error: { code: 'CANCELLED', message: 'the batch was cancelled' },
  };
  await ledger.settle({ ...ending, result });
  expect(await cancelling).toEqual({ cancelled: 1, brokenOff: 1, underWay: 0 });
});

test('cancelling tells of an attempt that fails between the reading of the attempts and the ending', async () => {
  const harness = await open();
  const { ledger } = harness;
  await using batches = openBatches(harness);
  await batches.submit(request('b', 1));
  await ledger.admit(admitRequest({ job: 'b-0', batch: 'b', hold: 100 }));
  const reading = vi.spyOn(Redis.prototype, 'lrange').mockImplementationOnce(async () => {
    await ledger.settle(failedAttempt({ job: 'b-0', batch: 'b', cost: 7 }));
    return [];
  });
  onTestFinished(() => reading.mockRestore());

  expect(await batches.cancel('b')).toEqual({ cancelled: 1, brokenOff: 0, underWay: 0 });

  expect(await ledger.results(['b-0'])).toMatchObject([{ attempts: [{ cost_nanos: 7 }], cost_nanos: 7 }]);
  expect(await batches.status('b')).toMatchObject({ state: 'cancelled', failed: 1, retrying: 0, costNanos: 7 });
});
