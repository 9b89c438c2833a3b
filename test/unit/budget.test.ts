import * as fc from 'fast-check';
import { usdToNanos } from '../../src/domain/money.ts';
import { describe, expect, test } from 'vitest';
import { type BudgetWindow, batchBudget, budgetsFor, windowId } from '../../src/domain/budget.ts';
import type { QueuedJob } from '../../src/domain/job.ts';

describe('the window of a time, in UTC', () => {
  test.each<[BudgetWindow, string, string]>([
    ['hour', '2026-11-22T14:59:59.999Z', '2026-11-22T14'],
    ['hour', '2026-11-22T15:00:00.000Z', '2026-11-22T15'],
    ['day', '2026-11-22T23:59:59.999Z', '2026-11-22'],
    ['day', '2026-11-23T00:00:00.000Z', '2026-11-23'],
    ['week', '2026-11-22T23:59:59.999Z', '2026-11-16'],
    ['week', '2026-11-23T00:00:00.000Z', '2026-11-23'],
    ['week', '2026-11-16T00:00:00.000Z', '2026-11-16'],
    ['week', '2027-01-01T12:00:00.000Z', '2026-12-28'],
    ['week', '2028-03-01T00:00:00.000Z', '2028-02-28'],
    ['month', '2026-11-30T23:59:59.999Z', '2026-11'],
    ['month', '2026-12-01T00:00:00.000Z', '2026-12'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12'],
    ['month', '2027-01-01T00:00:00.000Z', '2027-01'],
    ['day', '2028-02-29T12:00:00.000Z', '2028-02-29'],
    ['total', '2026-11-22T14:00:00.000Z', 'total'],
  ])('%s of %s is %s', (window, time, id) => {
    expect(windowId(window, Date.parse(time))).toBe(id);
  });

  test('never goes back, and a week is seven days from Monday on', () => {
    const time = fc.integer({ min: 0, max: Date.parse('2100-01-01') });
    fc.assert(
      fc.property(time, time, fc.constantFrom<BudgetWindow>('hour', 'day', 'week', 'month'), (one, other, window) => {
        const [early, late] = [Math.min(one, other), Math.max(one, other)];
        expect(windowId(window, early) <= windowId(window, late)).toBe(true);
        const monday = Date.parse(windowId('week', one));
        expect(new Date(monday).getUTCDay()).toBe(1);
        expect(one - monday).toBeGreaterThanOrEqual(0);
        expect(one - monday).toBeLessThan(7 * 86_400_000);
      }),
    );
  });
});

const budget = (match: { account?: string; task?: string; user?: string }) => ({
  limit_usd: 5,
  window: 'day' as const,
  ...match,
});

describe('the budgets of a job', () => {
  const job: QueuedJob = {
    v: 1,
    task: 'coding',
    lane: 'batch',
    account: 'team-a',
    enqueued_at: 0,
    prompt: 'x',
    user: 'u1',
  };
  const now = Date.parse('2026-11-22T14:00:00Z');
  const namesFor = (changes: Partial<QueuedJob>, budgets: Parameters<typeof budgetsFor>[1]): string[] =>
    budgetsFor({ ...job, ...changes }, budgets, now).map(({ name }) => name);

  test('are those that match in everything that they say', () => {
    const budgets = {
      all: budget({}),
      team: budget({ account: 'team-a' }),
      other: budget({ account: 'team-b' }),
      coding: budget({ task: 'coding' }),
      person: budget({ account: 'team-a', user: 'u1' }),
      stranger: budget({ account: 'team-a', user: 'u2' }),
    };
    expect(namesFor({}, budgets)).toEqual(['all', 'team', 'coding', 'person']);
    expect(namesFor({ task: null, account: 'default' }, budgets)).toEqual(['all']);
    const { user: _user, ...anonymous } = job;
    expect(budgetsFor(anonymous, budgets, now).map(({ name }) => name)).toEqual(['all', 'team', 'coding']);
  });

  test('have a window and a limit in nano-dollars', () => {
    expect(budgetsFor(job, { all: budget({}) }, now)).toEqual([
      { name: 'all', window: '2026-11-22', limitNanos: 5_000_000_000 },
    ]);
  });

  test('include the cap of the batch, also when it is zero', () => {
    for (const max_total_usd of [0, 0.002]) {
      const batch = { id: 'b-1', row: 0, max_total_usd };
      expect(budgetsFor({ ...job, batch }, {}, now)).toEqual([
        { name: batchBudget('b-1'), window: 'total', limitNanos: usdToNanos(max_total_usd) },
      ]);
    }
    expect(namesFor({ batch: { id: 'b-1', row: 0 } }, {})).toEqual([]);
  });
});
