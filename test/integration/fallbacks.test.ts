import { throttleModel } from '../support/throttled.ts';
import { describe, expect, test } from 'vitest';
import { type Harness, type HarnessOptions, threeModels, useHarness } from '../support/harness.ts';
import { attemptsOf, useOneJob } from '../support/run-one.ts';

const open = useHarness();
const runOne = useOneJob();

async function start(options: HarnessOptions = {}): Promise<Harness> {
  const harness = await open(options);
  await harness.startPool();
  return harness;
}

const BATCH = { lane: 'batch' };

describe('a failed attempt', () => {
  test.each([
    { kind: 503, code: 'PROVIDER_OVERLOADED' },
    { kind: 500, code: 'PROVIDER_FAILED' },
    { kind: 404, code: 'MODEL_NOT_FOUND' },
    { kind: 'reset', code: 'PROVIDER_UNREACHABLE' },
    { kind: 'empty', code: 'PROVIDER_BAD_RESPONSE' },
    { kind: 'garbage', code: 'PROVIDER_BAD_RESPONSE' },
    { kind: 'truncated', code: 'PROVIDER_BAD_RESPONSE' },
  ] as const)('with $kind moves the job to the next model', async ({ kind, code }) => {
    const { result } = await runOne([{ model: 'sim/small', kind, rate: 1 }]);
    expect(result.status).toBe('completed');
    expect(attemptsOf(result)).toEqual([`small ${code}`, 'medium completed']);
  });

  test('by a time limit moves the job to the next model', async () => {
    const { result } = await runOne([{ model: 'sim/small', kind: 'timeout', rate: 1 }], { max_latency_ms: 250 }, FAST);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_TIMEOUT', 'medium completed']);
  });

  test('with 400 ends the job: no other model would take it either', async () => {
    const { result, sim } = await runOne([{ model: 'sim/small', kind: 400, rate: 1 }]);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'REQUEST_REJECTED' } });
    expect(sim.ledger.totals().calls).toBe(1);
  });

  test('goes on at the head of the queue, ahead of 2,000 waiting rows', async () => {
    const harness = await open({ faults: [{ model: 'sim/small', kind: 503, rate: 1, first: 1 }] });
    const { producer, sim, startPool, queue } = harness;
    const { id } = await producer.enqueue({ prompt: 'the first one', lane: 'batch' });
    await producer.enqueueMany(Array.from({ length: 2_000 }, (_, row) => ({ prompt: `row ${row}`, lane: 'batch' })));
    const pool = await startPool({ concurrency: 4, lanes: ['batch'] });
    const result = await producer.waitFor(id, { timeoutMs: 10_000 });
    const callsBefore = sim.ledger.calls().findIndex((call) => call.request_id === `${id}:2`);
    const waiting = await queue('batch').getWaitingCount();
    await pool.stop();

    expect(attemptsOf(result)).toEqual(['small PROVIDER_OVERLOADED', 'medium completed']);
    expect(callsBefore).toBeGreaterThan(0);
    expect(callsBefore).toBeLessThan(20);
    expect(waiting).toBeGreaterThan(1_000);
  });

  test('never asks the same model twice while another is eligible', async () => {
    const { run, calls } = await start({
      faults: [{ model: '*', kind: 503, rate: 0.6 }],
      config: { routing: { strategy: 'random', max_attempts: 3 } },
    });
    const results = await run(Array.from({ length: 60 }, (_, row) => ({ prompt: `row ${row}` })));
    for (const result of results) {
      const models = result.attempts.map((attempt) => attempt.model);
      expect(new Set(models).size).toBe(models.length);
    }
    expect(results.some((result) => result.attempts.length === 3)).toBe(true);
    expect(calls()).toHaveLength(results.flatMap((result) => result.attempts).length);
  });
});

const FAST = { models: withLatency(threeModels(), { p50: '1ms', p95: '5ms' }) };

function withLatency<Model extends object>(models: Record<string, Model>, latency: { p50: string; p95: string }) {
  return Object.fromEntries(Object.entries(models).map(([alias, model]) => [alias, { ...model, latency }]));
}

describe('a job that no model answers', () => {
  test('ends as CHAIN_EXHAUSTED with its attempts listed', async () => {
    const { result } = await runOne([{ model: '*', kind: 404, rate: 1 }]);
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'CHAIN_EXHAUSTED',
        message: expect.stringMatching(
          /small MODEL_NOT_FOUND, medium MODEL_NOT_FOUND, large MODEL_NOT_FOUND/,
        ) as unknown,
      },
    });
    expect(attemptsOf(result)).toHaveLength(3);
  });

  test.each([1, 2, 4])('makes no more than max_attempts = %i calls', async (max_attempts) => {
    const { result, sim } = await runOne([{ model: '*', kind: 503, rate: 1 }], { max_attempts });
    expect(result.attempts).toHaveLength(max_attempts);
    expect(sim.ledger.totals().calls).toBe(max_attempts);
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: max_attempts === 1 ? 'PROVIDER_OVERLOADED' : 'CHAIN_EXHAUSTED' },
    });
  });

  test('is retried on its only model after a delay', async () => {
    const { run, usage } = await start({ faults: [{ model: 'sim/small', kind: 503, rate: 1, first: 1 }] });
    const [result] = await run([{ prompt: 'hello', model: 'small' }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_OVERLOADED', 'small completed']);
    const [first, second] = await usage();
    const gapMs = (second?.queue_ms ?? 0) - (first?.queue_ms ?? 0);
    expect(gapMs).toBeGreaterThanOrEqual(240);
    expect(gapMs).toBeLessThan(3_000);
  });

  test('counts an attempt although the job then had to wait for the next model', async () => {
    const harness = await open({ faults: [{ model: '*', kind: 503, rate: 1 }] });
    const { run, sim, startPool } = harness;
    await throttleModel(harness, { provider: 'beta', model: 'sim/medium' }, 800);
    await throttleModel(harness, { provider: 'alpha', model: 'sim/large' }, 800);
    await startPool();
    const [result] = await run([{ prompt: 'hello', ...BATCH, max_attempts: 2 }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_OVERLOADED', 'medium PROVIDER_OVERLOADED']);
    expect(sim.ledger.totals().calls).toBe(2);
  });

  test('is retried on the same model when the others take no calls for longer than it may wait', async () => {
    const harness = await open({ faults: [{ model: 'sim/small', kind: 503, rate: 1, first: 1 }] });
    const { run, startPool } = harness;
    await throttleModel(harness, { provider: 'beta', model: 'sim/medium' }, 300_000);
    await throttleModel(harness, { provider: 'alpha', model: 'sim/large' }, 300_000);
    await startPool();
    const [result] = await run([{ prompt: 'hello', ...BATCH }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_OVERLOADED', 'small completed']);
  });
});
