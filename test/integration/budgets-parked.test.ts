import { afterEach, describe, expect, test } from 'vitest';
import type { PromptJob, QueuedJob } from '../../src/domain/job.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { ParkedJob, Parking } from '../../src/store/parking.ts';
import { runAttempt } from '../../src/workers/attempt.ts';
import { HELLO, HELLO_BOUND_USD, openBudgetDesk, openServices } from '../support/budget-desk.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const SPENT = HELLO_BOUND_USD - 1e-9;
const HOUR_MS = 3_600_000;

/** Starts of one job as a worker makes them, while the ledger's clock shows a given time into the hour. */
async function startsAt(harness: Harness, intoTheHourMs: number) {
  const { services, close } = await openServices(harness, intoTheHourMs - (Date.now() % HOUR_MS));
  closing.push(close);
  let attemptsStarted = 0;
  return (changes: Pick<PromptJob, 'deadline_ms'> = {}, jobId = 'j'): Promise<Outcome> => {
    attemptsStarted += 1;
    const job: QueuedJob = { ...HELLO, v: 1, task: null, account: 'default', enqueued_at: Date.now(), ...changes };
    const start = {
      jobId,
      job,
      attemptsStarted,
      attemptsMade: 0,
      stalls: 0,
      maxAttempts: 4,
      deferrals: attemptsStarted - 1,
    };
    return runAttempt(start, services, { signal: new AbortController().signal, isHeld: () => true });
  };
}

describe('a job that is parked', () => {
  test('waits for money without spending an attempt or occupying a worker, and goes on when there is some', async () => {
    const harness = await open({
      config: { budgets: { team: { limit_usd: SPENT, account: 'team', on_exhausted: 'park' } } },
    });
    const { run, producer, startPool, queue, sim } = harness;
    const desk = openBudgetDesk(harness);
    await startPool({ concurrency: 2, lanes: ['batch'] });
    const { id } = await producer.enqueue({ ...HELLO, account: 'team', max_attempts: 1 });
    await until('the job to be delayed', async () => (await queue('batch').getDelayedCount()) === 1);
    expect(await desk.parking.count('team', Date.now())).toBe(1);
    const others = await run([HELLO, HELLO, HELLO]);
    expect(others.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
    expect(sim.ledger.totals().calls).toBe(3);

    expect(await desk.topUp('team', 1e-9)).toBe(1);
    const result = await producer.waitFor(id, { timeoutMs: 5_000 });
    expect(result).toMatchObject({ status: 'completed', attempts: [{}] });
    expect(await desk.parking.count('team', Date.now())).toBe(0);
    expect((await queue('batch').getJob(id))?.attemptsMade).toBe(1);
    const spent = { spentNanos: result.cost_nanos, heldNanos: 0 };
    expect(await harness.ledger.budget('team', 'total')).toEqual(spent);
  });

  test('and is woken in vain waits on', async () => {
    const harness = await open({ config: { budgets: { team: { limit_usd: SPENT / 2, on_exhausted: 'park' } } } });
    const desk = openBudgetDesk(harness);
    await harness.startPool();
    const { id } = await harness.producer.enqueue(HELLO);
    const isDelayed = async () => (await harness.queue('batch').getDelayedCount()) === 1;
    await until('the job to be delayed', isDelayed);
    expect(await desk.topUp('team', 1e-9)).toBe(1);
    await until('the job to be delayed again', isDelayed);
    await until('its note', async () => (await desk.parking.count('team', Date.now())) === 1);
    expect(await desk.topUp('team', 1)).toBe(1);
    expect(await harness.producer.waitFor(id, { timeoutMs: 5_000 })).toMatchObject({ status: 'completed' });
  });

  test('looks once more before it waits, until the window resets, and then fits in the next one', async () => {
    const harness = await open({
      config: { budgets: { team: { limit_usd: HELLO_BOUND_USD * 1.2, window: 'hour', on_exhausted: 'park' } } },
    });
    const now = await startsAt(harness, HOUR_MS - 60_000);
    expect(await now()).toMatchObject({ kind: 'completed' });
    const waiting = { kind: 'deferred', error: { code: 'BUDGET_EXCEEDED' } };
    expect(await now({}, 'last')).toMatchObject({ ...waiting, delayMs: 0 });
    const again = await now({}, 'last');
    expect(again).toMatchObject(waiting);
    // Half of the spread of five seconds, besides the minute that is left.
    const { delayMs } = again as Extract<Outcome, { kind: 'deferred' }>;
    expect(delayMs).toBeGreaterThan(57_000);
    expect(delayMs).toBeLessThanOrEqual(62_500);

    const next = await startsAt(harness, HOUR_MS + 1_000);
    expect(await next({}, 'last')).toMatchObject({ kind: 'completed' });
  });

  test('looks again after an hour, however far the reset is', async () => {
    const harness = await open({ config: { budgets: { team: { limit_usd: 0, on_exhausted: 'park' } } } });
    const start = await startsAt(harness, 0);
    await start();
    expect(await start()).toMatchObject({ kind: 'deferred', delayMs: HOUR_MS + 2_500 });
  });

  test('looks again before what is known of it is forgotten', async () => {
    const budgets = { team: { limit_usd: 0, on_exhausted: 'park' } } as const;
    const harness = await open({ config: { budgets, results: { keep: '20m' } } });
    const start = await startsAt(harness, 0);
    await start();
    expect(await start()).toMatchObject({ kind: 'deferred', delayMs: HOUR_MS / 6 + 2_500 });
  });

  test.each([
    { deadline_ms: 120_000, kind: 'deferred', message: 'exhausted' },
    { deadline_ms: 30_000, kind: 'rejected', message: "after the job's deadline" },
  ])('has until its deadline of $deadline_ms ms: it is $kind', async ({ deadline_ms, kind, message }) => {
    const harness = await open({
      config: { budgets: { team: { limit_usd: SPENT, window: 'hour', on_exhausted: 'park' } } },
    });
    const start = await startsAt(harness, HOUR_MS - 60_000);
    const outcome = await start({ deadline_ms });
    const error = { code: 'BUDGET_EXCEEDED', message: expect.stringContaining(message) as unknown };
    expect(outcome).toMatchObject({ kind, error });
    expect(await harness.redis.exists(harness.keys.parked('team'))).toBe(kind === 'deferred' ? 1 : 0);
  });

  test('is not missed by a release that comes after it was noted and before it is delayed', async () => {
    const harness = await open();
    const desk = openBudgetDesk(harness);
    const queue = harness.queue('batch');
    const job: QueuedJob = { ...HELLO, v: 1, task: null, account: 'default', enqueued_at: 1 };
    await queue.add('-', job, { jobId: 'noted', delay: HOUR_MS });
    const active = `${harness.keys.queues}:batch:active`;
    const delayed = `${harness.keys.queues}:batch:delayed`;
    const score = await harness.redis.zscore(delayed, 'noted');
    // As it lies while a worker has it.
    await harness.redis.multi().zrem(delayed, 'noted').lpush(active, 'noted').exec();
    await desk.parking.note({ purse: 'team', lane: 'batch', jobId: 'noted', untilMs: Date.now() + HOUR_MS });
    const releasing = desk.release('team');
    await until('the first look', async () => (await queue.getJobState('noted')) === 'active');
    await harness.redis
      .multi()
      .lrem(active, 1, 'noted')
      .zadd(delayed, score ?? '0', 'noted')
      .exec();
    expect(await releasing).toBe(1);
    expect(await queue.getJobState('noted')).toBe('waiting');
  });
});

async function readAll(parking: Parking, purse: string): Promise<ParkedJob[]> {
  const jobs: ParkedJob[] = [];
  for await (const page of parking.read(purse)) jobs.push(...page);
  return jobs;
}

describe('a note', () => {
  test('of a job that is noted again is not taken away by who read it before', async () => {
    const harness = await open();
    const { parking } = openBudgetDesk(harness);
    const due = Date.now() + 1_000;
    const job = { purse: 'team', lane: 'batch', jobId: 'a b' };
    expect(await parking.note({ ...job, untilMs: due })).toBe(true);
    const [read] = await readAll(parking, 'team');
    expect(read).toEqual({ lane: 'batch', jobId: 'a b', untilMs: due });
    expect(await parking.note({ ...job, untilMs: due + 1 })).toBe(false);
    if (read) await parking.forget('team', [read]);
    expect(await parking.count('team', due)).toBe(1);
    await parking.forget('team', [{ lane: 'batch', jobId: 'a b', untilMs: due + 1 }]);
    expect(await parking.count('team', due)).toBe(0);
  });

  test('of a job that has looked by itself since does not count, and is forgotten', async () => {
    const harness = await open();
    const { parking } = openBudgetDesk(harness);
    const now = Date.now();
    await parking.note({ purse: 'team', lane: 'batch', jobId: 'old', untilMs: now - 2 * HOUR_MS });
    await parking.note({ purse: 'team', lane: 'batch', jobId: 'due', untilMs: now - 1 });
    await parking.note({ purse: 'team', lane: 'batch', jobId: 'new', untilMs: now + HOUR_MS });
    expect(await parking.count('team', now)).toBe(1);
    const jobs = await readAll(parking, 'team');
    expect(jobs.map(({ jobId }) => jobId)).toEqual(['due', 'new']);
    expect(await parking.purses()).toEqual(['team']);
  });

  test('is read with thousands of others, a page at a time', async () => {
    const { parking } = openBudgetDesk(await open());
    const due = Date.now() + HOUR_MS;
    const jobIds = Array.from({ length: 2_000 }, (_, index) => `j-${index}`);
    await Promise.all(jobIds.map((jobId) => parking.note({ purse: 'team', lane: 'batch', jobId, untilMs: due })));
    const jobs = await readAll(parking, 'team');
    expect(new Set(jobs.map(({ jobId }) => jobId))).toEqual(new Set(jobIds));
  });
});
