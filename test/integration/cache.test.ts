import { describe, expect, test } from 'vitest';
import type { PromptJob } from '../../src/domain/job.ts';
import type { JobResult } from '../../src/domain/result.ts';
import { type Harness, type HarnessOptions, useHarness } from '../support/harness.ts';

const openHarness = useHarness();

async function open(options: HarnessOptions = {}, ttl = '1d'): Promise<Harness> {
  const harness = await openHarness({ ...options, config: { cache: { enabled: true, ttl }, ...options.config } });
  await harness.startPool();
  return harness;
}

const ASK = { prompt: 'What is the capital of France?', temperature: 0, account: 'acme' } satisfies PromptJob;

/** Runs the jobs one after the other and tells of each whether the cache answered. */
async function cachedOf(harness: Harness, jobs: readonly PromptJob[]): Promise<(boolean | undefined)[]> {
  const results: JobResult[] = [];
  for (const job of jobs) results.push(...(await harness.run([job])));
  return results.map((result) => (result.status === 'completed' ? result.cached : undefined));
}

describe('the response cache', () => {
  test('answers the same question for nothing, and records what that saved', async () => {
    const harness = await open();
    const [first] = await harness.run([ASK]);
    const [second] = await harness.run([{ ...ASK, id: 'again', user: 'ada' }]);

    expect(second).toMatchObject({ status: 'completed', cached: true, cost_nanos: 0, row_id: 'again', user: 'ada' });
    expect(second?.status === 'completed' && second.completion.content).toBe(
      first?.status === 'completed' && first.completion.content,
    );
    expect(harness.sim.ledger.totals().calls).toBe(1);
    expect(await harness.usage()).toMatchObject([
      { outcome: 'completed', cost_nanos: first?.cost_nanos },
      { outcome: 'cached', cost_nanos: 0, saved_nanos: first?.cost_nanos },
    ]);
    expect((await harness.money()).spentNanos).toBe(first?.cost_nanos);
  });

  test.each<[string, Partial<PromptJob>]>([
    ['of another account', { account: 'other' }],
    ['with another limit', { max_tokens: 17 }],
    ['for another model', { model: 'medium' }],
    ['with a seed', { seed: 7 }],
    ['with an answer format', { stop: 'x' }],
    ['with a system prompt', { prompt: undefined, messages: [{ role: 'system', content: ASK.prompt }] } as never],
  ])('does not answer a question %s', async (_, other) => {
    const harness = await open();
    const job = Object.fromEntries(Object.entries({ ...ASK, ...other }).filter(([, value]) => value !== undefined));
    expect(await cachedOf(harness, [ASK, job])).toEqual([false, false]);
  });

  test('keeps out of answers that are meant to differ, unless the job asks for it', async () => {
    const harness = await open();
    const warm = { ...ASK, temperature: 0.7 };
    expect(await cachedOf(harness, [warm, warm])).toEqual([false, false]);
    const asked = { ...warm, cache: true };
    expect(await cachedOf(harness, [asked, asked, { ...asked, cache: false }])).toEqual([false, true, false]);
  });

  test.each([false, true])('takes a job without a temperature when told to take any: %s', async (any_temperature) => {
    const { temperature: _temperature, ...plain } = ASK;
    const harness = await open({ config: { cache: { enabled: true, any_temperature } } });
    expect(await cachedOf(harness, [plain, plain])).toEqual([false, any_temperature]);
  });

  test('has identical jobs that run at once make one call', async () => {
    const slow = { price: { input: 1, output: 4 }, latency: { p50_ms: 150, p95_ms: 150 } };
    const harness = await open({ profiles: { 'sim/small': slow, 'sim/medium': slow, 'sim/large': slow } });
    const results = await harness.run(Array.from({ length: 40 }, (_, row) => ({ ...ASK, id: `row-${row}` })));
    expect(results.filter((result) => result.status === 'completed')).toHaveLength(40);
    expect(harness.sim.ledger.totals().calls).toBe(1);
    expect(results.map((result) => result.attempts.length)).toEqual(Array.from({ length: 40 }, () => 1));
    expect((await harness.usage()).filter(({ outcome }) => outcome === 'cached')).toHaveLength(39);
  });

  test('forgets after its time', async () => {
    const harness = await open({}, '1ms');
    expect(await cachedOf(harness, [ASK, ASK])).toEqual([false, false]);
  });

  test('keeps no answer that was cut off', async () => {
    const harness = await open();
    const short = { ...ASK, max_tokens: 1 };
    expect(await cachedOf(harness, [short, short])).toEqual([false, false]);
  });

  test('does not have identical jobs wait for one another when their answers are cut off', async () => {
    const latency = { p50_ms: 100, p95_ms: 101 };
    const harness = await open({ profiles: { 'sim/small': { price: { input: 1, output: 4 }, latency } } });
    const [first] = await harness.run([{ ...ASK, max_tokens: 1 }]);
    expect(first).toMatchObject({ completion: { finish_reason: 'length' } });
    const startedAt = performance.now();
    await harness.run(Array.from({ length: 20 }, () => ({ ...ASK, max_tokens: 1 })));
    expect(harness.sim.ledger.totals().calls).toBe(21);
    expect(performance.now() - startedAt).toBeLessThan(20 * 100);
  });

  test('books an answer under the model that gave it, not under the one that would have been asked', async () => {
    const harness = await open({ faults: [{ model: 'sim/small', kind: 404, rate: 1, first: 1 }] });
    const [first] = await harness.run([ASK]);
    expect(first).toMatchObject({ status: 'completed', model: 'medium' });
    const [second] = await harness.run([ASK]);
    expect(second).toMatchObject({ status: 'completed', model: 'small', cached: false });
    const [third] = await harness.run([{ ...ASK, model: 'medium' }]);
    expect(third).toMatchObject({ status: 'completed', model: 'medium', cached: true });
  });

  test('does not mix the variants of an experiment', async () => {
    const harness = await open({
      config: { experiments: { speed: { variants: { a: { models: ['small'] }, b: { models: ['medium'] } } } } },
    });
    const users = Array.from({ length: 12 }, (_, index) => `user-${index}`);
    const results: JobResult[] = [];
    for (const user of users) results.push(...(await harness.run([{ ...ASK, user }])));
    expect(new Set(results.map((result) => result.variant)).size).toBe(2);
    for (const result of results) {
      expect(result.status === 'completed' && result.model).toBe(result.variant === 'speed:a' ? 'small' : 'medium');
    }
    expect(harness.sim.ledger.totals().calls).toBe(2);
  });

  test('counts the rows of a batch that it answered', async () => {
    const harness = await open();
    await harness.batches.register({ id: 'b', digest: 'd', total: 2, lane: 'batch', submittedAt: 1 });
    const data = { v: 1 as const, task: null, lane: 'batch', enqueued_at: Date.now(), ...ASK };
    for (const row of [0, 1]) {
      await harness.queue('batch').add('-', { ...data, batch: { id: 'b', row } }, { jobId: `b-${row}` });
      await harness.producer.waitFor(`b-${row}`, { timeoutMs: 5_000 });
    }
    expect(await harness.batches.status('b')).toMatchObject({
      state: 'finished',
      completed: 2,
      cached: 1,
      attempts: 1,
      fallbacks: 0,
      retrying: 0,
    });
  });

  test('that is switched off is not asked', async () => {
    const harness = await open({ config: { cache: { enabled: false } } });
    const asked = { ...ASK, cache: true };
    expect(await cachedOf(harness, [asked, asked])).toEqual([false, false]);
  });
});
