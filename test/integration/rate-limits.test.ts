import { gateOf, throttleModel } from '../support/throttled.ts';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type Harness, type HarnessOptions, until, useHarness } from '../support/harness.ts';
import { attemptsOf, useOneJob } from '../support/run-one.ts';

const open = useHarness();
const runOne = useOneJob();

async function start(options: HarnessOptions = {}): Promise<Harness> {
  const harness = await open(options);
  await harness.startPool();
  return harness;
}

const BATCH = { lane: 'batch' };

describe('a 429', () => {
  test('with a short Retry-After defers the job, which spends no attempt', async () => {
    const { run, usage } = await start({
      faults: [{ model: 'sim/small', kind: 429, rate: 1, first: 1, retryAfterSeconds: 0.3 }],
    });
    const [result] = await run([{ prompt: 'hello', max_attempts: 1, ...BATCH }]);
    expect(result?.status).toBe('completed');
    expect(attemptsOf(result)).toEqual(['small PROVIDER_RATE_LIMITED', 'small completed']);
    const [first, second] = await usage();
    expect((second?.queue_ms ?? 0) - (first?.queue_ms ?? 0)).toBeGreaterThanOrEqual(300);
  });

  test('with a Retry-After beyond the patience of the lane moves the job to the next model, once', async () => {
    const { run, calls } = await start({
      faults: [{ model: 'sim/small', kind: 429, rate: 1, retryAfterSeconds: 30 }],
    });
    const [result] = await run([{ prompt: 'hello', lane: 'interactive' }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_RATE_LIMITED', 'medium completed']);
    expect(calls().map((call) => call.model)).toEqual(['sim/small', 'sim/medium']);
  });

  test('closes the gate at once for all jobs of the process', async () => {
    const { run, calls } = await start({
      faults: [{ model: 'sim/small', kind: 429, rate: 1, retryAfterSeconds: 30 }],
    });
    await run([{ prompt: 'hello', lane: 'interactive' }]);
    await run(Array.from({ length: 10 }, (_, row) => ({ prompt: `row ${row}`, lane: 'interactive' })));
    expect(calls().filter((call) => call.model === 'sim/small')).toHaveLength(1);
  });

  test('that would outlast the deadline moves the job to the next model', async () => {
    const { result } = await runOne([{ model: 'sim/small', kind: 429, rate: 1, retryAfterSeconds: 30 }], {
      ...BATCH,
      deadline_ms: 5_000,
    });
    expect(attemptsOf(result)).toEqual(['small PROVIDER_RATE_LIMITED', 'medium completed']);
  });

  test('of the only model, longer than the lane waits, keeps all jobs waiting and fails none', async () => {
    const { run, usage, sim } = await start({
      faults: [{ model: 'sim/small', kind: 429, rate: 1, first: 1, retryAfterSeconds: 1.5 }],
    });
    const job = { model: 'small', max_attempts: 1 };
    const first = run([{ prompt: 'the first', ...job }]);
    await until('the refusal', async () => (await usage()).length === 1);
    const others = await run(Array.from({ length: 20 }, (_, row) => ({ prompt: `row ${row}`, ...job })));
    expect((await first).map(attemptsOf)).toEqual([['small PROVIDER_RATE_LIMITED', 'small completed']]);
    expect(others.map(attemptsOf)).toEqual(others.map(() => ['small completed']));
    const [asked, answered] = await usage();
    expect((answered?.at ?? 0) - (asked?.at ?? 0)).toBeGreaterThanOrEqual(1_500);
    expect(sim.ledger.totals().calls).toBe(22);
  });

  test('of the only model, beyond the deadline, ends the job at once', async () => {
    const { result, sim } = await runOne([{ model: 'sim/small', kind: 429, rate: 1, retryAfterSeconds: 30 }], {
      model: 'small',
      deadline_ms: 5_000,
    });
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'PROVIDER_RATE_LIMITED', message: expect.stringContaining("the job's time") as unknown },
    });
    expect(sim.ledger.totals().calls).toBe(1);
    expect(result.total_ms).toBeLessThan(3_000);
  });

  test('is waited for more often than max_deferrals, by a job without a deadline', async () => {
    const { result } = await runOne(
      [{ model: 'sim/small', kind: 429, rate: 1, first: 3, retryAfterSeconds: 0.02 }],
      { model: 'small', max_attempts: 1, ...BATCH },
      { workers: { max_deferrals: 1 } },
    );
    expect(attemptsOf(result)).toEqual([...Array<string>(3).fill('small PROVIDER_RATE_LIMITED'), 'small completed']);
  });

  test('parks a model for five minutes at the most, whatever it asks for', async () => {
    const { result, ...stores } = await runOne([{ model: 'sim/small', kind: 429, rate: 1, retryAfterSeconds: 86_400 }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_RATE_LIMITED', 'medium completed']);
    const gate = await gateOf(stores, { provider: 'alpha', key: 'default', model: 'sim/small' });
    expect(gate).toMatchObject({ state: 'stopped', reason: 'throttled' });
    expect(gate?.untilMs).toBeGreaterThan(Date.now() + 200_000);
    expect(gate?.untilMs).toBeLessThanOrEqual(Date.now() + 300_000);
  });

  test('of a provider that answers few calls at a time costs about as many refusals as answers', async () => {
    const provider = await startLimitedProvider({ calls: 5, everyMs: 50 });
    try {
      const own = { base_url: provider.url, allow_private: true };
      const { run, startPool } = await open({ config: { providers: { alpha: own, beta: own } } });
      await startPool({ concurrency: 10, lanes: ['batch'] });
      const jobs = Array.from({ length: 60 }, (_, row) => ({ prompt: `row ${row}`, model: 'small', ...BATCH }));
      const results = await run(jobs);
      expect(results.every((result) => result.status === 'completed')).toBe(true);
      expect(provider.calls()).toBeLessThan(60 * 2.5);
    } finally {
      provider.close();
    }
  });

  test('found by another process is known to the next start of the job', async () => {
    const harness = await start({ faults: [{ model: 'sim/small', kind: 503, rate: 1 }] });
    const { run, calls } = harness;
    // After the pool has read its observations.
    await throttleModel(harness, { provider: 'beta', model: 'sim/medium' }, 60_000);
    const [result] = await run([{ prompt: 'hello', lane: 'interactive' }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_OVERLOADED', 'large completed']);
    expect(calls().map((call) => call.model)).toEqual(['sim/small', 'sim/large']);
  });
});

/** A provider that answers so many calls in each window and refuses the others with a Retry-After of 50 ms. */
async function startLimitedProvider(limit: { calls: number; everyMs: number }) {
  let calls = 0;
  let left = limit.calls;
  const server = createServer((request, response) => {
    request.resume();
    calls += 1;
    left -= 1;
    response.writeHead(left >= 0 ? 200 : 429, { 'content-type': 'application/json', 'retry-after-ms': '50' });
    response.end(JSON.stringify(left >= 0 ? ANSWER : {}));
  });
  const timer = setInterval(() => (left = limit.calls), limit.everyMs);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    clearInterval(timer);
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}/v1`, calls: () => calls, close };
}

const ANSWER = {
  choices: [{ message: { role: 'assistant', content: 'four' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
};

describe('a key that is refused', () => {
  test('sends the job to another provider and stops the key', async () => {
    const harness = await start({ faults: [{ model: 'sim/small', kind: 401, rate: 1 }] });
    const { run, calls } = harness;
    const [result] = await run([{ prompt: 'hello', models: ['small', 'large', 'medium'] }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_AUTH', 'medium completed']);
    const gate = await gateOf(harness, { provider: 'alpha', key: 'default' });
    expect(gate).toMatchObject({ state: 'stopped', reason: 'key', code: 'PROVIDER_AUTH' });
    expect(gate?.untilMs).toBeGreaterThan(Date.now() + 30_000);
    await run([{ prompt: 'another' }]);
    expect(calls().filter((call) => call.model === 'sim/small')).toHaveLength(1);
  });

  test.each([
    { kind: 401, code: 'PROVIDER_AUTH' },
    { kind: 402, code: 'PROVIDER_QUOTA' },
  ] as const)(
    'or out of credit ($kind) ends other jobs at once and uncalled when nothing else is left',
    async (refusal) => {
      const { run, sim } = await start({ faults: [{ model: 'sim/small', kind: refusal.kind, rate: 1 }] });
      await run([{ prompt: 'hello', models: ['small', 'large'], ...BATCH }]);
      const results = await run([{ prompt: 'another', models: ['small', 'large'], ...BATCH }]);
      expect(results).toMatchObject([
        {
          status: 'failed',
          error: { code: refusal.code, message: expect.stringContaining('"alpha"') as unknown },
          attempts: [],
        },
      ]);
      expect(sim.ledger.totals().calls).toBe(1);
    },
  );

  test('lets a job wait for a model that is only throttled', async () => {
    const harness = await open({ faults: [{ model: 'sim/small', kind: 401, rate: 1 }] });
    const { run, startPool } = harness;
    await throttleModel(harness, { provider: 'beta', model: 'sim/medium' }, 1_200);
    await startPool();
    const [result] = await run([{ prompt: 'hello' }]);
    expect(attemptsOf(result)).toEqual(['small PROVIDER_AUTH', 'medium completed']);
  });

  test('ends the job when there is no other provider', async () => {
    const { result, sim } = await runOne([{ model: 'sim/small', kind: 401, rate: 1 }], { models: ['small', 'large'] });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'PROVIDER_AUTH' } });
    expect(sim.ledger.totals().calls).toBe(1);
  });
});
