import { describe, expect, test } from 'vitest';
import type { BatchPlace, PromptJob } from '../../src/domain/job.ts';
import { estimateTokens } from '../../src/router/index.ts';
import { threeModels, until, useHarness } from '../support/harness.ts';
import { throttleModel } from '../support/throttled.ts';

const open = useHarness();

/** A question whose call can cost at the most: its prompt and 100 tokens of answer, at $1 and $4 a million. */
const HELLO = { prompt: 'hello', max_tokens: 100, lane: 'batch' } satisfies PromptJob;
const HELLO_BOUND_USD = (estimateTokens([{ role: 'user', content: HELLO.prompt }]).bound + 4 * 100) / 1e6;

function slowProfiles(latencyMs: number) {
  return Object.fromEntries(
    Object.values(threeModels()).map(({ id, price }) => [
      id,
      { price, latency: { p50_ms: latencyMs, p95_ms: latencyMs } },
    ]),
  );
}

describe('a budget', () => {
  test('that a call may pass ends the job before the call, with a line that says how much is left', async () => {
    const { run, sim, startPool, usage } = await open({
      config: { budgets: { team: { limit_usd: HELLO_BOUND_USD - 1e-9 } } },
    });
    await startPool();
    const [result] = await run([HELLO]);
    expect(result).toMatchObject({
      status: 'failed',
      attempts: [],
      error: {
        code: 'BUDGET_EXCEEDED',
        message: expect.stringMatching(
          /^budget "team" exhausted: \$0\.00 of \$0\.0004\d* spent, \$0\.00 held, this call may cost up to \$0\.0004\d*$/,
        ) as unknown,
      },
    });
    expect(sim.ledger.totals().calls).toBe(0);
    expect(await usage()).toEqual([]);
  });

  test('that a call fits in exactly lets it through', async () => {
    const { run, startPool } = await open({ config: { budgets: { team: { limit_usd: HELLO_BOUND_USD } } } });
    await startPool();
    expect(await run([HELLO])).toMatchObject([{ status: 'completed' }]);
  });

  test('with room for a cheaper model alone is waited for while that one is throttled', async () => {
    const cheap = { ...threeModels()['small'], provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } };
    const models = { small: cheap, medium: { ...cheap, id: 'sim/medium', price: { input: 1_000, output: 4_000 } } };
    const { run, startPool, keys, redis, ledger } = await open({
      config: { models, budgets: { team: { limit_usd: HELLO_BOUND_USD } } },
    });
    await throttleModel({ ledger }, { provider: 'alpha', model: 'sim/small' }, 2_000);
    expect(await redis.exists(keys.closedGates)).toBe(1);
    await startPool();
    const [result] = await run([{ ...HELLO, lane: 'interactive', models: ['medium', 'small'] }]);
    expect(result).toMatchObject({ status: 'completed', model: 'small' });
  });

  test('that is held by calls under way is waited for, without spending an attempt', async () => {
    const harness = await open({
      profiles: slowProfiles(150),
      config: { budgets: { team: { limit_usd: HELLO_BOUND_USD * 1.9 } } },
    });
    await harness.startPool({ concurrency: 8 });
    const results = await harness.run([
      { ...HELLO, max_attempts: 1 },
      { ...HELLO, max_attempts: 1 },
    ]);
    // One waits for the other, whose real cost is a fraction of what was held.
    expect(results.map((result) => result.status)).toEqual(['completed', 'completed']);
    expect(results.map((result) => result.attempts.length)).toEqual([1, 1]);
    const job = await Promise.all(results.map((result) => harness.queue('batch').getJob(result.job_id)));
    expect(Math.max(...job.map((each) => each?.attemptsStarted ?? 0))).toBeGreaterThan(1);
    expect(Math.max(...job.map((each) => each?.attemptsMade ?? 0))).toBe(1);
  });

  test.each([
    { deadline: 'without a deadline is waited for, however few deferrals are allowed', more: {}, ending: 'completed' },
    {
      deadline: 'until after the deadline ends the job as held, not as exhausted',
      more: { deadline_ms: 600 },
      ending: { code: 'BUDGET_HELD', message: expect.stringMatching(/^budget "team" is held by calls/) as unknown },
    },
  ])('that is held $deadline', async ({ more, ending }) => {
    const { run, startPool, ledger } = await open({
      profiles: slowProfiles(1_200),
      config: { workers: { max_deferrals: 1 }, budgets: { team: { limit_usd: HELLO_BOUND_USD * 1.9 } } },
    });
    await startPool({ concurrency: 8 });
    const holder = run([HELLO]);
    await until('the call that holds the budget', () => ledger.openAttempts());
    const [result] = await run([{ ...HELLO, ...more }]);
    expect((await holder)[0]?.status).toBe('completed');
    expect(result?.status === 'failed' ? result.error : result?.status).toEqual(ending);
  });

  test('with too little left for the chosen model still pays for a cheaper one of the route', async () => {
    const { small, ...others } = threeModels() ?? {};
    const [dear, price] = [
      { input: 100, output: 400 },
      { input: 1, output: 4 },
    ];
    const models = { dear: { ...others['large'], id: 'sim/dear', price: dear }, small: { ...small, price } };
    const { run, startPool, usage } = await open({
      config: {
        models: models as ReturnType<typeof threeModels>,
        budgets: { team: { limit_usd: HELLO_BOUND_USD * 2 } },
      },
    });
    await startPool();
    const [result, tooDear] = await run([HELLO, { ...HELLO, model: 'dear' }]);
    expect(result).toMatchObject({ status: 'completed', model: 'small', attempts: [{ model: 'small' }] });
    expect(tooDear).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED' }, attempts: [] });
    expect(await usage()).toHaveLength(1);
  });

  test('is never passed by 200 jobs at once, and is used up', async () => {
    const limitUsd = HELLO_BOUND_USD * 12;
    const harness = await open({ config: { budgets: { team: { limit_usd: limitUsd } } } });
    await Promise.all([harness.startPool({ concurrency: 20 }), harness.startPool({ concurrency: 20 })]);
    const jobs = Array.from({ length: 200 }, (_, row) => ({ ...HELLO, prompt: `hello ${row}` }));
    const watch = setInterval(
      () => void harness.ledger.budget('team', 'total').then((amounts) => seen.push(amounts)),
      5,
    );
    const seen: { spentNanos: number; heldNanos: number }[] = [];
    const results = await harness.run(jobs).finally(() => clearInterval(watch));

    const limitNanos = Math.round(limitUsd * 1e9);
    expect(seen.length).toBeGreaterThan(3);
    for (const { spentNanos, heldNanos } of seen) expect(spentNanos + heldNanos).toBeLessThanOrEqual(limitNanos);
    const { spentNanos } = await harness.money();
    expect(spentNanos).toBe(harness.sim.ledger.totals().cost_nanos);
    expect(spentNanos).toBeLessThanOrEqual(limitNanos);
    expect(spentNanos).toBeGreaterThan(limitNanos - HELLO_BOUND_USD * 1e9 * 1.1);
    const failed = results.filter((result) => result.status === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const result of failed) expect(result).toMatchObject({ error: { code: 'BUDGET_EXCEEDED' } });
  });

  test('covers the jobs of its account, task and user only', async () => {
    const harness = await open({
      config: {
        tasks: { coding: {} },
        budgets: {
          acme: { limit_usd: 1, account: 'acme', window: 'day' },
          coding: { limit_usd: 1, task: 'coding', window: 'month' },
          ada: { limit_usd: 1, user: 'ada' },
          all: { limit_usd: 1 },
        },
      },
    });
    await harness.startPool();
    const [acme, coding, ada] = await harness.run([
      { ...HELLO, prompt: 'one', account: 'acme' },
      { ...HELLO, prompt: 'three words here', task: 'coding' },
      { ...HELLO, prompt: 'five', user: 'ada', account: 'acme' },
    ]);
    const today = new Date().toISOString();
    const spent = async (name: string, window: string) => (await harness.ledger.budget(name, window)).spentNanos;
    const cost = (...results: (typeof acme)[]) => results.reduce((sum, result) => sum + (result?.cost_nanos ?? 0), 0);
    expect(await spent('acme', today.slice(0, 10))).toBe(cost(acme, ada));
    expect(await spent('coding', today.slice(0, 7))).toBe(cost(coding));
    expect(await spent('ada', 'total')).toBe(cost(ada));
    expect(await spent('all', 'total')).toBe(cost(acme, coding, ada));
  });

  test('is checked for a fallback like for a first attempt', async () => {
    const { run, sim, startPool } = await open({
      // The first answer cannot be told from one that was billed: it is charged in full, and nothing is left.
      faults: [{ model: 'sim/small', kind: 'garbage', rate: 1 }],
      config: { budgets: { team: { limit_usd: HELLO_BOUND_USD * 1.5 } } },
    });
    await startPool();
    const [result] = await run([HELLO]);
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'BUDGET_EXCEEDED' },
      attempts: [{ model: 'small', outcome: 'unconfirmed' }],
    });
    expect(sim.ledger.totals().calls).toBe(1);
  });
});

describe('a Redis that refuses a step', () => {
  test('is waited for: no call is made meanwhile, and no attempt is spent', async () => {
    const harness = await open({ config: { budgets: { team: { limit_usd: 1 } } } });
    const { redis, keys, producer, sim } = harness;
    await redis.set(keys.budget('team', 'total'), 'not a hash');
    await harness.startPool();
    const { id } = await producer.enqueue({ ...HELLO, max_attempts: 1 });
    await until('the deferral', async () => (await harness.queue('batch').getDelayedCount()) === 1);
    expect(sim.ledger.totals().calls).toBe(0);
    await redis.del(keys.budget('team', 'total'));
    expect(await producer.waitFor(id, { timeoutMs: 10_000 })).toMatchObject({ status: 'completed', attempts: [{}] });
  });
});

function batchJob(id: string, batch: BatchPlace) {
  const data = { v: 1 as const, task: null, account: 'default', enqueued_at: Date.now(), ...HELLO, batch };
  return { name: '-', data, opts: { jobId: id } };
}

describe("a batch's cap", () => {
  test('stops its rows, and those of no other batch', async () => {
    const harness = await open();
    const capNanos = Math.round(HELLO_BOUND_USD * 1e9) - 1;
    await harness.startPool();
    await harness
      .queue('batch')
      .addBulk([
        batchJob('capped-0', { id: 'capped', row: 0, max_total_usd: capNanos / 1e9 }),
        batchJob('free-0', { id: 'free', row: 0 }),
      ]);
    const [capped, free] = await Promise.all(
      ['capped-0', 'free-0'].map((id) => harness.producer.waitFor(id, { timeoutMs: 10_000 })),
    );
    expect(capped).toMatchObject({
      status: 'failed',
      error: { code: 'BUDGET_EXCEEDED', message: expect.stringContaining('"batch:capped"') as unknown },
    });
    expect(free?.status).toBe('completed');
  });

  test('and its cancellation are noticed by rows that wait in the queue', async () => {
    const harness = await open();
    await harness.batches.register({ id: 'b', digest: 'd', total: 1, lane: 'batch', submittedAt: 1 });
    await harness.batches.markCancelled('b');
    await harness.queue('batch').addBulk([batchJob('b-0', { id: 'b', row: 0 })]);
    await harness.startPool();
    expect(await harness.producer.waitFor('b-0', { timeoutMs: 5_000 })).toMatchObject({
      status: 'failed',
      error: { code: 'CANCELLED' },
    });
    expect(harness.sim.ledger.totals().calls).toBe(0);
    expect(await harness.batches.status('b')).toMatchObject({ state: 'cancelled', failed: 1 });
  });
});
