import { Worker } from 'bullmq';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { FaultRule } from '../../src/sim/faults.ts';
import type { SimProfilesInput } from '../../src/sim/profiles.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { expectBalanced, expectBooksToAgree } from '../support/books.ts';
import { threeModels, until, useHarness } from '../support/harness.ts';
import { admitRequest } from '../support/ledger-steps.ts';

const open = useHarness();

function profilesWithLatency(latencyMs: number): SimProfilesInput {
  return Object.fromEntries(
    Object.values(threeModels()).map(({ id, price }) => [
      id,
      { price, latency: { p50_ms: latencyMs, p95_ms: latencyMs } },
    ]),
  );
}

describe('a pool that stops', () => {
  const NEVER_FIRST_THREE: FaultRule[] = [{ model: '*', kind: 'timeout', rate: 1, first: 3 }];

  test('gives the jobs in its hands back within the grace, and another pool ends them', async () => {
    const harness = await open({ faults: NEVER_FIRST_THREE });
    const pool = await harness.startPool({ concurrency: 3, lanes: ['batch'] });
    const ids = await Promise.all(
      [1, 2, 3].map(async (row) => (await harness.producer.enqueue({ prompt: `row ${row}`, lane: 'batch' })).id),
    );
    await until('three calls', () => harness.sim.ledger.totals().calls === 3);

    const before = Date.now();
    await pool.stop(50);
    expect(Date.now() - before).toBeLessThan(2_000);
    const jobs = await Promise.all(ids.map((id) => harness.queue('batch').getJob(id)));
    expect(jobs.map((job) => job?.attemptsMade)).toEqual([0, 0, 0]);
    expect(await harness.queue('batch').getWaitingCount()).toBe(3);
    expect(await harness.ledger.openAttempts()).toBe(0);
    expect((await harness.usage()).map((record) => [record.outcome, record.error_code])).toEqual(
      Array.from({ length: 3 }, () => ['unconfirmed', 'INTERRUPTED']),
    );

    await harness.startPool();
    const results = await Promise.all(ids.map((id) => harness.producer.waitFor(id, { timeoutMs: 10_000 })));
    expect(results.map((result) => result.attempts.map((attempt) => `${attempt.model} ${attempt.outcome}`))).toEqual(
      Array.from({ length: 3 }, () => ['small unconfirmed', 'small completed']),
    );
    await expectBooksToAgree(harness);
  });

  test('lets calls that end within the grace end', async () => {
    const harness = await open({
      profiles: profilesWithLatency(300),
    });
    const pool = await harness.startPool();
    const { id } = await harness.producer.enqueue({ prompt: 'hello' });
    await until('the call', () => harness.sim.ledger.totals().calls === 1);
    await pool.stop(10_000);
    expect((await harness.ledger.results([id]))[0]).toMatchObject({ status: 'completed', attempts: [{}] });
    await expectBooksToAgree(harness);
  });

  test('may be stopped twice, while it starts, and before it was started', async () => {
    const harness = await open();
    const pool = await harness.startPool();
    await Promise.all([pool.stop(), pool.stop()]);
    const starting = harness.startPool();
    await (await starting).stop();
    const options = { config: harness.config, redis: harness.target, logger: pino({ level: 'silent' }) };
    await new WorkerPool(options).stop();
    const early = new WorkerPool(options);
    const started = early.start().catch(() => {});
    await early.stop();
    await started;
    // What was left open would be found when the harness closes.
  });

  test('of many, one after the other, loses no job and pays for none twice without saying so', async () => {
    const harness = await open({ profiles: profilesWithLatency(15) });
    const ids = await Promise.all(
      Array.from(
        { length: 120 },
        async (_, row) => (await harness.producer.enqueue({ prompt: `row ${row}`, lane: 'batch' })).id,
      ),
    );
    for (let round = 1; round <= 4; round += 1) {
      const pool = await harness.startPool({ concurrency: 10, lanes: ['batch'] });
      await until('some calls', () => harness.sim.ledger.totals().calls >= round * 15);
      await pool.stop(0);
    }
    await harness.startPool({ concurrency: 20, lanes: ['batch'] });
    const results = await Promise.all(ids.map((id) => harness.producer.waitFor(id, { timeoutMs: 10_000 })));
    expect(results.every((result) => result.status === 'completed')).toBe(true);
    const records = await harness.usage();
    const called = new Set(harness.calls().map((call) => call.request_id));
    // A call that was given up before it was sent has a record that says so, and costs nothing or is flagged.
    for (const record of records.filter((each) => !called.has(each.attempt_id))) {
      expect(record.error_code).toBe('INTERRUPTED');
    }
    const recorded = new Set(records.map((record) => record.attempt_id));
    expect([...called].filter((attempt) => !recorded.has(attempt ?? ''))).toEqual([]);
    expect(new Set(records.filter((each) => each.outcome === 'completed').map((each) => each.job_id)).size).toBe(120);
    await expectBalanced(harness);
  });
});

describe('a worker that is lost', () => {
  test('in the middle of a call: the attempt is written off, and another worker ends the job', async () => {
    const harness = await open({ config: { workers: { lock: '300ms' } } });
    const { producer, ledger, redis } = harness;
    const { id } = await producer.enqueue({ prompt: 'hello', max_attempts: 1 });
    const connection = redis.duplicate({ maxRetriesPerRequest: null });
    const lost = new Worker('interactive', null, {
      connection,
      prefix: harness.keys.queues,
      lockDuration: 300,
    });
    await lost.getNextJob('token of the lost one');
    const hold = 1_000;
    await ledger.admit({ ...admitRequest({ job: id, hold, budget: 'everything' }), attemptId: `${id}:1` });
    await ledger.markSent(id, `${id}:1`);

    await harness.startPool();
    const result = await producer.waitFor(id, { timeoutMs: 10_000 });
    await lost.close(true);
    connection.disconnect();

    expect(result).toMatchObject({
      status: 'completed',
      attempts: [{ outcome: 'unconfirmed', cost_nanos: hold }, { outcome: 'completed' }],
    });
    expect(await harness.usage()).toMatchObject([
      { attempt_id: `${id}:1`, outcome: 'unconfirmed', cost_nanos: hold },
      { attempt_id: `${id}:2`, outcome: 'completed' },
    ]);
    expect((await harness.money()).spentNanos).toBe(result.cost_nanos);
  });

  test('to its lock only: its call is cut off and flagged, and the job is run again', async () => {
    const harness = await open({
      config: { workers: { lock: '600ms' } },
      faults: [{ model: 'sim/small', kind: 'timeout', rate: 1, first: 1 }],
    });
    const { producer, redis, config } = harness;
    await harness.startPool();
    const { id } = await producer.enqueue({ prompt: 'hello' });
    await until('the call', () => harness.sim.ledger.totals().calls === 1);
    await redis.del(`${config.redis.prefix}:queue:interactive:${id}:lock`);
    const result = await producer.waitFor(id, { timeoutMs: 15_000 });

    expect(result).toMatchObject({
      status: 'completed',
      attempts: [{ model: 'small', outcome: 'unconfirmed', error_code: 'INTERRUPTED' }, { outcome: 'completed' }],
    });
    await expectBooksToAgree(harness);
  });
});
