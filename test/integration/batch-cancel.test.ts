import { describe, expect, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { Batches } from '../../src/producer/batch.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();

const NEVER_ANSWERS: FaultRule[] = [{ model: '*', kind: 'timeout', rate: 1 }];
const ROWS = 6;

async function* rows(): AsyncGenerator<QueuedJob> {
  for (let row = 0; row < ROWS; row += 1) {
    yield { v: 1, task: null, lane: 'batch', account: 'default', enqueued_at: Date.now(), prompt: `row ${row}` };
  }
}

async function submit(harness: Harness, batches: Batches): Promise<void> {
  await batches.submit({ id: 'b', digest: 'd'.repeat(16), total: ROWS, lane: 'batch', rows: rows() });
  await harness.producer.enqueue({ prompt: 'of no batch', lane: 'batch' });
}

const openBatches = ({ config, target }: Harness): Batches => new Batches({ config, redis: target });

describe('cancelling a batch', () => {
  test('breaks off its calls in every worker, takes out what waits, and says how many of each', async () => {
    const harness = await open({ faults: NEVER_ANSWERS });
    await using batches = openBatches(harness);
    const pool = { concurrency: 2, lanes: ['batch'] };
    const pools = [await harness.startPool(pool), await harness.startPool(pool)];
    await submit(harness, batches);
    await until('four calls', () => harness.sim.ledger.totals().calls === 4);

    expect(await batches.cancel('b')).toEqual({ cancelled: 2, brokenOff: 4, underWay: 0 });

    await until('the calls to be broken off', () => harness.sim.ledger.totals().aborted === 4);
    expect(await batches.status('b')).toMatchObject({
      state: 'cancelled',
      completed: 0,
      failed: ROWS,
      retrying: 0,
      attempts: 4,
    });
    const records = (await harness.usage()).filter((record) => record.batch_id === 'b');
    expect(records.map((record) => [record.outcome, record.error_code, record.cost_nanos > 0])).toEqual(
      Array.from({ length: 4 }, () => ['unconfirmed', 'CANCELLED', true]),
    );
    const results = await harness.ledger.results(Array.from({ length: ROWS }, (_, row) => `b-${row}`));
    expect(results.map((result) => result?.status === 'failed' && result.error.code)).toEqual(
      Array.from({ length: ROWS }, () => 'CANCELLED'),
    );
    expect((await batches.status('b')).costNanos).toBe(records.reduce((sum, record) => sum + record.cost_nanos, 0));
    expect(await batches.cancel('b')).toEqual({ cancelled: 0, brokenOff: 0, underWay: 0 });
    // The job of no batch has its turn now, and is nobody's to cancel.
    await until('the other job', () => harness.sim.ledger.totals().calls === 5);
    expect(harness.sim.ledger.totals().aborted).toBe(4);
    await Promise.all(pools.map((each) => each.stop(0)));
  });

  test('leaves a row that never ran with all that its result tells of it', async () => {
    const harness = await open();
    await using batches = openBatches(harness);
    const told = { user: 'ann', metadata: { suite: 'a' } };
    const job: QueuedJob = {
      v: 1,
      task: null,
      lane: 'batch',
      account: 'default',
      enqueued_at: 1,
      prompt: 'x',
      ...told,
    };
    const source = async function* (): AsyncGenerator<QueuedJob> {
      yield { ...job, id: 'first' };
    };
    await batches.submit({ id: 'b', digest: 'd', total: 1, lane: 'batch', rows: source() });
    await batches.cancel('b');
    const [result] = await harness.ledger.results(['b-0']);
    expect(result).toMatchObject({ row_id: 'first', ...told, error: { code: 'CANCELLED' } });
  });

  test('leaves what has ended as it ended', async () => {
    const harness = await open({ faults: [{ model: 'sim/small', kind: 'timeout', rate: 1, first: 1 }] });
    await using batches = openBatches(harness);
    await harness.startPool({ concurrency: 2, lanes: ['batch'] });
    await submit(harness, batches);
    await until('all but one row', async () => (await batches.status('b')).completed === ROWS - 1);
    expect(await batches.cancel('b')).toEqual({ cancelled: 0, brokenOff: 1, underWay: 0 });
    expect(await batches.status('b')).toMatchObject({ completed: ROWS - 1, failed: 1, state: 'cancelled' });
    await until('the records', async () => (await harness.usage()).length === ROWS + 1);
    await expectBooksToAgree(harness);
  });

  test('reaches a worker that could not hear of it, as soon as it is connected again', async () => {
    const harness = await open({ faults: [{ model: 'sim/small', kind: 'timeout', rate: 1, first: 1 }] });
    const { redis, sim, batches: store } = harness;
    await using batches = openBatches(harness);
    await harness.startPool({ concurrency: 1, lanes: ['batch'] });
    await submit(harness, batches);
    await until('the call', () => sim.ledger.totals().calls === 1);
    await store.markCancelled('b');
    for (const line of String(await redis.client('LIST')).split('\n')) {
      if (line.includes('name=sluice:cancellations')) {
        await redis.client('KILL', 'ID', /\bid=(\d+)/.exec(line)?.[1] ?? '');
      }
    }
    await until('the end of the call', () => sim.ledger.totals().aborted === 1);
    await until('the end of the batch', async () => (await batches.status('b')).failed === ROWS);
    expect(await batches.status('b')).toMatchObject({ attempts: 1, completed: 0 });
  });
});
