import { expect, test } from 'vitest';
import { windowId } from '../../src/domain/budget.ts';
import { nanosToUsd } from '../../src/domain/money.ts';
import type { JobResult } from '../../src/domain/result.ts';
import { createRollups } from '../../src/store/rollups/rollups.ts';
import { type Harness, useHarness } from '../support/harness.ts';

const open = useHarness();
const ID = '0123456789ab';

async function runWith({ producer }: Harness, budgetUsd: number): Promise<JobResult> {
  const api_key = { id: ID, budget_usd: budgetUsd, budget_window: 'day' as const };
  const job = { prompt: 'hello', max_tokens: 50, models: ['small'] };
  const { id } = await producer.submit(producer.prepare(job, { api_key }));
  return producer.waitFor(id, { timeoutMs: 20_000 });
}

test("a key's budget is spent by its jobs to the nano-dollar, and then no more is", async () => {
  const harness = await open({ config: { budgets: {} } });
  const { redis, keys, usage, calls, startPool } = harness;
  await startPool();
  const first = await runWith(harness, 1);
  expect(first.status).toBe('completed');
  // Room for what was spent, and for less than another call may cost.
  const limitUsd = nanosToUsd(first.cost_nanos) + 0.000_001;
  const second = await runWith(harness, limitUsd);
  expect(second).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED' }, cost_nanos: 0 });
  expect(second.status === 'failed' && second.error.message).toContain(`budget "key:${ID}" exhausted`);
  const third = await runWith(harness, 1);
  expect(third.status).toBe('completed');

  const spent = await redis.hget(keys.budget(`key:${ID}`, windowId('day', Date.now())), 'spent');
  expect(Number(spent)).toBe(first.cost_nanos + third.cost_nanos);
  expect(calls()).toHaveLength(2);
  expect((await usage()).map(({ api_key, cost_nanos }) => [api_key, cost_nanos])).toEqual([
    [ID, first.cost_nanos],
    [ID, third.cost_nanos],
  ]);
  const rollups = createRollups(redis, keys);
  await rollups.catchUp();
  const [day = ''] = await rollups.days();
  const { sums } = await rollups.readDay(day, ['key']);
  expect(sums.get('key')?.get(`=${ID}`)).toMatchObject({ completed: 2, cost_nanos: Number(spent) });
});

test('two jobs at once do not spend the same money', async () => {
  const harness = await open({ config: { budgets: {} } });
  await harness.startPool();
  const { cost_nanos: cost } = await runWith(harness, 1);
  // What is reserved for one call, and a little: two never fit at a time.
  const boundNanos = 8 + 4 * 50 * 1_000;
  const limitUsd = nanosToUsd(cost + boundNanos) + 0.000_05;
  const results = await Promise.all(Array.from({ length: 8 }, () => runWith(harness, limitUsd)));
  const { spentNanos } = await harness.money();
  const total = results.reduce((sum, { cost_nanos }) => sum + cost_nanos, cost);
  expect(spentNanos).toBe(total);
  expect(nanosToUsd(spentNanos)).toBeLessThanOrEqual(limitUsd);
});
