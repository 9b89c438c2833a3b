import { describe, expect, test } from 'vitest';
import { windowId } from '../../src/domain/budget.ts';
import { readPacedPurses } from '../../src/store/paced-purses.ts';
import { createCallExchange } from '../../src/store/told-calls.ts';
import { createBudgetStore } from '../../src/store/budgets.ts';
import { chooseModel } from '../../src/workers/choice.ts';
import type { Start } from '../../src/workers/services.ts';
import { openServices } from '../support/budget-desk.ts';
import { openStores, threeModels, until, useHarness } from '../support/harness.ts';
import { useOneJob } from '../support/run-one.ts';

const open = useHarness();
const runOne = useOneJob();

describe('a usage record', () => {
  test('tells of every attempt that reached a provider why it was made', async () => {
    const { usage } = await runOne([{ model: 'sim/small', kind: 503, rate: 1 }]);
    const decisions = (await usage()).map(({ decision }) => decision);
    expect(decisions).toMatchObject([
      { chosen: 'small', why: 'best', strategy: 'order' },
      { chosen: 'medium', why: 'fallback', filters: { tried: [1, 'small'] } },
    ]);
    expect(decisions[0]?.candidates.map(([alias]) => alias)).toEqual(['small', 'medium', 'large']);
  });

  test('tells it of a call that nothing was ever heard of, too', async () => {
    const harness = await open({ faults: [{ model: '*', kind: 'timeout', rate: 1 }] });
    const pool = await harness.startPool();
    await harness.producer.enqueue({ prompt: 'x' });
    await until('the call', () => harness.sim.ledger.totals().calls === 1);
    await pool.stop(0);
    const [record] = await harness.usage();
    expect(record).toMatchObject({ outcome: 'unconfirmed', decision: { chosen: 'small' } });
  });

  test('tells nothing where nobody was asked, or nobody wants to know', async () => {
    const routing = { strategy: 'order' as const, default_max_tokens: 256 };
    const cached = await open({ config: { cache: { enabled: true }, routing } });
    await cached.startPool();
    for (const prompt of ['x', 'x']) await cached.run([{ prompt, temperature: 0 }]);
    expect((await cached.usage()).map((record) => [record.outcome, record.decision?.chosen])).toEqual([
      ['completed', 'small'],
      ['cached', undefined],
    ]);
    const { usage } = await runOne([], {}, { routing: { ...routing, decisions: 'none' } });
    expect((await usage())[0]).not.toHaveProperty('decision');
  });
});

test('a purse that is spent ahead of its time weighs on the choice, within a second or two', async () => {
  const harness = await open({
    config: {
      routing: { strategy: 'hybrid', default_max_tokens: 64 },
      budgets: { all: { limit_usd: 1_000, window: 'month', pace: true } },
    },
  });
  await harness.redis.hset(harness.keys.budget('all', windowId('month', Date.now())), 'spent', String(999 * 1e9));
  await harness.startPool();
  await until('a job that hears of it', async () => {
    await harness.run([{ prompt: 'x' }]);
    const records = await harness.usage();
    return (records.at(-1)?.decision?.pressure ?? 1) > 1;
  });
});

test('a purse is read with what was set and topped up', async () => {
  const { redis, keys, close } = openStores();
  const budgets = createBudgetStore(redis, keys, { resultTtlMs: 60_000 });
  const now = Date.now();
  const purse = { purse: 'a/x', name: 'a', window: 'day' as const, limitNanos: 5e9 };
  expect(await readPacedPurses(redis, keys, [purse], now)).toEqual([{ spentNanos: 0, limitNanos: 5e9 }]);
  await redis.hset(keys.budget('a/x', windowId('day', now)), 'spent', '7');
  await budgets.setLimit('a', 2e9);
  await budgets.topUp('a/x', 'day', 1e9, false);
  expect(await readPacedPurses(redis, keys, [purse], now)).toEqual([{ spentNanos: 7, limitNanos: 3e9 }]);
  await budgets.setLimit('a/x', 9e9);
  expect(await readPacedPurses(redis, keys, [purse], now)).toEqual([{ spentNanos: 7, limitNanos: 10e9 }]);
  await close();
});

test('processes tell each other how many calls they have under way, and forget those that are gone', async () => {
  const { redis, keys, close } = openStores();
  let now = 1_000_000;
  const [one, two, three] = [1, 2, 3].map(() => createCallExchange(redis, keys, () => now));
  await one?.(new Map([['small', 2]]));
  await two?.(
    new Map([
      ['small', 1],
      ['large', 4],
    ]),
  );
  expect(Object.fromEntries((await three?.(new Map())) ?? [])).toEqual({ small: 3, large: 4 });
  now += 4_000;
  await two?.(new Map([['large', 1]]));
  now += 2_000;
  expect(Object.fromEntries((await three?.(new Map())) ?? [])).toEqual({ large: 1 });
  await redis.hset(keys.callsUnderWay, 'of another version', 'what?');
  now += 60_000;
  expect((await three?.(new Map()))?.size).toBe(0);
  expect(await redis.hlen(keys.callsUnderWay)).toBe(1);
  await close();
});

describe('deployments of one model', () => {
  const [small] = Object.values(threeModels());
  const config = {
    models: {
      east: { ...small, provider: 'alpha', id: 'sim/east', deployment_of: 'small' },
      west: { ...small, provider: 'beta', id: 'sim/west', deployment_of: 'small' },
    },
    routing: { strategy: 'hybrid' as const, balance: 'least-busy' as const, default_max_tokens: 64 },
  };

  test('share the calls, the idle one first, although all are chosen in the same moment', async () => {
    const harness = await open({
      config,
      profiles: Object.fromEntries(
        ['sim/east', 'sim/west'].map((id) => [
          id,
          { price: { input: 1, output: 4 }, latency: { p50_ms: 200, p95_ms: 201 } },
        ]),
      ),
    });
    const jobs = Array.from({ length: 20 }, (_, row) => ({ prompt: `row ${row}`, lane: 'batch' }));
    const ids = await Promise.all(jobs.map((job) => harness.producer.enqueue(job)));
    await harness.startPool({ concurrency: 20, lanes: ['batch'] });
    await Promise.all(ids.map(({ id }) => harness.producer.waitFor(id, { timeoutMs: 20_000 })));
    const east = harness.calls().filter((call) => call.model === 'sim/east').length;
    expect(east).toBeGreaterThanOrEqual(9);
    expect(east).toBeLessThanOrEqual(11);
  });
});

test('round-robin gives every job of a pool the next model', async () => {
  const harness = await open({ config: { routing: { strategy: 'round-robin', default_max_tokens: 64 } } });
  await harness.startPool({ concurrency: 1, lanes: ['batch'] });
  const results = await harness.run(Array.from({ length: 6 }, (_, row) => ({ prompt: `row ${row}`, lane: 'batch' })));
  const asked = results.map((result) => result.attempts[0]?.model);
  expect(new Set(asked.slice(0, 3))).toEqual(new Set(['large', 'medium', 'small']));
  expect(asked.slice(3)).toEqual(asked.slice(0, 3));
});

const startOf = (jobId: string, changes: Partial<Start> = {}): Start => ({
  jobId,
  job: { v: 1, task: null, lane: 'batch', account: 'default', enqueued_at: Date.now(), prompt: 'x' },
  attemptsStarted: 1,
  attemptsMade: 0,
  stalls: 0,
  maxAttempts: 4,
  deferrals: 0,
  ...changes,
});

describe('a choice', () => {
  test('can be played again: its chance is that of the attempt', async () => {
    const harness = await open({ config: { routing: { strategy: 'random' } } });
    const { services, close } = await openServices(harness, 0);
    const choose = (start: Start): string => {
      const choice = chooseModel(start, [], services);
      return choice.kind === 'chosen' ? choice.candidate.model.alias : choice.kind;
    };
    const ids = Array.from({ length: 60 }, (_, row) => `row-${row}`);
    const first = ids.map((id) => choose(startOf(id)));
    expect(ids.map((id) => choose(startOf(id)))).toEqual(first);
    expect(new Set(first)).toEqual(new Set(['small', 'medium', 'large']));
    await close();
  });

  test('tells the router whether the job may be explored with', async () => {
    const harness = await open();
    const { services, close } = await openServices(harness, 0);
    const asked: (boolean | undefined)[] = [];
    const { router } = services;
    const question: typeof router.question = (job, history) => {
      asked.push(history?.mayExplore);
      return router.question(job, history);
    };
    const choose = (start: Start) => chooseModel(start, [], { ...services, router: { ...router, question } });
    choose(startOf('a'));
    choose(startOf('a', { attemptsMade: 1 }));
    choose(startOf('a', { maxAttempts: 1 }));
    expect(asked).toEqual([true, false, false]);
    await close();
  });
});
