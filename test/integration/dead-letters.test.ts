import { describe, expect, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { Batches } from '../../src/producer/batch.ts';
import type { JobResult } from '../../src/domain/result.ts';
import { createRevivals } from '../../src/store/revivals.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { allOf, cleanUp, retry, untilFailed, withDeadLetters } from '../support/dead-letters.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();

/** The first calls fail and are billed; later ones are answered. One attempt a job. */
function failingAtFirst(calls: number) {
  return open({
    faults: [{ model: '*', kind: 500, rate: 1, first: calls }],
    config: { routing: { strategy: 'order', default_max_tokens: 64, max_attempts: 1 } },
  });
}

/** Rows of a batch in their order, ended. */
async function runBatch(harness: Harness, total: number): Promise<void> {
  const { config, target } = harness;
  async function* rows(): AsyncGenerator<QueuedJob> {
    for (let row = 0; row < total; row += 1) {
      yield { v: 1, id: `row-${row}`, task: null, lane: 'batch', account: 'default', enqueued_at: 1, prompt: `${row}` };
    }
  }
  await using batches = new Batches({ config, redis: target });
  await batches.submit({ id: 'b', digest: 'd', total, lane: 'batch', rows: rows() });
  await untilBatch(harness, 'finished');
}

async function untilBatch({ batches }: Harness, state: string): Promise<void> {
  await until(`a batch that is ${state}`, async () => (await batches.status('b'))?.state === state);
}

async function resultOf({ ledger }: Harness, jobId: string): Promise<JobResult> {
  return until(`the result of ${jobId}`, async () => (await ledger.results([jobId]))[0]);
}

describe('a job that failed', () => {
  test('is a dead letter, and a cancelled or completed one is not', async () => {
    const harness = await failingAtFirst(1);
    await harness.startPool();
    await harness.run([{ prompt: 'fails' }]);
    await harness.run([{ prompt: 'answered' }]);
    await withDeadLetters(harness, async (letters) => {
      const [letter, ...rest] = await allOf(letters);
      expect(rest).toEqual([]);
      expect(letter?.result.error.code).toBe('PROVIDER_FAILED');
      expect((await letters.details(letter!)).job).toMatchObject({ prompt: 'fails' });
    });
  });

  test('is run once more when it is retried, and its result tells of all attempts', async () => {
    const harness = await failingAtFirst(1);
    await harness.startPool();
    const [failed] = await harness.run([{ prompt: 'hello', deadline_ms: 60_000 }]);
    const jobId = failed?.job_id ?? '';
    await untilFailed(harness, 1);
    await harness.redis.hset(`${harness.keys.queues}:interactive:${jobId}`, 'stc', 4);
    await withDeadLetters(harness, async (letters) => {
      expect(await retry(letters, await allOf(letters))).toEqual({ [jobId]: 'revived' });
      const result = await harness.producer.waitFor(jobId, { timeoutMs: 10_000 });
      expect(result).toMatchObject({ status: 'completed', job_id: jobId });
      expect(result.attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'completed']);
      expect(await letters.count()).toBe(0);
    });
    expect(harness.calls().map((call) => call.request_id)).toEqual([`${jobId}:1`, `${jobId}.r1:1`]);
    expect((await harness.queue().getJob(jobId))?.stalledCounter).toBe(0);
    await expectBooksToAgree(harness);
  });

  test('is not retried while a worker has it in its hands, nor when what it was asked is gone', async () => {
    const harness = await failingAtFirst(2);
    await harness.startPool();
    const [held, emptied] = await harness.run([{ prompt: 'one' }, { prompt: 'two' }]);
    await untilFailed(harness, 2);
    const entryOf = (result?: JobResult) => `${harness.keys.queues}:interactive:${result?.job_id}`;
    await harness.redis.set(`${entryOf(held)}:lock`, 'token');
    await harness.redis.hset(entryOf(emptied), 'data', '{bad json');
    await withDeadLetters(harness, async (letters) => {
      const outcomes = await retry(letters, await allOf(letters));
      expect(outcomes).toEqual({ [held?.job_id ?? '']: 'busy', [emptied?.job_id ?? '']: 'no-data' });
      expect(await letters.count()).toBe(2);
    });
    expect(harness.calls()).toHaveLength(2);
  });

  test('is asked of the models that failed it before, also of those that failed it for good', async () => {
    const harness = await open({
      faults: [{ model: '*', kind: 404, rate: 1, first: 3 }],
      config: { routing: { strategy: 'order', default_max_tokens: 64 } },
    });
    await harness.startPool();
    const [failed] = await harness.run([{ prompt: 'hello' }]);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'CHAIN_EXHAUSTED' } });
    await untilFailed(harness, 1);
    await withDeadLetters(harness, async (letters) => retry(letters, await allOf(letters)));
    const result = await resultOf(harness, failed?.job_id ?? '');
    expect(result).toMatchObject({ status: 'completed', model: 'small' });
    expect(result.attempts).toHaveLength(4);
  });

  test('can be retried again and again', async () => {
    const harness = await failingAtFirst(3);
    await harness.startPool();
    const [failed] = await harness.run([{ prompt: 'hello' }]);
    const jobId = failed?.job_id ?? '';
    await withDeadLetters(harness, async (letters) => {
      for (const pass of [1, 2, 3]) {
        await untilFailed(harness, 1);
        expect(await retry(letters, await letters.named([jobId]))).toEqual({ [jobId]: 'revived' });
        expect((await harness.producer.waitFor(jobId, { timeoutMs: 10_000 })).attempts).toHaveLength(pass + 1);
      }
    });
    expect(new Set(harness.calls().map((call) => call.request_id)).size).toBe(4);
    await expectBooksToAgree(harness);
  });
});

describe('a batch whose failed rows are retried', () => {
  test('runs again and finishes, with every counter exact', async () => {
    const harness = await failingAtFirst(3);
    await harness.startPool({ concurrency: 1 });
    await runBatch(harness, 5);
    const before = await harness.batches.status('b');
    expect(before).toMatchObject({ state: 'finished', completed: 2, failed: 3, attempts: 5 });
    await untilFailed(harness, 3, 'batch');
    await withDeadLetters(harness, async (letters) => {
      const chosen = await letters.named(['row-0', 'b-1'], 'b');
      expect(Object.values(await retry(letters, chosen))).toEqual(['revived', 'revived']);
    });
    await untilBatch(harness, 'finished');
    expect(await harness.batches.status('b')).toMatchObject({ completed: 4, failed: 1, attempts: 7, retrying: 0 });
    const rows = await harness.ledger.results([0, 1, 2, 3, 4].map((row) => `b-${row}`));
    const costNanos = rows.reduce((sum, result) => sum + (result?.cost_nanos ?? 0), 0);
    expect((await harness.batches.status('b'))?.costNanos).toBe(costNanos);
    await expectBooksToAgree(harness);
  });

  test('revives each row once, however many ask at the same time', async () => {
    const harness = await failingAtFirst(20);
    await harness.startPool({ concurrency: 20 });
    await runBatch(harness, 20);
    await untilFailed(harness, 20, 'batch');
    await withDeadLetters(harness, (letters) =>
      withDeadLetters(harness, async (others) => {
        const chosen = await allOf(letters);
        const outcomes = await Promise.all([letters, others, letters].map((asker) => retry(asker, chosen)));
        const revived = outcomes.flatMap((all) => Object.entries(all).filter(([, outcome]) => outcome === 'revived'));
        expect(new Set(revived.map(([jobId]) => jobId)).size).toBe(20);
        expect(revived).toHaveLength(20);
      }),
    );
    await untilBatch(harness, 'finished');
    expect(await harness.batches.status('b')).toMatchObject({ completed: 20, failed: 0, attempts: 40, retrying: 0 });
    expect(harness.calls()).toHaveLength(40);
    await expectBooksToAgree(harness);
  });

  test('is not run when it was cancelled', async () => {
    const harness = await failingAtFirst(1);
    await harness.startPool();
    await runBatch(harness, 1);
    await untilFailed(harness, 1, 'batch');
    await harness.batches.markCancelled('b');
    await withDeadLetters(harness, async (letters) => {
      expect(await retry(letters, await allOf(letters))).toEqual({ 'b-0': 'cancelled' });
    });
    expect(await resultOf(harness, 'b-0')).toMatchObject({ status: 'failed' });
  });
});

/** A job that failed and was brought back, but not into its lane. */
async function cutOff(harness: Harness): Promise<string> {
  await harness.startPool();
  const [failed] = await harness.run([{ prompt: 'hello' }]);
  await untilFailed(harness, 1);
  const { redis, keys, config } = harness;
  const revivals = createRevivals(redis, keys, { ttlMs: config.results.keep });
  await withDeadLetters(harness, async (letters) => {
    const [letter] = await allOf(letters);
    const { job } = await letters.details(letter!);
    const data = { ...job!, revision: 1 };
    const opts = { jobId: letter!.jobId, attempts: 1 };
    expect(await revivals.revive(letter!, { lane: job!.lane, name: '-', data, opts })).toBe('revived');
  });
  return failed?.job_id ?? '';
}

describe('a retry that is cut off between its two steps', () => {
  test('is finished by the next retry', async () => {
    const harness = await failingAtFirst(1);
    const jobId = await cutOff(harness);
    await withDeadLetters(harness, async (letters) => {
      expect(await letters.finishRevivals()).toEqual([{ jobId, rowId: undefined }]);
      expect(await letters.finishRevivals()).toEqual([]);
    });
    expect(await resultOf(harness, jobId)).toMatchObject({ status: 'completed' });
  });

  test('is finished by the janitor, also when two clean up at once', async () => {
    const harness = await failingAtFirst(1);
    const jobId = await cutOff(harness);
    await Promise.all([cleanUp(harness), cleanUp(harness)]);
    expect(await resultOf(harness, jobId)).toMatchObject({ status: 'completed' });
    expect(harness.calls()).toHaveLength(2);
    await expectBooksToAgree(harness);
  });
});

test('dead letters are forgotten with their results', async () => {
  const harness = await failingAtFirst(2);
  await harness.startPool();
  await harness.run([{ prompt: 'one' }, { prompt: 'two' }]);
  const { redis, keys } = harness;
  const [jobId = ''] = await redis.zrange(keys.dead, 0, '0');
  await redis.zadd(keys.dead, 1, jobId);
  await cleanUp(harness);
  expect(await redis.zcard(keys.dead)).toBe(1);
});

describe('the retry button of the board', () => {
  test.each([
    ['failed', 1],
    ['completed', 0],
  ] as const)('lets a job that %s end as it had ended, without a call', async (state, failures) => {
    const harness = await failingAtFirst(failures);
    await harness.startPool();
    const [before] = await harness.run([{ prompt: 'hello' }]);
    const jobId = before?.job_id ?? '';
    const job = await until(`a ${state} job`, async () => {
      const found = await harness.queue().getJob(jobId);
      return (await found?.getState()) === state ? found : undefined;
    });
    await job.retry(state);
    await until('another end', async () => {
      const again = await harness.queue().getJob(jobId);
      return again?.attemptsStarted === 2 && (await again.getState()) === state;
    });
    expect(await resultOf(harness, jobId)).toEqual(before);
    expect(harness.calls()).toHaveLength(1);
  });
});
