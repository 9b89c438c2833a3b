import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BatchManifest } from '../../src/store/batches.ts';
import { type Stores, openStores } from '../support/harness.ts';
import {
  answeredAttempt,
  cachedEnding,
  completedResult,
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

function manifest(id: string, more: Partial<BatchManifest> = {}): BatchManifest {
  return { id, digest: 'digest', total: 4, lane: 'batch', submittedAt: 1_800_000_000_000, ...more };
}

describe('registering a batch', () => {
  test('tells the first from a repeated submission, which learns how far the first came', async () => {
    const { batches } = stores;
    expect(await batches.register(manifest('b'))).toEqual({ created: true, enqueued: 0 });
    await batches.markEnqueued('b', 3);
    expect(await batches.register(manifest('b', { submittedAt: 9 }))).toEqual({ created: false, enqueued: 3 });
    expect(await batches.status('b')).toMatchObject({ submittedAt: 1_800_000_000_000, enqueued: 3 });
  });

  test('refuses the id of a batch with other rows and says what to do', async () => {
    const { batches } = stores;
    await batches.register(manifest('b'));
    await expect(batches.register(manifest('b', { digest: 'other' }))).rejects.toThrow(
      'batch "b" was submitted before with other rows or options; give it another --id',
    );
    expect(await batches.status('b')).toMatchObject({ digest: 'digest' });
  });

  test('takes no notice of the cap that was set by hand for a forgotten batch of the same id', async () => {
    const { batches, redis, keys } = stores;
    await redis.hset(keys.budgetLimits, 'batch:b', 500, 'batch:b2', 500);
    await batches.register(manifest('b', { maxTotalNanos: 5 }));
    expect(await redis.hgetall(keys.budgetLimits)).toEqual({ 'batch:b2': '500' });
    await redis.hset(keys.budgetLimits, 'batch:b', 9);
    await batches.register(manifest('b', { maxTotalNanos: 5 }));
    expect(await redis.hget(keys.budgetLimits, 'batch:b')).toBe('9');
  });

  test('at the same time from many processes creates it once', async () => {
    const { batches } = stores;
    const replies = await Promise.all(Array.from({ length: 20 }, () => batches.register(manifest('b'))));
    expect(replies.filter((reply) => reply.created)).toHaveLength(1);
  });

  test('of an id that nobody knows has no status', async () => {
    expect(await stores.batches.status('unknown')).toBeUndefined();
  });
});

describe('the state of a batch', () => {
  test('goes from enqueueing over running to finished', async () => {
    const { batches, ledger } = stores;
    const stateOf = async () => (await batches.status('b'))?.state;
    await batches.register(manifest('b', { total: 2 }));
    expect(await stateOf()).toBe('enqueueing');
    await batches.markEnqueued('b', 2);
    expect(await stateOf()).toBe('running');
    await ledger.settle(refusal({ job: 'b-0', batch: 'b' }));
    expect(await stateOf()).toBe('running');
    await ledger.settle(refusal({ job: 'b-1', batch: 'b' }));
    expect(await stateOf()).toBe('finished');
  });

  test('stays cancelled once it was cancelled', async () => {
    const { batches, ledger } = stores;
    await batches.register(manifest('b', { total: 1 }));
    await batches.markCancelled('b');
    expect(await batches.status('b')).toMatchObject({ state: 'cancelled' });
    await ledger.settle(refusal({ job: 'b-0', batch: 'b' }));
    expect(await batches.status('b')).toMatchObject({ state: 'cancelled', failed: 1 });
  });

  test('is listed with the newest batch first', async () => {
    const { batches } = stores;
    for (const [index, id] of ['old', 'middle', 'new'].entries()) {
      await batches.register(manifest(id, { submittedAt: 1_000 + index }));
    }
    expect((await batches.list(2)).map((batch) => batch.id)).toEqual(['new', 'middle']);
  });
});

describe('the counters of a batch', () => {
  test('move with what they count, and count nothing twice', async () => {
    const { batches, ledger } = stores;
    const batch = 'b';
    await batches.register(manifest(batch, { maxTotalNanos: 5 }));
    const counters = async () => {
      const status = await batches.status(batch);
      const { completed, failed, cached, retrying, attempts, fallbacks, costNanos } = status ?? ({} as never);
      return { completed, failed, cached, retrying, attempts, fallbacks, costNanos };
    };
    const none = { completed: 0, failed: 0, cached: 0, retrying: 0, attempts: 0, fallbacks: 0, costNanos: 0 };
    expect(await counters()).toEqual(none);

    await sendOut(ledger, { job: 'b-0', batch, hold: 100 });
    const failure = failedAttempt({ job: 'b-0', batch, cost: 7 });
    await Promise.all([ledger.settle(failure), ledger.settle(failure)]);
    expect(await counters()).toEqual({ ...none, retrying: 1, attempts: 1, costNanos: 7 });

    await sendOut(ledger, { job: 'b-0', start: 2, batch, hold: 100 });
    await ledger.settle(failedAttempt({ job: 'b-0', start: 2, batch, cost: 0, isFallback: true }));
    expect(await counters()).toEqual({ ...none, retrying: 1, attempts: 2, fallbacks: 1, costNanos: 7 });

    await sendOut(ledger, { job: 'b-0', start: 3, batch, hold: 100 });
    const answer = answeredAttempt({ job: 'b-0', start: 3, batch, cost: 50, isFallback: true });
    await ledger.settle(answer);
    await ledger.settle(answer);
    expect(await counters()).toEqual({ ...none, completed: 1, attempts: 3, fallbacks: 2, costNanos: 57 });

    await ledger.settle(cachedEnding({ job: 'b-1', batch }));
    await ledger.settle(cachedEnding({ job: 'b-1', batch }));
    await ledger.settle(refusal({ job: 'b-2', batch }));
    expect(await counters()).toEqual({
      completed: 2,
      failed: 1,
      cached: 1,
      retrying: 0,
      attempts: 3,
      fallbacks: 2,
      costNanos: 57,
    });
  });

  test('an attempt that was lost counts, and its row is retrying until it ends', async () => {
    const { batches, ledger } = stores;
    await batches.register(manifest('b'));
    await sendOut(ledger, { job: 'b-0', batch: 'b', hold: 100 });
    await historyOf(ledger, 'b-0');
    expect(await batches.status('b')).toMatchObject({ retrying: 1, attempts: 1, costNanos: 100 });
    await ledger.settle(refusal({ job: 'b-0', batch: 'b' }));
    expect(await batches.status('b')).toMatchObject({ retrying: 0, failed: 1 });
  });

  test('an attempt that fails after its row has ended does not leave the row retrying', async () => {
    const { batches, ledger } = stores;
    await batches.register(manifest('b'));
    await sendOut(ledger, { job: 'b-0', batch: 'b', hold: 100 });
    await ledger.settle(refusal({ job: 'b-0', batch: 'b' }));
    await ledger.settle(failedAttempt({ job: 'b-0', batch: 'b', cost: 3 }));
    expect(await batches.status('b')).toMatchObject({ retrying: 0, failed: 1, attempts: 1, costNanos: 3 });
  });
});

describe('the life of a batch', () => {
  const SOON_MS = 5_000;

  /** As if the batch was submitted long ago: it and its cap have little life left. */
  async function growOld({ redis, keys }: Stores): Promise<void> {
    await redis.pexpire(keys.batch('b'), SOON_MS);
    await redis.pexpire(keys.budget('batch:b', 'total'), SOON_MS);
  }

  async function expectToOutlive({ redis, keys }: Stores, resultOf?: string): Promise<void> {
    const resultMs = resultOf === undefined ? SOON_MS : await redis.pttl(keys.result(resultOf));
    expect(await redis.pttl(keys.batch('b'))).toBeGreaterThan(resultMs);
    expect(await redis.pttl(keys.budget('batch:b', 'total'))).toBeGreaterThan(resultMs);
  }

  test('and of its cap is renewed by each attempt and each ending, and is longer than that of any result', async () => {
    const { batches, ledger } = stores;
    await batches.register(manifest('b', { maxTotalNanos: 500 }));
    const capped = { job: 'b-0', batch: 'b', hold: 100, budget: 'batch:b' };
    await sendOut(ledger, capped);
    await expectToOutlive(stores);

    await growOld(stores);
    await ledger.settle(failedAttempt({ job: 'b-0', batch: 'b', cost: 7 }));
    await expectToOutlive(stores);

    await sendOut(ledger, { ...capped, start: 2 });
    await growOld(stores);
    await historyOf(ledger, 'b-0');
    await expectToOutlive(stores);

    await growOld(stores);
    await ledger.settle(answeredAttempt({ job: 'b-0', start: 2, batch: 'b', cost: 50 }));
    await expectToOutlive(stores, 'b-0');

    await growOld(stores);
    await ledger.settle(cachedEnding({ job: 'b-1', batch: 'b' }));
    await expectToOutlive(stores, 'b-1');

    await growOld(stores);
    await batches.register(manifest('b', { maxTotalNanos: 500 }));
    await expectToOutlive(stores, 'b-1');
  });

  test('once over is over: nothing that still ends brings back a batch without a description', async () => {
    const { batches, ledger, redis, keys } = stores;
    await batches.register(manifest('b'));
    await sendOut(ledger, { job: 'b-0', batch: 'b', hold: 100 });
    await sendOut(ledger, { job: 'b-1', batch: 'b', hold: 100 });
    await redis.del(keys.batch('b'));

    await ledger.settle(failedAttempt({ job: 'b-0', batch: 'b', cost: 7, isFallback: true }));
    await historyOf(ledger, 'b-1');
    await ledger.settle(answeredAttempt({ job: 'b-1', batch: 'b', cost: 8 }));
    await ledger.settle(cachedEnding({ job: 'b-0', batch: 'b' }));
    await batches.markEnqueued('b', 2);
    await batches.markCancelled('b');

    expect(await redis.exists(keys.batch('b'))).toBe(0);
    expect(await ledger.results(['b-0', 'b-1'])).toMatchObject([{ cached: true }, { cost_nanos: 8 }]);
  });
});

describe('ending a row unless it is being called', () => {
  test('is refused while a call is under way, and when an attempt has failed that the result does not tell of', async () => {
    const { batches, ledger } = stores;
    await batches.register(manifest('b'));
    const ending = { ...refusal({ job: 'b-0', batch: 'b' }), unlessCalling: true };
    await sendOut(ledger, { job: 'b-0', batch: 'b', hold: 100 });
    expect(await ledger.settle(ending)).toBeUndefined();

    await ledger.settle(failedAttempt({ job: 'b-0', batch: 'b', cost: 7 }));
    expect(await ledger.settle(ending)).toBeUndefined();
    expect(await batches.status('b')).toMatchObject({ failed: 0, retrying: 1 });

    const attempts = await ledger.trail('b-0');
    const result = { ...completedResult('b-0', 7, ''), attempts };
    expect(await ledger.settle({ ...ending, result })).toEqual(result);
    expect(await ledger.results(['b-0'])).toEqual([result]);
  });
});
