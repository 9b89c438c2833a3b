import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLedger } from '../../src/store/ledger.ts';
import { expectBalanced } from '../support/books.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { admitRequest, answeredAttempt, historyOf, sendOut } from '../support/ledger-steps.ts';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

describe('a call', () => {
  test('goes out only while its attempt is open: not when it was written off, nor when another start has the job', async () => {
    const { ledger } = stores;
    expect(await ledger.markSent('a', 'a:1')).toBe(false);
    await ledger.admit(admitRequest({ job: 'a', start: 1, hold: 300 }));
    expect([await ledger.markSent('a', 'a:1'), await ledger.markSent('a', 'a:1')]).toEqual([true, true]);
    await ledger.admit(admitRequest({ job: 'a', start: 2, hold: 300 }));
    expect([await ledger.markSent('a', 'a:1'), await ledger.markSent('a', 'a:2')]).toEqual([false, true]);
    await ledger.settle(answeredAttempt({ job: 'a', start: 2, cost: 1 }));
    expect(await ledger.markSent('a', 'a:2')).toBe(false);
  });

  test('that never went out is given back by the next start, without a trace', async () => {
    const { ledger } = stores;
    await ledger.admit(admitRequest({ job: 'a', hold: 300 }));
    expect(await historyOf(ledger, 'a')).toEqual({ trail: [] });
    expect(await stores.usage()).toEqual([]);
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 0, heldNanos: 0 });
  });

  test('that was not made after all is given back by its worker, once', async () => {
    const { ledger } = stores;
    await sendOut(ledger, { job: 'a', hold: 300 });
    await sendOut(ledger, { job: 'b', hold: 50 });
    for (let time = 0; time < 2; time += 1) await ledger.settle({ jobId: 'a', unsent: 'a:1' });
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 0, heldNanos: 50 });
    await ledger.settle({ jobId: 'b', unsent: 'b:2' });
    expect(await ledger.openAttempts()).toBe(1);
  });

  test('on which nobody can be working any more is written off by whoever looks, and only then', async () => {
    const { ledger } = stores;
    const later = createLedger(stores.redis, stores.keys, { resultTtlMs: 60_000, clockShiftMs: 61_000 });
    for (let job = 0; job < 450; job += 1) await sendOut(ledger, { job: `sent-${job}`, hold: 2 });
    await ledger.admit(admitRequest({ job: 'unsent', hold: 5 }));
    await sendOut(ledger, { job: 'patient', hold: 7, expiresInMs: 100_000 });
    expect(await ledger.reap()).toBe(0);
    expect(await later.reap()).toBe(451);
    expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 900, heldNanos: 7 });
    expect(await later.reap()).toBe(0);
    expect(await stores.usage()).toHaveLength(450);
    await ledger.settle(answeredAttempt({ job: 'patient', cost: 7 }));
    await ledger.settle(answeredAttempt({ job: 'sent-3', cost: 1 }));
    expect(await expectBalanced(stores)).toBe(906);
  });
});

test('two who reap in the same moment write an attempt off once', async () => {
  const { ledger } = stores;
  await sendOut(ledger, { job: 'a', hold: 300, expiresInMs: 0 });
  expect(await Promise.all([ledger.reap(), ledger.reap()])).toEqual([1, 0]);
  expect(await stores.usage()).toMatchObject([{ outcome: 'unconfirmed', cost_nanos: 300 }]);
});

test('where usage cannot be written down nothing is settled, and the job is not started once more', async () => {
  const { redis, keys, ledger } = stores;
  await sendOut(ledger, { job: 'a', hold: 300 });
  await redis.set(keys.usage, 'no stream');
  await expect(ledger.settle(answeredAttempt({ job: 'a', cost: 20 }))).rejects.toThrow('WRONGTYPE');
  await expect(historyOf(ledger, 'a')).rejects.toThrow('WRONGTYPE');
  expect(await ledger.openAttempts()).toBe(1);
  expect(await ledger.budget('all', 'total')).toEqual({ spentNanos: 0, heldNanos: 300 });
  await redis.del(keys.usage);
  await ledger.settle(answeredAttempt({ job: 'a', cost: 20 }));
  await expectBalanced(stores);
});
