import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BudgetWindow, windowId } from '../../src/domain/budget.ts';
import { createBudgetStore } from '../../src/store/budgets.ts';
import { type Ledger, createLedger } from '../../src/store/ledger.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { admitRequest, answeredAttempt, budgetClaim, sendOut } from '../support/ledger-steps.ts';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

async function redisNow(): Promise<number> {
  const [seconds, micros] = await stores.redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** The ledger as it would be at another time. */
async function ledgerAt(time: number): Promise<Ledger> {
  const clockShiftMs = Math.round(time - (await redisNow()));
  return createLedger(stores.redis, stores.keys, { resultTtlMs: 60_000, clockShiftMs });
}

describe('the window of a call', () => {
  test("is that of Redis' own clock, in any year", async () => {
    const kinds: BudgetWindow[] = ['hour', 'day', 'week', 'month', 'total'];
    let jobs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.date({ min: new Date('1999-12-01'), max: new Date('2105-01-01'), noInvalidDate: true }),
        fc.constantFrom(...kinds),
        async (date, window) => {
          // Half a second before the end of an hour, the window might end under way.
          const time = Math.floor(date.getTime() / 3_600_000) * 3_600_000 + 60_000;
          const job = `job-${(jobs += 1)}`;
          const ledger = await ledgerAt(time);
          const purse = `${job}-purse`;
          await ledger.admit(admitRequest({ job, hold: 7, budget: purse, claim: { window } }));
          expect(await ledger.budget(purse, windowId(window, time))).toEqual({ spentNanos: 0, heldNanos: 7 });
        },
      ),
      { numRuns: 200, endOnFailure: true },
    );
  });

  test.each([
    ['hour', '2026-11-22T14:59:59.000Z', 1_000],
    ['day', '2028-02-28T23:59:59.000Z', 1_000],
    ['week', '2026-11-22T23:59:59.000Z', 1_000],
    ['month', '2026-12-31T23:00:00.000Z', 3_600_000],
    ['month', '2028-02-29T00:00:00.000Z', 86_400_000],
  ] as const)('of a budget by %s resets after that of %s', async (window, time, resetMs) => {
    const ledger = await ledgerAt(Date.parse(time));
    const denied = await ledger.admit(admitRequest({ job: 'a', hold: 5, limit: 4, claim: { window } }));
    expect(denied).toMatchObject({ kind: 'denied' });
    const told = denied.kind === 'denied' ? denied.resetMs : undefined;
    expect(told).toBeLessThanOrEqual(resetMs);
    expect(told).toBeGreaterThan(resetMs - 900);
  });

  test('that was reserved in is that in which it is settled', async () => {
    const before = await ledgerAt(Date.parse('2026-11-22T14:59:59.000Z'));
    const after = await ledgerAt(Date.parse('2026-11-22T15:00:01.000Z'));
    const hourly = { limit: 10, claim: { window: 'hour' } } as const;
    await sendOut(before, { job: 'a', hold: 10, ...hourly });
    expect(await after.admit(admitRequest({ job: 'b', hold: 10, ...hourly }))).toMatchObject({ kind: 'admitted' });
    await after.settle(answeredAttempt({ job: 'a', cost: 8 }));
    expect(await after.budget('all', '2026-11-22T14')).toEqual({ spentNanos: 8, heldNanos: 0 });
    expect(await after.budget('all', '2026-11-22T15')).toEqual({ spentNanos: 0, heldNanos: 10 });
  });
});

const askOnDay = async (time = 0, hold = 0) =>
  (await ledgerAt(time)).admit(admitRequest({ job: `${time}-${hold}`, hold, limit: 5, claim: { window: 'day' } }));

describe('a limit', () => {
  test("that was set by hand stands in place of the configured one, a purse's own before its budget's", async () => {
    const { ledger, redis, keys } = stores;
    const claim = { name: 'team', purse: 'team/ada' };
    const ask = (hold: number) => ledger.admit(admitRequest({ job: `job-${hold}`, hold, limit: 5, claim }));
    expect(await ask(6)).toMatchObject({ kind: 'denied', limitNanos: 5 });
    await redis.hset(keys.budgetLimits, 'team', 8);
    expect(await ask(9)).toMatchObject({ kind: 'denied', limitNanos: 8 });
    await redis.hset(keys.budgetLimits, 'team/ada', 20);
    expect(await ask(21)).toMatchObject({ kind: 'denied', limitNanos: 20 });
    expect(await ask(20)).toMatchObject({ kind: 'admitted' });
  });

  test('that was topped up is higher in that window only', async () => {
    const { redis, keys } = stores;
    const [today, tomorrow] = ['2026-11-22T12:00:00Z', '2026-11-23T12:00:00Z'].map((time) => Date.parse(time));
    await redis.hset(keys.budget('all', '2026-11-22'), 'topped_up', 5);
    expect(await askOnDay(today, 11)).toMatchObject({ kind: 'denied', limitNanos: 10 });
    expect(await askOnDay(tomorrow, 10)).toMatchObject({ kind: 'denied', limitNanos: 5 });
    expect(await askOnDay(today, 10)).toMatchObject({ kind: 'admitted' });
  });

  test('is topped up once by a command that is sent again, since its reply was lost', async () => {
    const { redis, keys } = stores;
    const send = redis.eval.bind(redis);
    const sending = vi.spyOn(redis, 'eval').mockImplementation(async (...command: Parameters<typeof send>) => {
      await send(...command);
      return send(...command);
    });
    const budgets = createBudgetStore(redis, keys, { resultTtlMs: 60_000 });
    await budgets.topUp('all', 'total', 5, false);
    expect(sending).toHaveBeenCalledOnce();
    await budgets.topUp('all', 'total', 5, false);
    expect(await budgets.standing('all', 'total')).toMatchObject({ toppedUpNanos: 10 });
  });
});

describe('a soft budget', () => {
  test('refuses nothing, and raises one alert in a window', async () => {
    const { ledger, redis, keys } = stores;
    const soft = { hold: 100, limit: 50, claim: { isSoft: true, alertAt: 0.8 } };
    const spend = async (job: string, cost: number) => {
      const admission = await sendOut(ledger, { job, ...soft });
      await ledger.settle(answeredAttempt({ job, cost }));
      return admission;
    };
    expect(await spend('a', 39)).toEqual({ kind: 'admitted', key: 'default' });
    expect(await spend('b', 1)).toEqual({ kind: 'admitted', key: 'default' });
    const alert = { purse: 'all', window: 'total', spent_nanos: 40, limit_nanos: 50, soft: true };
    expect(await spend('c', 70)).toEqual({ kind: 'admitted', key: 'default', alerts: [alert] });
    expect(await spend('d', 1)).toEqual({ kind: 'admitted', key: 'default' });
    expect(await redis.xrange(keys.alerts, '-', '+')).toMatchObject([
      [expect.anything(), ['alert', JSON.stringify(alert)]],
    ]);
  });

  test('a hard one raises its alert with the denial, too', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 9, limit: 10 });
    await ledger.settle(answeredAttempt({ job: 'a', cost: 9 }));
    const ask = () => ledger.admit(admitRequest({ job: 'b', hold: 2, limit: 10, claim: { alertAt: 0.9 } }));
    expect(await ask()).toMatchObject({ kind: 'denied', alerts: [{ spent_nanos: 9, limit_nanos: 10, soft: false }] });
    expect(await ask()).not.toHaveProperty('alerts');
  });
});

test("purses are remembered for as long as somebody may ask, and are found by their windows' ends", async () => {
  const { redis, keys } = stores;
  const now = Date.parse('2026-11-22T14:30:00Z');
  const ledger = await ledgerAt(now);
  const budgets = (['hour', 'month', 'total'] as const).map((window) => budgetClaim({ purse: window, window }));
  await ledger.admit({
    ...admitRequest({ job: 'a', hold: 1 }),
    budgets: [...budgets, budgetClaim({ purse: 'job:a', isPassing: true })],
  });
  const found = await redis.zrange(keys.budgets, '0', '-1', 'WITHSCORES');
  const ends = [Date.parse('2026-11-22T15:00:00Z'), Date.parse('2026-12-01T00:00:00Z'), 9e15, 9e15].map(String);
  expect(found.filter((_, index) => index % 2 === 1)).toEqual(ends);
  const lives = await Promise.all(
    [keys.budget('hour', '2026-11-22T14'), keys.budget('total', 'total'), keys.budget('job:a', 'total')].map((key) =>
      redis.pttl(key),
    ),
  );
  expect(lives[0]).toBeGreaterThan(2 * 86_400_000);
  expect(lives[1]).toBe(-1);
  expect(lives[2]).toBeGreaterThan(60_000);
});

test.each([['denied'], ['paused']])(
  'the purse of a batch is not forgotten, and spent a second time, while its rows are told that they are %s',
  async (kind) => {
    const { redis, keys, batches } = stores;
    const ledger = await ledgerAt(0);
    const each = { limit: 10, batch: 'b', claim: { name: 'each', purse: 'each/b', isPassing: true } };
    await batches.register({ id: 'b', digest: 'd', total: 2, lane: 'batch', submittedAt: 1 });
    await sendOut(ledger, { job: 'b-0', hold: 10, ...each });
    await ledger.settle(answeredAttempt({ job: 'b-0', cost: 10, batch: 'b' }));
    if (kind === 'paused') await redis.hset(keys.batch('b'), 'paused', '{}');
    const purse = keys.budget('each/b', 'total');
    await redis.pexpire(purse, 60_000);
    expect(await ledger.admit(admitRequest({ job: 'b-1', hold: 10, ...each }))).toMatchObject({ kind });
    expect(await redis.pttl(purse)).toBeGreaterThan(60_000);
  },
);

test('a purse that nothing may be spent from raises its alert, and is forgotten with its window', async () => {
  const ledger = await ledgerAt(Date.parse('2026-11-22T14:00:00Z'));
  const claim = { window: 'day', alertAt: 0.8 } as const;
  const denied = await ledger.admit(admitRequest({ job: 'a', hold: 5, limit: 0, claim }));
  expect(denied).toMatchObject({ kind: 'denied', alerts: [{ purse: 'all', limit_nanos: 0 }] });
  const { redis, keys } = stores;
  expect(await redis.pttl(keys.budget('all', '2026-11-22'))).toBeGreaterThan(34 * 86_400_000);
});
