import { describe, expect, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { threeModels, until, useHarness } from '../support/harness.ts';

const open = useHarness();

describe('a job', () => {
  test('is answered, recorded and paid once', async () => {
    const harness = await open({
      answers: new Map([['What is 2 + 2?', { task: 'maths', answer: 'four', wrong: 'five' }]]),
    });
    await harness.startPool();
    const [result] = await harness.run([
      {
        prompt: 'What is 2 + 2?',
        user: 'ada',
        account: 'acme',
        max_tokens: 20,
        expect: { equals: 'Four' },
        metadata: { a: 'b' },
      },
    ]);

    expect(result).toMatchObject({
      status: 'completed',
      model: 'small',
      provider: 'alpha',
      model_id: 'sim/small',
      completion: { content: 'four', finish_reason: 'stop', usage: { input_tokens: 4, output_tokens: 1 } },
      score: 1,
      cached: false,
      user: 'ada',
      metadata: { a: 'b' },
      cost_nanos: 8_000,
    });
    expect(await harness.usage()).toMatchObject([
      {
        attempt_id: `${result?.job_id}:1`,
        outcome: 'completed',
        account: 'acme',
        user: 'ada',
        model: 'small',
        input_tokens: 4,
        output_tokens: 1,
        cost_nanos: 8_000,
        price_source: 'config',
      },
    ]);
    await expectBooksToAgree(harness);
    const job = await harness.queue().getJob(result?.job_id ?? '');
    expect(job?.returnvalue).toEqual({ model: 'small', attempts: 1, cost_usd: 0.000008, score: 1 });
  });

  test.each([
    ['nothing', {}],
    ['no prompt', { v: 1, task: null, lane: 'interactive', account: 'a', enqueued_at: 1 }],
    ['a version from the future', { v: 2, task: null, lane: 'interactive', account: 'a', enqueued_at: 1, prompt: 'x' }],
    ['null', null],
    ['a text', 'hello'],
    [
      'messages that are none',
      { v: 1, task: null, lane: 'interactive', account: 'a', enqueued_at: 1, messages: [null] },
    ],
  ])('whose data holds %s ends at once, with a result', async (name, data) => {
    const harness = await open();
    await harness.startPool();
    const id = 'j-broken';
    await harness.queue().add('-', data as QueuedJob, { jobId: id, attempts: 4, backoff: { type: 'sluice' } });

    const result = await harness.producer.waitFor(id, { timeoutMs: 5_000 });

    const code = name === 'messages that are none' ? 'INTERNAL' : 'JOB_INVALID';
    expect(result).toMatchObject({ status: 'failed', error: { code }, attempts: [] });
    const job = await until('BullMQ to fail the job', async () => {
      const found = await harness.queue().getJob(id);
      return found?.finishedOn === undefined ? undefined : found;
    });
    expect(job.attemptsMade).toBe(1);
    expect(job.failedReason).toMatch(new RegExp(`^${code}: `));
    expect(harness.sim.ledger.totals().calls).toBe(0);
  });

  test('whose key was removed while it waited does no harm', async () => {
    const harness = await open();
    const { id } = await harness.producer.enqueue({ prompt: 'gone' });
    await harness.redis.del(`${harness.config.redis.prefix}:queue:interactive:${id}`);
    await harness.startPool();
    const [result] = await harness.run([{ prompt: 'still here' }]);
    expect(result?.status).toBe('completed');
    expect(harness.sim.ledger.totals().calls).toBe(1);
  });

  test('that ended already stays as it ended when it is run again by hand', async () => {
    const harness = await open({ faults: [{ model: '*', kind: 400, rate: 1, first: 1 }] });
    await harness.startPool();
    const [result] = await harness.run([{ prompt: 'hello' }]);
    expect(result?.status).toBe('failed');
    const id = result?.job_id ?? '';
    const failedJob = await until('the failed job', async () => {
      const job = await harness.queue().getJob(id);
      return (await job?.isFailed()) ? job : undefined;
    });
    await failedJob.retry('failed');
    await until('the second start', async () => {
      const job = await harness.queue().getJob(id);
      return (job?.attemptsStarted ?? 0) > 1 && (await job?.isFailed());
    });
    expect((await harness.ledger.results([id]))[0]).toEqual(result);
    expect(harness.sim.ledger.totals().calls).toBe(1);
  });

  test('that BullMQ gives up gets a result all the same', async () => {
    const harness = await open({ config: { workers: { lock: '500ms' } } });
    const { id } = await harness.producer.enqueue({ prompt: 'hello' });
    // What the stalled checker leaves behind for a job that was lost too often.
    await harness.redis.hset(
      `${harness.config.redis.prefix}:queue:interactive:${id}`,
      'defa',
      'job stalled more than allowable limit',
    );
    await harness.startPool();
    const result = await harness.producer.waitFor(id, { timeoutMs: 10_000 });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'INTERNAL' } });
    expect(harness.sim.ledger.totals().calls).toBe(0);
  });
});

describe('routing', () => {
  test('the variant of an experiment is stable for a user and recorded everywhere', async () => {
    const harness = await open({
      config: {
        experiments: { speed: { variants: { a: { models: ['small'] }, b: { models: ['medium'] } } } },
      },
    });
    await harness.startPool();
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const jobs = users.flatMap((user) => [1, 2, 3].map((turn) => ({ prompt: `${user} ${turn}`, user })));
    const results = await harness.run(jobs);

    const modelOf = { 'speed:a': 'small', 'speed:b': 'medium' } as Record<string, string>;
    for (const user of users) {
      const variants = new Set(results.filter((result) => result.user === user).map((result) => result.variant));
      expect(variants.size).toBe(1);
    }
    for (const result of results) {
      expect(result.status === 'completed' && result.model).toBe(modelOf[result.variant ?? '']);
    }
    for (const record of await harness.usage()) expect(record.model).toBe(modelOf[record.variant ?? '']);
    expect(new Set(results.map((result) => result.variant))).toEqual(new Set(['speed:a', 'speed:b']));
  });

  test('a prompt without a task is looked at: work for a large model goes to the large one', async () => {
    const harness = await open({ config: { routing: { strategy: 'cost' }, models: pricedModels() } });
    await harness.startPool();
    const hard =
      'Prove the theorem step by step, compare the trade-offs and debug this function: ```const a = () => 1;```';
    const [easy, difficult] = await harness.run([{ prompt: 'Say hello.' }, { prompt: hard }]);
    expect(easy).toMatchObject({ model: 'small', task: null });
    expect(difficult).toMatchObject({ model: 'large', task: null });
  });
});

function pricedModels(): NonNullable<ReturnType<typeof threeModels>> {
  return Object.fromEntries(
    Object.entries(threeModels()).map(([alias, model], index) => [
      alias,
      { ...model, price: { input: index + 1, output: index + 1 } },
    ]),
  );
}
