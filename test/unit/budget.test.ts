import * as fc from 'fast-check';
import { usdToNanos } from '../../src/domain/money.ts';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { parseLimit, parseTopUp } from '../../src/cli/budget-target.ts';
import { type BudgetWindow, batchBudget, budgetsFor, purseOf, windowId } from '../../src/domain/budget.ts';
import { ConfigShape } from '../../src/domain/config.ts';
import { windowEndOf } from '../../src/store/budgets.ts';
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

describe('the end of a window', () => {
  test.each<[BudgetWindow, string, string]>([
    ['hour', '2026-11-22T14:59:59.999Z', '2026-11-22T15:00:00.000Z'],
    ['day', '2028-02-28T12:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    ['week', '2027-01-01T12:00:00.000Z', '2027-01-04T00:00:00.000Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['month', '2028-01-31T00:00:00.000Z', '2028-02-01T00:00:00.000Z'],
  ])('by %s of %s is %s', (window, time, end) => {
    expect(new Date(windowEndOf(window, Date.parse(time)) ?? 0).toISOString()).toBe(end);
  });

  test('is the first moment of the next one', () => {
    const time = fc.integer({ min: 0, max: Date.parse('2100-01-01') });
    fc.assert(
      fc.property(time, fc.constantFrom<BudgetWindow>('hour', 'day', 'week', 'month'), (now, window) => {
        const end = windowEndOf(window, now) ?? 0;
        expect(end).toBeGreaterThan(now);
        expect(windowId(window, end - 1)).toBe(windowId(window, now));
        expect(windowId(window, end)).not.toBe(windowId(window, now));
      }),
    );
    expect(windowEndOf('total', 0)).toBeUndefined();
  });
});

type BudgetInput = z.input<typeof ConfigShape.shape.budgets>;

/** As `sluice.yaml` has them. */
const configured = (budgets: BudgetInput) => ConfigShape.shape.budgets.parse(budgets);
const daily = (match: Partial<NonNullable<BudgetInput>[string]> = {}) => ({
  limit_usd: 5,
  window: 'day' as const,
  ...match,
});

describe('the budgets of a call', () => {
  const job: QueuedJob = {
    v: 1,
    task: 'coding',
    lane: 'batch',
    account: 'team-a',
    enqueued_at: 0,
    prompt: 'x',
    user: 'u1',
  };
  const model = { alias: 'small', provider: 'alpha' };
  const claimsFor = (changes: Partial<QueuedJob>, budgets: BudgetInput = {}) =>
    budgetsFor({ job: { ...job, ...changes }, jobId: 'j-1', model }, configured(budgets));
  const pursesFor = (changes: Partial<QueuedJob>, budgets: BudgetInput): string[] =>
    claimsFor(changes, budgets).map(({ purse }) => purse);

  test('are those that match in everything that they say', () => {
    const budgets = {
      all: daily(),
      team: daily({ account: 'team-a' }),
      other: daily({ account: 'team-b' }),
      coding: daily({ task: 'coding' }),
      person: daily({ account: 'team-a', user: 'u1' }),
      stranger: daily({ account: 'team-a', user: 'u2' }),
      small: daily({ model: 'small' }),
      large: daily({ model: 'large' }),
      alpha: daily({ provider: 'alpha' }),
      beta: daily({ provider: 'beta' }),
    };
    expect(pursesFor({}, budgets)).toEqual(['all', 'team', 'coding', 'person', 'small', 'alpha']);
    expect(pursesFor({ task: null, account: 'default' }, budgets)).toEqual(['all', 'small', 'alpha']);
    const { user: _user, ...anonymous } = job;
    expect(budgetsFor({ job: anonymous, jobId: 'j-1', model }, configured(budgets)).map(({ purse }) => purse)).toEqual([
      'all',
      'team',
      'coding',
      'small',
      'alpha',
    ]);
  });

  test('say their window, their limit in nano-dollars, and what becomes of jobs when it is spent', () => {
    expect(claimsFor({}, { all: daily({ on_exhausted: 'park', alert_at: 0.8 }) })).toEqual([
      {
        name: 'all',
        purse: 'all',
        window: 'day',
        limitNanos: 5_000_000_000,
        isSoft: false,
        alertAt: 0.8,
        onExhausted: 'park',
        isPassing: false,
      },
    ]);
    // An alert is all that a soft one does.
    expect(claimsFor({}, { all: daily({ soft: true }) })).toMatchObject([{ isSoft: true, alertAt: 1 }]);
  });

  test('have a purse for each of those that they tell apart; without a name all share one', () => {
    const each = (per: 'user' | 'account' | 'task' | 'model' | 'provider' | 'batch' | 'job') =>
      pursesFor({ batch: { id: 'b-1', row: 0 } }, { each: daily({ per }) })[0];
    expect(each('user')).toBe('each/u1');
    expect(each('account')).toBe('each/team-a');
    expect(each('task')).toBe('each/coding');
    expect(each('model')).toBe('each/small');
    expect(each('provider')).toBe('each/alpha');
    expect(each('batch')).toBe('each/b-1');
    expect(each('job')).toBe('each/j-1');
    expect(pursesFor({ task: null }, { each: daily({ per: 'task' }) })).toEqual(['each/-']);
  });

  test("include the virtual key's own, in its window, which is not forgotten with the job", () => {
    expect(claimsFor({ api_key: { id: 'k1', budget_usd: 2, budget_window: 'month' } })).toEqual([
      {
        name: 'key:k1',
        purse: 'key:k1',
        window: 'month',
        limitNanos: 2_000_000_000,
        isSoft: false,
        onExhausted: 'reject',
        isPassing: false,
      },
    ]);
    expect(claimsFor({ api_key: { id: 'k1', budget_usd: 0 } })).toMatchObject([{ window: 'total', limitNanos: 0 }]);
    expect(claimsFor({ api_key: { id: 'k1' } })).toEqual([]);
  });

  test('have purses whose names no value can break out of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        const [first, second] = [one, other].map((user) => purseOf('each', user));
        expect(first).toMatch(/^each\/[^\s:/]+$/);
        const isSame = one.toWellFormed() === other.toWellFormed();
        if (![one, other].includes('-')) expect(first === second).toBe(isSame);
      }),
    );
  });

  test('include the cap of the batch, also when it is zero, and that of the job', () => {
    for (const max_total_usd of [0, 0.002]) {
      const batch = { id: 'b-1', row: 0, max_total_usd, on_exhausted: 'pause' as const };
      expect(claimsFor({ batch })).toMatchObject([
        {
          purse: batchBudget('b-1'),
          window: 'total',
          limitNanos: usdToNanos(max_total_usd),
          onExhausted: 'pause',
          isPassing: true,
        },
      ]);
    }
    expect(claimsFor({ batch: { id: 'b-1', row: 0 } })).toEqual([]);
    expect(claimsFor({ max_total_usd: 0.5 })).toMatchObject([
      { purse: 'job:j-1', window: 'total', limitNanos: 500_000_000, onExhausted: 'reject', isPassing: true },
    ]);
  });
});

describe('an amount on the command line', () => {
  test.each([
    ['5', 5_000_000_000],
    ['$0.25', 250_000_000],
    ['.5', 500_000_000],
    ['0.000000001', 1],
    ['999999.999999999', 999_999_999_999_999],
  ])('%s is an integer number of nano-dollars', (text, nanos) => {
    expect(parseTopUp(text)).toBe(nanos);
    expect(parseLimit(text)).toBe(nanos);
  });

  test.each(['-1', '0.0000000001', '1e3', 'five', '', ' ', '1,5', '1000001', 'Infinity', 'NaN', '0x10', '--1', '5.'])(
    '%j is none',
    (text) => {
      expect(() => parseTopUp(text)).toThrow(/^Give dollars/);
      expect(() => parseLimit(text)).toThrow(/^Give dollars/);
    },
  );

  test('may be 0 for a limit, but not for what is added', () => {
    expect(parseLimit('0')).toBe(0);
    expect(() => parseTopUp('0')).toThrow('Give dollars above 0');
  });
});
