import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireEmbeddedRedis } from '../../src/store/embedded/index.ts';
import { createKeys } from '../../src/store/keys.ts';
import { createLedger } from '../../src/store/ledger.ts';
import { expectBalanced } from '../support/books.ts';
import { type Stores, openStores } from '../support/harness.ts';
import {
  admitRequest,
  answeredAttempt,
  attemptId,
  failedAttempt,
  historyOf,
  refusal,
  sendOut,
} from '../support/ledger-steps.ts';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

describe('history', () => {
  test('of a job that was never started is empty', async () => {
    expect(await historyOf(stores.ledger, 'nobody')).toEqual({ trail: [] });
  });

  test('writes an attempt that was left open off: the hold is charged, one record says unconfirmed', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 300 });
    const [first, again] = [await historyOf(ledger, 'a'), await historyOf(ledger, 'a')];
    expect(first.trail).toMatchObject([{ outcome: 'unconfirmed', cost_nanos: 300 }]);
    expect(again).toEqual(first);
    expect(await stores.usage()).toMatchObject([{ attempt_id: 'a:1', outcome: 'unconfirmed', cost_nanos: 300 }]);
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 300, heldNanos: 0 });
    expect(await expectBalanced(stores)).toBe(300);
  });

  test.each([
    { truth: 120, difference: -180 },
    { truth: 300, difference: 0 },
    { truth: 430, difference: 130 },
  ])('the late truth of $truth about a written-off 300 is a correction of $difference', async (each) => {
    const { ledger, batches } = stores;
    await batches.register({ id: 'b', digest: 'd', total: 1, lane: 'batch', submittedAt: 1 });
    await sendOut(ledger, { job: 'a', hold: 300, batch: 'b' });
    await historyOf(ledger, 'a');

    const late = answeredAttempt({ job: 'a', cost: each.truth, batch: 'b' });
    await ledger.settle(late);
    await ledger.settle(late);

    expect(await stores.usage()).toMatchObject([
      { attempt_id: attemptId({ job: 'a' }), outcome: 'unconfirmed', cost_nanos: 300 },
      { attempt_id: attemptId({ job: 'a' }), outcome: 'correction', cost_nanos: each.difference, task: null },
    ]);
    expect(await expectBalanced(stores)).toBe(each.truth);
    expect(await batches.status('b')).toMatchObject({ attempts: 1, costNanos: each.truth, completed: 1, retrying: 0 });
  });

  test('lists the failed attempts in their order, and the result once there is one', async () => {
    const { ledger } = stores;
    for (const start of [1, 2]) {
      await sendOut(ledger, { job: 'a', start, hold: 300 });
      await ledger.settle(failedAttempt({ job: 'a', start, cost: start }));
    }
    expect((await historyOf(ledger, 'a')).trail.map((attempt) => attempt.cost_nanos)).toEqual([1, 2]);
    await ledger.settle(refusal({ job: 'a' }));
    expect(await historyOf(ledger, 'a')).toMatchObject({ result: { status: 'failed' }, trail: [] });
  });
});

describe('a Redis in trouble', () => {
  test('the scripts are loaded again after SCRIPT FLUSH', async () => {
    const { ledger, redis } = stores;
    await sendOut(ledger, { job: 'a', hold: 300 });
    await redis.script('FLUSH');
    await ledger.settle(failedAttempt({ job: 'a', cost: 7 }));
    await redis.script('FLUSH');
    expect((await historyOf(ledger, 'a')).trail).toHaveLength(1);
    await redis.script('FLUSH');
    expect(await ledger.admit(admitRequest({ job: 'a', start: 2, hold: 300 }))).toEqual({
      kind: 'admitted',
      key: 'default',
    });
    await ledger.settle(answeredAttempt({ job: 'a', start: 2, cost: 3 }));
    expect(await expectBalanced(stores)).toBe(10);
  });

  test('without memory left an admission fails and says why, while what was called is still settled', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-oom-'));
    const server = await acquireEmbeddedRedis({ directory, install: false, log: () => {} });
    const redis = new Redis(server.connection);
    const keys = createKeys('{oom}');
    const ledger = createLedger(redis, keys, { resultTtlMs: 60_000 });
    try {
      await sendOut(ledger, { job: 'a', hold: 300 });
      await sendOut(ledger, { job: 'left-open', hold: 300 });
      await redis.config('SET', 'maxmemory', '1');

      await expect(ledger.admit(admitRequest({ job: 'b', hold: 300 }))).rejects.toThrow(/^OOM command not allowed/);
      expect(await ledger.settle(answeredAttempt({ job: 'a', cost: 120 }))).toMatchObject({ status: 'completed' });
      expect((await historyOf(ledger, 'left-open')).trail).toHaveLength(1);

      expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 420, heldNanos: 0 });
      expect(await redis.xlen(keys.usage)).toBe(2);
    } finally {
      redis.disconnect();
      await server.release();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
