import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHash } from 'node:crypto';
import { Batches } from '../../src/producer/batch.ts';
import type { QueuedJob } from '../../src/domain/job.ts';
import { expectBalanced, expectBooksToAgree } from '../support/books.ts';
import { HELLO, HELLO_BOUND_NANOS, HELLO_BOUND_USD, openBudgetDesk } from '../support/budget-desk.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();
const opened: Batches[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((batches) => batches.close()));
});

function openBatches({ config, target }: Harness): Batches {
  const batches = new Batches({ config, redis: target });
  opened.push(batches);
  return batches;
}

async function* rowsOf(count: number): AsyncGenerator<QueuedJob> {
  for (let row = 0; row < count; row += 1) {
    yield { ...HELLO, prompt: `hello`, v: 1, task: null, account: 'default', enqueued_at: Date.now() };
  }
}

function submit(batches: Batches, count: number, more: { maxTotalNanos?: number; onExhausted?: 'reject' | 'pause' }) {
  const digest = createHash('sha256').update(String(count)).digest('hex');
  return batches.submit({ id: 'b', digest, total: count, lane: 'batch', rows: rowsOf(count), ...more });
}

const untilPaused = (batches: Batches) =>
  until('the pause', async () => {
    const status = await batches.status('b');
    return status.state === 'paused' ? status : undefined;
  });

const untilFinished = (batches: Batches) =>
  until('the end', async () => {
    const status = await batches.status('b');
    return status.state === 'finished' ? status : undefined;
  });

describe('a batch whose cap is spent', () => {
  test('is paused, and finishes after a top-up and a resume with books that agree', async () => {
    const harness = await open();
    const batches = openBatches(harness);
    const desk = openBudgetDesk(harness);
    await harness.startPool({ concurrency: 4 });
    await submit(batches, 40, { maxTotalNanos: Math.round(HELLO_BOUND_NANOS * 2.5), onExhausted: 'pause' });

    const paused = await untilPaused(batches);
    expect(paused.pause).toMatchObject({ purse: 'batch:b', limitNanos: Math.round(HELLO_BOUND_NANOS * 2.5) });
    await until('all other rows to wait', async () => {
      const parked = await desk.parking.count('batch:b', Date.now());
      return parked === 40 - (await batches.status('b')).completed;
    });
    const { completed, failed } = await batches.status('b');
    expect(completed).toBeGreaterThan(0);
    expect(completed).toBeLessThan(40);
    expect(failed).toBe(0);

    await desk.budgets.topUp('batch:b', 'total', HELLO_BOUND_NANOS * 40, true);
    expect(await batches.resume('b')).toEqual({ wasPaused: true, released: 40 - completed });
    expect(await untilFinished(batches)).toMatchObject({ completed: 40, failed: 0, attempts: 40 });
    expect(await batches.resume('b')).toEqual({ wasPaused: false, released: 0 });
    // Each call is drawn from two purses: the batch's and that of the configuration.
    const spent = await harness.ledger.budget('batch:b', 'total');
    expect(spent).toEqual({ spentNanos: harness.sim.ledger.totals().cost_nanos, heldNanos: 0 });
    expect(await harness.ledger.budget('everything', 'total')).toEqual(spent);
  });

  test('and that is resumed without a top-up is paused again', async () => {
    const harness = await open();
    const batches = openBatches(harness);
    await harness.startPool();
    await submit(batches, 2, { maxTotalNanos: 1, onExhausted: 'pause' });
    const { pause } = await untilPaused(batches);
    await until('the rows to wait', async () => (await harness.queue('batch').getDelayedCount()) === 2);
    expect(await batches.resume('b')).toEqual({ wasPaused: true, released: 2 });
    const again = await untilPaused(batches);
    expect(again.pause?.at).toBeGreaterThan(pause?.at ?? 0);
    expect(harness.sim.ledger.totals().calls).toBe(0);
  });

  test('is paused again after it was resumed on a machine whose clock is ahead', async () => {
    const harness = await open();
    const batches = openBatches(harness);
    await harness.startPool();
    await submit(batches, 2, { maxTotalNanos: 1, onExhausted: 'pause' });
    await untilPaused(batches);
    await until('the rows to wait', async () => (await harness.queue('batch').getDelayedCount()) === 2);
    const { now } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
    await batches.resume('b');
    vi.restoreAllMocks();
    expect(Number(await harness.redis.hget(harness.keys.batch('b'), 'resumed'))).toBeLessThan(Date.now() + 60_000);
    await untilPaused(batches);
  });

  test('ends its rows without the wish to pause', async () => {
    const harness = await open();
    const batches = openBatches(harness);
    await harness.startPool();
    await submit(batches, 2, { maxTotalNanos: 1 });
    expect(await untilFinished(batches)).toMatchObject({ completed: 0, failed: 2 });
  });

  test('can be cancelled while it is paused', async () => {
    const harness = await open();
    const batches = openBatches(harness);
    await harness.startPool();
    await submit(batches, 3, { maxTotalNanos: 1, onExhausted: 'pause' });
    await untilPaused(batches);
    await until('the rows to wait', async () => (await harness.queue('batch').getDelayedCount()) === 3);
    expect(await batches.cancel('b')).toMatchObject({ cancelled: 3 });
    expect(await batches.status('b')).toMatchObject({ state: 'cancelled', failed: 3 });
  });
});

describe('a configured budget that pauses', () => {
  test('pauses batches and rejects jobs that have none', async () => {
    const harness = await open({
      config: { budgets: { team: { limit_usd: HELLO_BOUND_USD / 2, on_exhausted: 'pause' } } },
    });
    const batches = openBatches(harness);
    const desk = openBudgetDesk(harness);
    await harness.startPool();
    await submit(batches, 3, {});
    expect((await untilPaused(batches)).pause).toMatchObject({ purse: 'team', boundNanos: HELLO_BOUND_NANOS });
    expect(await harness.run([HELLO])).toMatchObject([{ status: 'failed', error: { code: 'BUDGET_EXCEEDED' } }]);

    await until('the rows to wait', async () => (await harness.queue('batch').getDelayedCount()) === 3);
    await desk.budgets.setLimit('team', HELLO_BOUND_NANOS * 10);
    expect(await batches.resume('b')).toEqual({ wasPaused: true, released: 3 });
    expect(await untilFinished(batches)).toMatchObject({ completed: 3, failed: 0 });
    await expectBooksToAgree(harness);
    await expectBalanced(harness);
  });
});

describe('the mark of a pause', () => {
  const reason = { purse: 'team', spentNanos: 1, limitNanos: 1, boundNanos: 1, at: 5 };

  test('keeps its first reason, and what was found out before a resume does not bring it back', async () => {
    const { batches } = await open();
    expect(await batches.pause('b', reason, 10)).toBe('unknown');
    await batches.register({ id: 'b', digest: 'd', total: 1, lane: 'batch', submittedAt: 1 });
    await batches.markEnqueued('b', 1);
    expect(await batches.pause('b', reason, 10)).toBe('paused');
    expect(await batches.pause('b', { ...reason, purse: 'other' }, 11)).toBe('paused');
    expect(await batches.status('b')).toMatchObject({ state: 'paused', pause: reason });
    expect(await batches.resume('b', 20)).toBe(true);
    expect(await batches.resume('b', 21)).toBe(false);
    expect(await batches.pause('b', reason, 20)).toBe('resumed');
    expect(await batches.status('b')).toMatchObject({ state: 'running' });
    expect(await batches.pause('b', reason, 21)).toBe('paused');
  });
});
