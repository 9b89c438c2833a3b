import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createHash } from 'node:crypto';
import type { JobResult } from '../../src/domain/result.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { HELLO, HELLO_BOUND_NANOS, HELLO_BOUND_USD, openBudgetDesk } from '../support/budget-desk.ts';
import { until, useHarness } from '../support/harness.ts';

const open = useHarness();

/** Room for one call, of which no more than half is left afterwards. */
const ONE_CALL_USD = HELLO_BOUND_USD * 1.05;

function codeOf(result: JobResult | undefined): string | undefined {
  return result?.status === 'failed' ? result.error.code : result?.status;
}

describe('a budget with a purse for each user', () => {
  test('stops one user and no other, and those without a name together', async () => {
    const { run, startPool, ledger } = await open({
      config: { budgets: { each: { limit_usd: ONE_CALL_USD, per: 'user' } } },
    });
    await startPool();
    const first = await run([{ ...HELLO, user: 'ada' }, { ...HELLO, user: 'bob / dave' }, HELLO]);
    expect(first.map(codeOf)).toEqual(['completed', 'completed', 'completed']);
    const second = await run([{ ...HELLO, user: 'ada' }, HELLO, { ...HELLO, user: 'eve' }]);
    expect(second.map(codeOf)).toEqual(['BUDGET_EXCEEDED', 'BUDGET_EXCEEDED', 'completed']);
    const spent = await Promise.all(
      ['each/ada', 'each/bob%20%2F%20dave', 'each/-', 'each/eve'].map((purse) => ledger.budget(purse, 'total')),
    );
    expect(spent.map(({ spentNanos }) => spentNanos)).toEqual(
      [...first, second[2]].map((result) => result?.cost_nanos),
    );
  });
});

describe('a budget of one model', () => {
  test('that is spent leaves the job to another model', async () => {
    const { run, startPool, usage } = await open({
      config: { budgets: { dear: { limit_usd: ONE_CALL_USD, model: 'small' } } },
    });
    await startPool();
    const results = [...(await run([HELLO])), ...(await run([HELLO])), ...(await run([{ ...HELLO, model: 'small' }]))];
    expect(results[0]).toMatchObject({ status: 'completed', model: 'small' });
    expect(results[1]).toMatchObject({ status: 'completed', model: 'medium', attempts: [{ model: 'medium' }] });
    expect(results[2]).toMatchObject({ error: { code: 'BUDGET_EXCEEDED' }, attempts: [] });
    expect(await usage()).toHaveLength(2);
  });

  test('of a provider leaves it to those of another one, and to a cheaper one that still fits', async () => {
    const cheap = { id: 'sim/cheap', price: { input: 0.01, output: 0.04 }, context: 8_000 };
    const { run, startPool } = await open({
      config: {
        models: {
          dear: { ...cheap, provider: 'alpha', id: 'sim/dear', price: { input: 1, output: 4 } },
          cheap: { ...cheap, provider: 'alpha' },
          other: { ...cheap, provider: 'beta', id: 'sim/other' },
        },
        budgets: { alpha: { limit_usd: ONE_CALL_USD, provider: 'alpha' } },
      },
    });
    await startPool();
    const modelsAsked: unknown[] = [];
    const alphas = { ...HELLO, models: ['dear', 'cheap'] };
    for (const job of [HELLO, alphas, { ...HELLO, models: ['dear', 'other'] }]) {
      const [result] = await run([job]);
      modelsAsked.push(result?.status === 'completed' ? result.model : codeOf(result));
    }
    expect(modelsAsked).toEqual(['dear', 'cheap', 'other']);
  });

  test('ends the job when all others are spent, too', async () => {
    const { run, startPool, sim } = await open({
      config: { budgets: { each: { limit_usd: HELLO_BOUND_USD / 2, per: 'model' } } },
    });
    await startPool();
    const [result] = await run([HELLO]);
    const message = expect.stringMatching(/^budget "each\/\w+" exhausted/) as unknown;
    expect(result).toMatchObject({ error: { code: 'BUDGET_EXCEEDED', message }, attempts: [] });
    expect(sim.ledger.totals().calls).toBe(0);
  });

  test.each([[['small', 'medium']], [['medium', 'small']]])(
    'that is waited for stands before one that ends the job: %j',
    async (models) => {
      const harness = await open({
        config: {
          budgets: {
            small: { limit_usd: 0, model: 'small' },
            medium: { limit_usd: 0, model: 'medium', on_exhausted: 'park' },
          },
        },
      });
      const { producer, queue, startPool } = harness;
      const desk = openBudgetDesk(harness);
      await startPool();
      const { id } = await producer.enqueue({ ...HELLO, models });
      await until('the job to be delayed', async () => (await queue('batch').getDelayedCount()) === 1);
      expect(await desk.topUp('medium', 1)).toBe(1);
      expect(await producer.waitFor(id, { timeoutMs: 5_000 })).toMatchObject({ model: 'medium', attempts: [{}] });
    },
  );
});

describe("a job's own cap", () => {
  test('covers all its attempts together', async () => {
    const { run, startPool, sim } = await open({
      // The first answer cannot be told from one that was billed: it is charged in full.
      faults: [{ model: 'sim/small', kind: 'garbage', rate: 1 }],
    });
    await startPool();
    const [capped, free] = await run([{ ...HELLO, max_total_usd: HELLO_BOUND_USD * 1.5 }, HELLO]);
    expect(capped).toMatchObject({ error: { code: 'BUDGET_EXCEEDED' }, attempts: [{ model: 'small' }] });
    expect(free).toMatchObject({ status: 'completed', model: 'medium' });
    expect(sim.ledger.totals().calls).toBe(3);
  });
});

describe('alerts', () => {
  test('of soft and hard budgets are raised once in a window, logged once, and stop nothing', async () => {
    const harness = await open({
      config: {
        budgets: {
          soft: { limit_usd: HELLO_BOUND_USD / 100, soft: true, window: 'month' },
          hard: { limit_usd: HELLO_BOUND_USD * 1_000, alert_at: 0.0001 },
        },
      },
    });
    const { config, target, run } = harness;
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) });
    await using pool = new WorkerPool({ config, redis: target, logger });
    await pool.start();
    const results = await run(Array.from({ length: 30 }, (_, row) => ({ ...HELLO, prompt: `hello ${row}` })));
    expect(results.map(codeOf)).toEqual(Array(30).fill('completed'));
    const alerts = lines.filter(({ msg }) => msg === 'budget alert');
    expect(alerts).toHaveLength(2);
    expect(new Set(alerts.map(({ budget }) => budget))).toEqual(new Set(['hard', 'soft']));
    const { budgets } = openBudgetDesk(harness);
    const told = await budgets.alerts(10);
    expect(told).toHaveLength(2);
    expect(told.find(({ soft }) => soft)).toMatchObject({
      purse: 'soft',
      limit_nanos: Math.round(HELLO_BOUND_NANOS / 100),
    });
    const { alertedAt } = await budgets.standing('soft', 'month');
    expect(alertedAt).toBeGreaterThan(Date.now() - 60_000);
  });
});

describe('a request that another job is asking for', () => {
  test('is made once: those who ask for the same wait for its answer and spend nothing', async () => {
    const harness = await open({
      config: { cache: { enabled: true } },
      profiles: Object.fromEntries(
        ['small', 'medium', 'large'].map((name) => [
          `sim/${name}`,
          { price: { input: 1, output: 4 }, latency: { p50_ms: 300, p95_ms: 300 } },
        ]),
      ),
    });
    await harness.startPool({ concurrency: 20 });
    const results = await harness.run(
      Array.from({ length: 10 }, () => ({ ...HELLO, temperature: 0, max_attempts: 1 })),
    );
    expect(results.map(codeOf)).toEqual(Array(10).fill('completed'));
    expect(harness.sim.ledger.totals().calls).toBe(1);
    expect(results.filter((result) => result.cost_nanos > 0)).toHaveLength(1);
    const answers = results.map((result) =>
      createHash('sha256')
        .update(JSON.stringify(result.status === 'completed' && result.completion))
        .digest('hex'),
    );
    expect(new Set(answers).size).toBe(1);
  });
});
