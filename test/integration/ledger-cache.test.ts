import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectBalanced } from '../support/books.ts';
import { type Stores, openStores } from '../support/harness.ts';
import {
  admitRequest,
  answeredAttempt,
  cachedEnding,
  failedAttempt,
  historyOf,
  sendOut,
} from '../support/ledger-steps.ts';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

const ask = (job: string, start = 1) => stores.ledger.admit(admitRequest({ job, start, hold: 10, cacheKey: 'k' }));

describe('jobs that ask for the very same at once', () => {
  test('make one call: the others follow it, and are answered from the cache', async () => {
    const { ledger } = stores;
    const admissions = await Promise.all(['a', 'b', 'c'].map((job) => ask(job)));
    expect(admissions.map(({ kind }) => kind)).toEqual(['admitted', 'following', 'following']);
    await ledger.markSent('a', 'a:1');
    await ledger.settle(answeredAttempt({ job: 'a', cost: 5, cacheKey: 'k' }));
    expect(await ask('b')).toMatchObject({ kind: 'cached', completion: { content: 'four' } });
    await ledger.settle(cachedEnding({ job: 'b' }));
    expect(await expectBalanced(stores)).toBe(5);
  });

  test('have the next one call when the first fails, is given back or dies', async () => {
    const { ledger, redis, keys } = stores;
    await ask('a');
    await ledger.settle(failedAttempt({ job: 'a', cost: 0 }));
    expect(await ask('b')).toMatchObject({ kind: 'admitted' });
    expect(await ask('a', 2)).toEqual({ kind: 'following' });
    await ledger.settle({ jobId: 'b', unsent: 'b:1' });
    expect(await ask('c')).toMatchObject({ kind: 'admitted' });
    await historyOf(ledger, 'c');
    expect(await ask('d')).toMatchObject({ kind: 'admitted' });
    await ledger.settle(answeredAttempt({ job: 'd', cost: 1 }));
    expect(await redis.hlen(keys.flights)).toBe(0);
  });

  test('do not follow themselves: a start after a crash calls', async () => {
    await ask('a');
    expect(await ask('a', 2)).toMatchObject({ kind: 'admitted' });
    expect(await ask('b')).toEqual({ kind: 'following' });
    await stores.ledger.settle(answeredAttempt({ job: 'a', start: 2, cost: 1 }));
  });

  test('and of which the answer is not to be kept call one after the other', async () => {
    await sendOut(stores.ledger, { job: 'a', hold: 10, cacheKey: 'k' });
    await stores.ledger.settle(answeredAttempt({ job: 'a', cost: 5 }));
    expect(await ask('b')).toMatchObject({ kind: 'admitted' });
  });
});
