import { describe, expect, test } from 'vitest';
import { type Harness, type HarnessOptions, threeModels, useHarness } from '../support/harness.ts';
import { attemptsOf } from '../support/run-one.ts';

const open = useHarness();

const IMPATIENT = { interactive: { share: 1, max_wait: '1ms', max_outage: '10s' } };

async function start(limits: NonNullable<HarnessOptions['config']>['limits'], latencyMs = 0): Promise<Harness> {
  const profiles = Object.fromEntries(
    Object.values(threeModels()).map(({ id, price }) => [
      id,
      { price, latency: { p50_ms: latencyMs, p95_ms: latencyMs } },
    ]),
  );
  const harness = await open({ profiles, config: { lanes: IMPATIENT, limits } });
  await harness.startPool({ concurrency: 20 });
  return harness;
}

describe('a job whose user has used a limit up', () => {
  test('waits for its turn, however impatient its lane is, and neither asks another model nor spends an attempt', async () => {
    const { run, queue } = await start({ each: { per: 'user', requests_per_minute: 60 } });
    const job = { prompt: 'hello', user: 'ana', max_attempts: 1 };
    const results = await run([job, job, job]);
    expect(results.map(attemptsOf)).toEqual(Array.from({ length: 3 }, () => ['small completed']));
    const waited = results.map(({ total_ms }) => total_ms).toSorted((a, b) => a - b);
    // Half a call was there besides the first one.
    expect(waited[1]).toBeGreaterThan(450);
    expect(waited[2]).toBeGreaterThan(1_450);
    const jobs = await Promise.all(results.map(({ job_id: id }) => queue().getJob(id)));
    expect(jobs.map((each) => each?.attemptsMade)).toEqual([1, 1, 1]);
    // Each was put back about once.
    expect(Math.max(...jobs.map((each) => each?.attemptsStarted ?? 0))).toBeLessThanOrEqual(3);
  });

  test('holds nobody else up, and has no more calls under way than it may', async () => {
    const { run, sim } = await start({ each: { per: 'user', concurrency: 1 } }, 100);
    const rows = ['ana', 'ana', 'ana', 'ben', 'cem'].map((user) => ({ prompt: `hello from ${user}`, user }));
    const results = await run(rows);
    expect(results.map(({ status }) => status)).toEqual(rows.map(() => 'completed'));
    expect(sim.ledger.totals().calls).toBe(rows.length);
    const [ofAna, ofOthers] = [results.slice(0, 3), results.slice(3)].map((some) =>
      some.map(({ total_ms }) => total_ms),
    );
    expect(Math.max(...(ofAna ?? []))).toBeGreaterThanOrEqual(300);
    expect(Math.max(...(ofOthers ?? []))).toBeLessThan(Math.max(...(ofAna ?? [])));
  });

  test('ends when its deadline is over, without a call', async () => {
    const { run, sim } = await start({ all: { requests_per_minute: 1 } });
    await run([{ prompt: 'first' }]);
    const [result] = await run([{ prompt: 'second', deadline_ms: 1_500 }]);
    expect(result).toMatchObject({ status: 'failed', attempts: [] });
    expect(result?.status === 'failed' && result.error.code).toBeOneOf(['USER_RATE_LIMITED', 'DEADLINE_EXCEEDED']);
    expect(result?.total_ms).toBeGreaterThanOrEqual(1_350);
    expect(sim.ledger.totals().calls).toBe(1);
  });

  test('spends what it is charged on a fallback, too', async () => {
    const { run, redis, keys } = await open({
      faults: [{ model: 'sim/small', kind: 500, rate: 1 }],
      config: { limits: { each: { per: 'user', tokens_per_minute: 1_000_000 } } },
    }).then(async (harness) => {
      await harness.startPool();
      return harness;
    });
    const [result] = await run([{ prompt: 'hello', user: 'ana' }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_FAILED', 'medium completed']);
    expect(await redis.hget(keys.gate('limit:each/ana'), 'inflight')).toBe('0');
  });
});
